"""Sentences that a passage should not share: what is dropped for them should be them alone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rag_service.domain.document import Block, Finding

ALONE = frozenset({"off_topic_request"})
"""Kinds that are judged by likelihood, sentence by sentence. Where a rule knows an instruction, what stands beside it
is the attacker's too, and goes with it."""

Span = tuple[int, int]


def spans_alone(text: str, suspicions: Sequence[Finding]) -> list[Span]:
    """The spans of such findings with the marks around them, in order; what only white space or marks part is one.

    >>> spans_alone("We sell tea. Sing! Dance! It is good.", [Finding("off_topic_request", 13, 17)])
    [(13, 18)]
    """
    spans: list[Span] = []
    for finding in sorted(suspicions, key=lambda one: one.start):
        if finding.kind not in ALONE:
            continue
        start, end = finding.start, finding.end
        while end < len(text) and not text[end].isalnum() and not text[end].isspace():
            end += 1
        if spans and not any(map(str.isalnum, text[spans[-1][1] : start])):
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def parted_from(block: Block, spans: Sequence[Span], text: str) -> Iterator[tuple[Block, bool]]:
    """The block in parts, each inside one of the spans or outside of all, and which. Parts are trimmed."""
    at = block.start
    first = max(bisect_right(spans, (block.start, block.start)) - 1, 0)
    for start, end in spans[first:]:
        if start >= block.end:
            break
        if end <= at:
            continue
        yield from _part(block, at, max(at, start), text, is_alone=False)
        at = min(end, block.end)
        yield from _part(block, max(block.start, start), at, text, is_alone=True)
    yield from _part(block, at, block.end, text, is_alone=False)


def _part(block: Block, start: int, end: int, text: str, *, is_alone: bool) -> Iterator[tuple[Block, bool]]:
    piece = text[start:end]
    left = start + len(piece) - len(piece.lstrip())
    if left < end:
        yield replace(block, start=left, end=start + len(piece.rstrip())), is_alone
