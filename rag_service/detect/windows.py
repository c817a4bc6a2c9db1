"""A long text in short pieces, each seen with its surroundings, so that a detector's time stays linear."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LENGTH = 1200
BEFORE = 120
AFTER = 320
"""Characters seen around a piece: context words before it, and the rest of a value that begins in it."""


@dataclass(frozen=True, slots=True)
class Window:
    """``text[low:high]`` is looked at, and what begins in ``[start:end)`` is taken."""

    low: int
    start: int
    end: int
    high: int


def windows(text: str) -> Iterator[Window]:
    """Pieces that tile the text, cut at white space where there is any.

    >>> [(w.start, w.end) for w in windows("a" * 1300)]
    [(0, 1200), (1200, 1300)]
    """
    start = 0
    while start < len(text):
        end = min(len(text), start + LENGTH)
        if end < len(text):
            cut = max(text.rfind("\n", start + LENGTH // 2, end), text.rfind(" ", start + LENGTH * 3 // 4, end))
            end = cut + 1 if cut > 0 else end
        yield Window(_word_start(text, max(0, start - BEFORE), start), start, end, min(len(text), end + AFTER))
        start = end


_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
_PIECE = 440
_AROUND = 40


def paragraphs(text: str) -> Iterator[Window]:
    """Paragraphs, long ones in pieces: a change in one paragraph leaves the pieces of the others as they were.

    >>> [text[w.low : w.high] for text in ["one\\n\\ntwo"] for w in paragraphs(text)]
    ['one', 'two']
    """
    start = 0
    for gap in (*_PARAGRAPH.finditer(text), None):
        end = gap.start() if gap else len(text)
        yield from _cut(text, start, end)
        start = gap.end() if gap else end


def _cut(text: str, start: int, stop: int) -> Iterator[Window]:
    first = start
    while start < stop:
        end = min(stop, start + _PIECE)
        if end < stop:
            cut = max(
                text.rfind("\n", start + _PIECE // 2, end),
                text.rfind(". ", start + _PIECE // 2, end),
                text.rfind(" ", start + _PIECE * 3 // 4, end),
            )
            end = cut + 1 if cut > 0 else end
        high = min(stop, end + _AROUND)
        yield Window(_word_start(text, max(first, start - _AROUND), start), start, end, high)
        start = end


def _word_start(text: str, low: int, start: int) -> int:
    """The first word boundary from ``low`` on, so that no piece of a longer value is taken for a whole one."""
    while 0 < low < start and not text[low - 1].isspace():
        low += 1
    return low
