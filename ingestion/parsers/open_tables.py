"""The cells of OpenDocument tables, each as a reader sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ingestion.parsers.extract import one_line
from ingestion.parsers.open_styles import OFFICE, TABLE, TEXT, Styles
from ingestion.parsers.room import bounded

_MOST_COLUMNS = 1024
_MOST_ROWS = 1000
"""How often a row or cell that says something may repeat; empty ones repeat to the end of the sheet."""

_DEEPEST = 50
"""Spans within spans that are looked into."""
_NOT_SHOWN = (f"{OFFICE}annotation", f"{TEXT}tracked-changes")


@dataclass
class SheetRows:
    """The rows that are shown; what is hidden, with its rows and columns; what cells keep from sight; and comments."""

    shown: list[list[str]] = field(default_factory=list)
    hidden: list[list[str]] = field(default_factory=list)
    disguised: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)


def table_rows(table: Any, styles: Styles) -> tuple[list[list[str]], int, list[str]]:
    """The rows of a table in a text, how many of them are its header, and what its cells keep from sight."""
    header = sum(row.getparent().tag == f"{TABLE}table-header-rows" for row in own_nodes(table, f"{TABLE}table-row"))
    unseen: list[str] = []
    return list(bounded(row for row, _, _ in _rows(table, styles, unseen))), header, unseen


def sheet_rows(table: Any, styles: Styles) -> SheetRows:
    """The rows of a sheet, without hidden rows and columns."""
    found = SheetRows()
    hidden_columns = set(_hidden_columns(table))
    for row, is_hidden, times in _rows(table, styles, found.disguised):
        kept = [cell for at, cell in enumerate(row) if at not in hidden_columns]
        taken = [cell for at, cell in enumerate(row) if at in hidden_columns]
        if is_hidden:
            taken = row
        else:
            found.shown += [kept] * (min(times, _MOST_ROWS) if any(kept) else 1)
        found.hidden += [taken] if any(taken) else []
    notes = (one_line(" ".join(node.itertext())) for node in table.iter(f"{OFFICE}annotation"))
    found.noted += filter(None, notes)
    return found


def _rows(table: Any, styles: Styles, unseen: list[str]) -> Iterator[tuple[list[str], bool, int]]:
    defaults = list(_column_styles(table))
    painted = styles.ground(table.get(f"{TABLE}style-name"))
    for row in own_nodes(table, f"{TABLE}table-row"):
        cells: list[str] = []
        is_spread = False
        beneath = styles.ground(row.get(f"{TABLE}style-name")) or painted
        for cell in row:
            if not isinstance(cell.tag, str):
                continue
            if cell.tag != f"{TABLE}covered-table-cell":
                is_spread = _count(cell, "number-columns-spanned") > 1
            elif is_spread:  # covered by one to its left, which was repeated in its place, and not by one above
                continue
            times = max(_count(cell, "number-columns-repeated"), _count(cell, "number-columns-spanned"))
            style = cell.get(f"{TABLE}style-name") or row.get(f"{TABLE}default-cell-style-name")
            style = style or (defaults[len(cells)] if len(cells) < len(defaults) else None)
            text = cell_text(cell, styles, style, unseen, beneath)
            cells += [text] * min(times, _MOST_COLUMNS - len(cells))
        while cells and not cells[-1]:
            cells.pop()
        is_hidden = row.get(f"{TABLE}visibility") in ("collapse", "filter")
        yield cells, is_hidden, _count(row, "number-rows-repeated")


def _column_styles(table: Any) -> Iterator[str | None]:
    """Of each column, how cells look that do not say so themselves."""
    left = _MOST_COLUMNS
    for column in table.iter(f"{TABLE}table-column"):
        count = min(_count(column, "number-columns-repeated"), left)
        left -= count
        yield from [column.get(f"{TABLE}default-cell-style-name")] * count


def own_nodes(node: Any, *tags: str) -> Iterator[Any]:
    """The nodes of these names within, in order, without what stands in a further table or is not shown."""
    stack = list(reversed(node))
    while stack:
        one = stack.pop()
        if one.tag in tags:
            yield one
        if one.tag != f"{TABLE}table" and one.tag not in _NOT_SHOWN:
            stack.extend(reversed(one))


def cell_text(cell: Any, styles: Styles, style: str | None, unseen: list[str], beneath: str | None) -> str:
    """The paragraphs of a cell on one line, without tables in it; what nobody sees of them goes to ``unseen``.

    ``beneath`` is the colour that the row or the table paints under a cell that has none.
    """
    shown = own_nodes(cell, f"{TEXT}p", f"{TEXT}h")
    ground = styles.ground(style) or beneath
    if not any(True for _ in cell.iter(f"{TEXT}span")):
        text = one_line(" ".join("".join(node.itertext()) for node in shown))
    else:
        text = one_line(" ".join("".join(_seen(node, styles, ground, unseen, _DEEPEST)) for node in shown))
    if text and styles.hides_cell(style, ground):
        unseen.append(text)
        return ""
    return text


def _seen(node: Any, styles: Styles, ground: str | None, unseen: list[str], depth: int) -> Iterator[str]:
    yield node.text or ""
    for child in node:
        name = child.get(f"{TEXT}style-name") if child.tag == f"{TEXT}span" else None
        if name is not None and styles.is_unseen(name, ground=ground):
            unseen += filter(None, [one_line("".join(child.itertext()))])
        elif isinstance(child.tag, str) and depth:
            yield from _seen(child, styles, ground, unseen, depth - 1)
        yield child.tail or ""


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
