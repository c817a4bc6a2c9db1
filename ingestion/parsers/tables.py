"""Rows of cells as text whose every line can be understood alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingestion.parsers.extract import one_line

_NUMBER = re.compile(r"[-+(]?[\s$€£¥₹%]*\d[\d\s.,:/%-]*[)%]?")
_MAX_HEADER = 80
_MOST_NAMED = 10
"""How many times as long as its cells a table may become by the names of its columns, and by cells that span many."""
_SMALL = 2**20


def table_text(rows: Sequence[Sequence[str]], *, has_header: bool | None = None, header_rows: int | None = None) -> str:
    """A line a row: ``Header: value; Header: value`` under a header row, else the cells joined by bars.

    ``has_header`` is guessed from the first row where the format does not say; ``header_rows`` says that several rows
    together name the columns. Empty rows and empty cells are left out, and a cell that several columns share is said
    once.

    >>> table_text([["Plan", "Price"], ["Basic", "9 €"]])
    'Plan: Basic; Price: 9 €'
    >>> table_text([["", "2023", "2023"], ["Plan", "Q1", "Q2"], ["Basic", "9", "8"]], header_rows=2)
    'Plan: Basic; 2023 Q1: 9; 2023 Q2: 8'
    >>> table_text([["1", "2"], ["3", ""]])
    '1 | 2\\n3'
    """
    grid = [[one_line(cell) for cell in row] for row in rows]
    if header_rows is not None and header_rows < len(grid) and any(map(any, grid[:header_rows])):
        grid = [_joined_header(grid[:header_rows]), *grid[header_rows:]]
        has_header = True
    grid = [row for row in grid if any(row)]
    if not grid:
        return ""
    if has_header is None:
        has_header = looks_like_header(grid[0])
    if not has_header or len(grid) < 2:
        return "\n".join(_bars(row) for row in grid)
    header, *body = grid
    names = sum(len(name) for row in body for name, cell in zip(header, row, strict=False) if cell)
    if names > _SMALL and names > _MOST_NAMED * sum(len(cell) for row in body for cell in row):
        return "\n".join(_bars(row) for row in grid)
    return "\n".join(_labelled(header, row) for row in body)


def _joined_header(rows: Sequence[Sequence[str]]) -> list[str]:
    """The names of the columns, each the words above it from top to bottom, said once."""
    width = max(map(len, rows))
    columns = [dict.fromkeys(row[at] for row in rows if at < len(row) and row[at]) for at in range(width)]
    return [" ".join(column) for column in columns]


def looks_like_header(first: Sequence[str]) -> bool:
    """Whether a row can name its columns: two or more short, distinct cells, none a number; one may be empty."""
    named = [cell for cell in first if cell]
    return (
        len(named) >= 2
        and len(named) >= len(first) - 1
        and len({cell.casefold() for cell in named}) == len(named)
        and not any(_NUMBER.fullmatch(cell) or len(cell) > _MAX_HEADER for cell in named)
    )


def _bars(row: Sequence[str]) -> str:
    return " | ".join(cell for at, cell in enumerate(row) if cell and (at == 0 or row[at - 1] != cell))


def _labelled(header: Sequence[str], row: Sequence[str]) -> str:
    if sum(map(bool, row)) == 1:  # a row that is a heading within the table
        return next(cell for cell in row if cell)
    parts = []
    for at, cell in enumerate(row):
        if cell:
            name = header[at].rstrip(" :") if at < len(header) else ""
            parts.append(f"{name}: {cell}" if name else cell)
    return "; ".join(parts)
