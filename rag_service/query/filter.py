"""Filter: of a draft, only sentences that a passage supports, and nothing in them that the passage lacks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from rag_service.detect.pii import PiiDetector
from rag_service.domain.answer import Flag, Passage
from rag_service.query.generate import Generated
from rag_service.query.support import Support, SupportFinder, without_markers
from rag_service.sentences import sentence_spans

LONGEST = 20_000
"""Characters of a draft that are looked at. An answer is a few hundred; what a hostile model adds costs nothing."""
MOST_SENTENCES = 200


@dataclass(frozen=True, slots=True)
class ReleasedSentence:
    """A sentence that may leave, what supports it, and the white space that stood before it."""

    text: str
    support: Support
    gap: str


@dataclass(frozen=True, slots=True)
class Filtered:
    sentences: tuple[ReleasedSentence, ...]
    flags: tuple[Flag, ...]


def filter_draft(generated: Generated, passages: tuple[Passage, ...], detector: PiiDetector) -> Filtered:
    """The sentences of the draft that may be released. Why others were dropped is counted in flags."""
    text = generated.draft.text[:LONGEST]
    finder = SupportFinder(passages)
    spans = [piece for span in sentence_spans(text) for piece in _pieces(text, span, finder)]
    released: list[ReleasedSentence] = []
    dropped: Counter[str] = Counter()
    said: set[str] = set()
    end_before = 0
    for start, end in spans[:MOST_SENTENCES]:
        sentence, gap = without_markers(text[start:end]), "\n" if "\n" in text[end_before:start] else " "
        end_before = end
        if not sentence:
            continue
        reason, support = _judge(sentence, generated.prompt.canary, finder, detector)
        if support is None:
            dropped[reason] += 1
        elif sentence not in said:
            said.add(sentence)
            released.append(ReleasedSentence(sentence, support, gap))
    if len(generated.draft.text) > LONGEST or len(spans) > MOST_SENTENCES:
        dropped["too_long"] += 1
    return Filtered(tuple(released), tuple(Flag("filter", kind, "dropped") for kind in sorted(dropped)))


def _pieces(text: str, span: tuple[int, int], finder: SupportFinder) -> list[tuple[int, int]]:
    """The span, or its lines where each copies a sentence: a quotation in lower case joins the line before it."""
    start, end = span
    lines: list[tuple[int, int]] = []
    for line in text[start:end].splitlines(keepends=True):
        lines.append((start, start + len(line.rstrip())))
        start += len(line)
    return lines if all(finder.is_copy(text[low:high]) for low, high in lines) else [span]


def _judge(sentence: str, canary: str, finder: SupportFinder, detector: PiiDetector) -> tuple[str, Support | None]:
    """Why the sentence must go, or its support."""
    if canary in sentence:
        return "prompt_leak", None
    support = finder.find(sentence)
    if support is None:
        return "unsupported", None
    supporting = support.passage.text[support.start : support.end]
    if not detector.identifier_values(sentence) <= detector.identifier_values(supporting):
        return "unsupported_identifier", None
    return "", support
