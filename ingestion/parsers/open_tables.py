"""The cells of OpenDocument tables, each as a reader sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ingestion.parsers.extract import one_line
from ingestion.parsers.open_styles import OFFICE, TABLE, TEXT
from ingestion.parsers.sheets import bounded

_MOST_COLUMNS = 1024
_MOST_ROWS = 1000
"""How often a row or cell that says something may repeat; empty ones repeat to the end of the sheet."""

_NOT_SHOWN = (f"{OFFICE}annotation", f"{TEXT}tracked-changes")


def table_rows(table: Any) -> tuple[list[list[str]], int]:
    """The rows of a table in a text, and how many of them are its header."""
    header = sum(1 for node in table.iter(f"{TABLE}table-header-rows") for _ in node.iter(f"{TABLE}table-row"))
    return list(bounded(row for row, _, _ in _rows(table))), header


def sheet_rows(table: Any) -> tuple[list[list[str]], list[list[str]]]:
    """The rows of a sheet without hidden rows and columns; and those, which are empty where nothing is hidden."""
    hidden_columns = set(_hidden_columns(table))
    shown: list[list[str]] = []
    hidden: list[list[str]] = []
    for row, is_hidden, times in _rows(table):
        kept = [cell for at, cell in enumerate(row) if at not in hidden_columns]
        taken = [cell for at, cell in enumerate(row) if at in hidden_columns]
        if is_hidden:
            taken = row
        else:
            shown += [kept] * (min(times, _MOST_ROWS) if any(kept) else 1)
        hidden += [taken] if any(taken) else []
    return shown, hidden


def _rows(table: Any) -> Iterator[tuple[list[str], bool, int]]:
    for row in table.iter(f"{TABLE}table-row"):
        if next(row.iterancestors(f"{TABLE}table")) is not table:
            continue
        cells: list[str] = []
        for cell in row:
            if not isinstance(cell.tag, str):
                continue
            if cell.tag == f"{TABLE}covered-table-cell" and _is_spread(cell):
                continue
            times = max(_count(cell, "number-columns-repeated"), _count(cell, "number-columns-spanned"))
            cells += [cell_text(cell)] * min(times, _MOST_COLUMNS - len(cells))
        while cells and not cells[-1]:
            cells.pop()
        is_hidden = row.get(f"{TABLE}visibility") in ("collapse", "filter")
        yield cells, is_hidden, _count(row, "number-rows-repeated")


def _is_spread(covered: Any) -> bool:
    """Whether a cell is covered by one to its left, which was repeated in its place, and not by one above."""
    before = covered.getprevious()
    while before is not None and before.tag == f"{TABLE}covered-table-cell":
        before = before.getprevious()
    return before is not None and _count(before, "number-columns-spanned") > 1


def cell_text(cell: Any) -> str:
    """The paragraphs of a cell on one line."""
    shown = (
        node for node in cell.iter(f"{TEXT}p", f"{TEXT}h") if not any(True for _ in node.iterancestors(*_NOT_SHOWN))
    )
    return one_line(" ".join("".join(node.itertext()) for node in shown))


def _hidden_columns(table: Any) -> Iterator[int]:
    at = 0
    for column in table.iter(f"{TABLE}table-column"):
        count = min(_count(column, "number-columns-repeated"), _MOST_COLUMNS)
        if column.get(f"{TABLE}visibility") in ("collapse", "filter"):
            yield from range(at, at + count)
        at += count


def _count(node: Any, name: str) -> int:
    text = node.get(f"{TABLE}{name}") or "1"
    return int(text) if text.isdecimal() and 0 < len(text) < 8 else 1
