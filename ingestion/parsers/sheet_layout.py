"""What a worksheet says of its rows and columns besides their cells: which are hidden, and which are merged."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from xml.parsers import expat

_READ = 2**18
_TRUE = frozenset({"1", "true", "on"})
_MOST_COLUMNS = 16_384
_MOST_MERGES = 20_000
_WIDEST = 256
_MOST_SPREAD = 100_000
"""Cells of merged areas that are filled in; areas beyond them keep their first cell."""


_FLATTEST_ROW, _NARROWEST_COLUMN = 2.0, 0.3
"""Points, and letters, up to which nothing can be read in a row or column."""


@dataclass
class Layout:
    """Rows and columns count from 1. A merge is its first row, first column, last row and last column."""

    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)


def layout_of(archive: zipfile.ZipFile, part: str) -> Layout:
    """The layout that a worksheet's part states."""
    layout = Layout()
    row, room = 0, 2 * _MOST_COLUMNS  # no column is named twice, in a sheet that a program wrote

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal row, room
        name = name.rpartition(":")[2]
        if name == "row":
            row = _number(attributes.get("r")) or row + 1
            if attributes.get("hidden") in _TRUE or _is_flat(attributes.get("ht"), _FLATTEST_ROW):
                layout.hidden_rows.add(row)
        elif name == "col" and (
            attributes.get("hidden") in _TRUE or _is_flat(attributes.get("width"), _NARROWEST_COLUMN)
        ):
            first, last = _number(attributes.get("min")), _number(attributes.get("max"))
            last = min(last, _MOST_COLUMNS, first + room)
            room -= max(last - first, 0) + 1
            layout.hidden_columns.update(range(first, last + 1))
        elif name == "mergeCell" and len(layout.merges) < _MOST_MERGES and (area := _area(attributes.get("ref") or "")):
            layout.merges.append(area)

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    with archive.open(part) as stream:
        while piece := stream.read(_READ):
            parser.Parse(piece, False)
    return layout


def laid_out(rows: Iterable[tuple[int, list[str]]], layout: Layout) -> tuple[list[list[str]], list[str], set[int]]:
    """The shown rows with merged cells filled in, what is hidden as lines, and which shown rows had one merged across.

    A cell that is merged over a whole row stays one: it is a line above or within a table.
    """
    starting = _Merges(layout.merges)
    shown: list[list[str]] = []
    hidden: list[str] = []
    across: set[int] = set()
    before = 0
    for number, row in rows:
        if number > before + 1 and shown:  # rows that are not there part one table from the next
            shown.append([])
        before = number
        is_spread = starting.fill(number, row)
        taken = [cell for at, cell in enumerate(row, start=1) if cell and at in layout.hidden_columns]
        if number in layout.hidden_rows:
            hidden += [line for line in (" | ".join(filter(None, row)),) if line]
            continue
        if taken:
            hidden.append(" | ".join(taken))
        kept = row
        if layout.hidden_columns:
            kept = [cell for at, cell in enumerate(row, start=1) if at not in layout.hidden_columns]
        if is_spread:
            across.add(len(shown))
        shown.append(kept)
    return shown, hidden, across


class _Merges:
    def __init__(self, merges: Sequence[tuple[int, int, int, int]]) -> None:
        self._by_row: dict[int, list[tuple[int, int, int, int]]] = {}
        for area in merges:
            self._by_row.setdefault(area[0], []).append(area)
        self._open: list[tuple[tuple[int, int, int, int], str]] = []
        self._left = _MOST_SPREAD

    def fill(self, number: int, row: list[str]) -> bool:
        """Cells that merged areas cover hold what their first cell does; whether one reaches across columns."""
        self._open = [(area, text) for area, text in self._open if area[2] >= number]
        is_spread = False
        for area, text in self._open:
            self._put(row, area, text)
        others = sum(bool(cell) for cell in row)
        for area in self._by_row.get(number, ()):
            text = row[area[1] - 1] if area[1] <= len(row) else ""
            if not text:
                continue
            if area[2] > number and area[3] - area[1] < _WIDEST:
                self._open.append((area, text))
            if area[3] > area[1] and others > 1:
                self._put(row, area, text)
                is_spread = True
        return is_spread

    def _put(self, row: list[str], area: tuple[int, int, int, int], text: str) -> None:
        width = area[3] - area[1] + 1
        if width > self._left:
            self._open = []  # or each row would look through them for nothing
        if width > min(self._left, _WIDEST) or area[3] > len(row) + _WIDEST:
            return
        self._left -= width
        row.extend([""] * (area[3] - len(row)))
        row[area[1] - 1 : area[3]] = [text] * width


def _area(reference: str) -> tuple[int, int, int, int] | None:
    first, _, last = reference.partition(":")
    begin, end = _cell(first), _cell(last)
    if begin is None or end is None or end < begin:
        return None
    return (*begin, *end)


def _cell(reference: str) -> tuple[int, int] | None:
    letters = reference.rstrip("0123456789")
    number = _number(reference[len(letters) :])
    if not letters.isalpha() or not letters.isascii() or len(letters) > 3 or not number:
        return None
    column = 0
    for letter in letters.upper():
        column = column * 26 + ord(letter) - 64
    return number, column


def _is_flat(size: str | None, least: float) -> bool:
    try:
        return size is not None and float(size) <= least
    except ValueError:
        return False


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 8 else 0
