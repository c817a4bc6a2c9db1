"""Lines on a page to paragraphs: by the gaps between them, and by whether the next word would have fitted."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_BULLET = re.compile(r"(?:[•‣◦▪●○■□➢➤✓✔–—*·-]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s+\S")
_MARK = re.compile(r"[•‣◦▪●○■□➢➤✓✔–—*·-]\s+")
_DIGITS = re.compile(r"\d+")
_PARAGRAPH_GAP = 1.6
_BUCKET = 24.0
_SHORT = 30
"""Letters in a line that is too short to be a column of prose: a row of a narrow table."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of letters of one size; points from the lower left corner. ``hyphenated``: its last word goes on."""

    text: str
    left: float
    right: float
    bottom: float
    size: float
    hyphenated: bool = False


def without_running_lines(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """The pages without page numbers and the lines that stand at the head or foot of most of them."""
    edges: Counter[str] = Counter()
    for page in pages:
        edges.update({_shape(page[at].text) for at in _edge_positions(page)})
    running = {shape for shape, count in edges.items() if count >= 3 and count * 2 > len(pages)} | {"#"}
    kept: list[list[Line]] = []
    for page in pages:
        dropped = {at for at in _edge_positions(page) if len(page) > 1 and _shape(page[at].text) in running}
        kept.append([line for at, line in enumerate(page) if at not in dropped])
    return kept


def _edge_positions(page: Sequence[Line]) -> set[int]:
    """The first and last line of the reading order, and the highest and lowest on the paper."""
    if not page:
        return set()
    by_height = sorted(range(len(page)), key=lambda at: page[at].bottom)
    return {0, len(page) - 1, by_height[0], by_height[-1]}


def _shape(text: str) -> str:
    return _DIGITS.sub("#", text.strip())


def paragraphs(page: Sequence[Line], *, is_word: Callable[[str], bool]) -> Iterator[tuple[str, float, bool]]:
    """Paragraphs of a page as (text, size of its letters, whether it is a list item).

    Within a paragraph a line end becomes a space where the line was full, and stays where the writer ended the line.
    """
    margins = _right_margins(page)
    text, before = "", None
    size, is_item = 0.0, False
    for line in page:
        if before is None or _begins_paragraph(before, line):
            if text:
                yield _finished(text, size, is_item)
            text, size, is_item = line.text, line.size, bool(_BULLET.match(line.text))
        elif before.hyphenated:
            text = _joined(text, line.text, is_word)
        else:
            text += (" " if _was_full(before, line, margins) else "\n") + line.text
        before = line
    if text:
        yield _finished(text, size, is_item)


def _finished(text: str, size: float, is_item: bool) -> tuple[str, float, bool]:
    return (_MARK.sub("", text, count=1) if is_item and _MARK.match(text) else text), size, is_item


def _begins_paragraph(before: Line, line: Line) -> bool:
    if before.hyphenated:
        return False
    drop = before.bottom - line.bottom
    size = max(before.size, line.size)
    return (
        abs(before.size - line.size) > 0.08 * size
        or drop > _PARAGRAPH_GAP * size
        or drop < -3 * size
        or bool(_BULLET.match(line.text))
    )


def _was_full(before: Line, line: Line, margins: dict[int, float]) -> bool:
    """Whether the first word of ``line`` would not have fitted at the end of the line before it."""
    if len(before.text) < _SHORT or (_is_row(before.text) and _is_row(line.text)):
        return False
    if before.bottom - line.bottom < 0.4 * line.size or abs(before.left - line.left) > 4 * line.size:
        return False
    first_word = len(line.text.split(" ", 1)[0]) + 1
    width = (line.right - line.left) / max(len(line.text), 1) * first_word
    return before.right + width > margins[_bucket(before)] - 0.3 * line.size


def _is_row(text: str) -> bool:
    """Whether a line reads as a row of figures: it ends in one, and a third of its words are."""
    words = text.split()
    figures = [any(character.isdigit() for character in word) for word in words]
    return figures[-1] and sum(figures) * 3 >= len(words)


def _right_margins(page: Sequence[Line]) -> dict[int, float]:
    """How far right the lines reach that begin about where a given line begins: a column's edge."""
    reach: defaultdict[int, float] = defaultdict(float)
    for line in page:
        for bucket in (_bucket(line) - 1, _bucket(line), _bucket(line) + 1):
            reach[bucket] = max(reach[bucket], line.right)
    return reach


def _bucket(line: Line) -> int:
    return int(line.left // _BUCKET)


def _joined(head: str, tail: str, is_word: Callable[[str], bool]) -> str:
    """Two halves of a word parted at a line end: one word, or a compound that keeps its hyphen."""
    first = re.search(r"\w+$", head)
    second = re.match(r"\w+", tail)
    if first is None or second is None or not second.group()[0].islower():
        return f"{head}-{tail}"
    a, b = first.group(), second.group()
    if not is_word(a + b) and len(a) > 2 and len(b) > 2 and is_word(a) and is_word(b):
        return f"{head}-{tail}"
    return head + tail
