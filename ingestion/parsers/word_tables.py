"""Tables of Word files: taken out of the body as rows of text, merged cells said in every row and column they cover."""

from __future__ import annotations

from typing import Any

from ingestion.parsers.concealed_word import W
from ingestion.parsers.extract import one_line
from ingestion.parsers.page_tables import LONGEST_SAID_AGAIN, PLACE
from ingestion.parsers.tables import table_text

_WIDEST = 63
"""Columns of a table in Word."""

_OFF = frozenset({"0", "false", "off"})


def take_word_tables(body: Any) -> list[str]:
    """Every table is replaced by a paragraph that holds its place, and returned as text.

    A table of one column arranges the page: what it holds takes its place.
    """
    texts: list[str] = []
    for table in [node for node in body.iter(f"{W}tbl") if next(node.iterancestors(f"{W}tbl"), None) is None]:
        parent = table.getparent()
        rows = list(table.iterchildren(f"{W}tr"))
        if all(len(row.findall(f"{W}tc")) == 1 for row in rows):
            for node in [node for cell in table.iter(f"{W}tc") for node in cell if node.tag == f"{W}p"]:
                table.addprevious(node)
            parent.remove(table)
            continue
        if text := table_text([*_grid(rows)], header_rows=_header_rows(rows) or None):
            paragraph = table.makeelement(f"{W}p")
            run = paragraph.makeelement(f"{W}r")
            held = run.makeelement(f"{W}t")
            held.text = PLACE.format(len(texts))
            run.append(held)
            paragraph.append(run)
            table.addprevious(paragraph)
            texts.append(text)
        parent.remove(table)
    return texts


def _grid(rows: list[Any]) -> list[list[str]]:
    grid: list[list[str]] = []
    above: dict[int, str] = {}
    for row in rows:
        cells = [""] * min(_number(row, "trPr", "gridBefore", 0), _WIDEST)
        held = row.findall(f"{W}tc")
        for cell in held:
            merge = cell.find(f"{W}tcPr/{W}vMerge")
            goes_on = merge is not None and merge.get(f"{W}val") != "restart"
            text = above.get(len(cells), "") if goes_on else cell_text(cell)
            width = min(_number(cell, "tcPr", "gridSpan", 1), _WIDEST) if len(held) > 1 else 1
            again = text if len(text) <= LONGEST_SAID_AGAIN else ""
            for at in range(len(cells), len(cells) + width):
                above[at] = again
            cells += [text, *[again] * (width - 1)]
        grid.append(cells)
    return grid


def _header_rows(rows: list[Any]) -> int:
    """How many rows at the head are marked to be repeated on every page."""
    count = 0
    for row in rows:
        mark = row.find(f"{W}trPr/{W}tblHeader")
        if mark is None or (mark.get(f"{W}val") or "1").lower() in _OFF:
            break
        count += 1
    return count


def cell_text(cell: Any) -> str:
    """All that a cell holds, tables in it too, on one line."""
    pieces = cell.iter(f"{W}t", f"{W}tab", f"{W}br", f"{W}p", f"{W}noBreakHyphen")
    signs = {f"{W}noBreakHyphen": "-"}
    return one_line("".join((one.text or "") if one.tag == f"{W}t" else signs.get(one.tag, " ") for one in pieces))


def _number(node: Any, properties: str, name: str, otherwise: int) -> int:
    stated = node.find(f"{W}{properties}/{W}{name}")
    value = (stated.get(f"{W}val") or "") if stated is not None else ""
    return int(value) if value.isdecimal() and len(value) < 4 and int(value) else otherwise
