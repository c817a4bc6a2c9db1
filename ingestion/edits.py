"""Replacements in a text, and where each position moves."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """``text[start:end]`` becomes ``replacement``."""

    start: int
    end: int
    replacement: str


def apply(text: str, edits: Sequence[Edit]) -> tuple[str, Callable[[int], int]]:
    """The edited text, and a map from old positions to new ones that never goes backwards.

    ``edits`` are in order, do not overlap, and none is of an empty span. A position inside a replaced span moves to
    the replacement's end, so of two neighbours that share a span the first one owns the replacement.

    >>> text, moved = apply("call 555 now", [Edit(5, 8, "[PHONE]")])
    >>> text, text[moved(9):moved(12)], text[:moved(6)]
    ('call [PHONE] now', 'now', 'call [PHONE]')
    """
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[tuple[int, int]] = []
    position = length = 0
    for edit in edits:
        length += edit.start - position + len(edit.replacement)
        pieces += (text[position : edit.start], edit.replacement)
        starts.append(edit.start)
        ends.append((edit.end, length))
        position = edit.end
    pieces.append(text[position:])

    def moved(at: int) -> int:
        index = bisect_right(starts, at - 1) - 1
        if index < 0:
            return at
        old_end, new_end = ends[index]
        return new_end + max(0, at - old_end)

    return "".join(pieces), moved
