"""Tables of web pages, taken out of the tree as text."""

from __future__ import annotations

from typing import Any

from ingestion.parsers.extract import one_line
from ingestion.parsers.tables import table_text

PLACE = "\ue000{}\ue001"
"""What stands in a table's place, with its number."""

_FLOW_IN_CELL = frozenset({"table", "h1", "h2", "h3", "h4", "h5", "h6", "form"})
_PARTS = ("thead", "tbody", "tfoot", "tr", "td", "th", "caption")
_WIDEST, _HIGHEST = 50, 1000
LONGEST_SAID_AGAIN = 300
"""Letters of a cell that is said in every row and column that it spans; a longer one is said once."""


def take_tables(root: Any) -> list[str]:
    """Every data table is replaced by a place holder and returned as text; layout tables become blocks."""
    texts: list[str] = []
    for table in list(root.iter("table")):
        if _is_layout(table):
            for node in (table, *_own_parts(table)):
                node.tag = "div"
            continue
        lines = table_text(_grid(table), header_rows=_header_rows(table) or None)
        caption = one_line(" ".join(text for node in table.iter("caption") for text in node.itertext()))
        table.clear(keep_tail=True)
        table.tag = "div"
        if lines or caption:
            table.text = PLACE.format(len(texts))
            texts.append("\n".join(part for part in (caption, lines) if part))
    return texts


def _own_parts(table: Any) -> list[Any]:
    """The rows and cells of a table without those of tables in it."""
    found, stack = [], list(table)
    while stack:
        node = stack.pop()
        if node.tag != "table":
            found += [node] if node.tag in _PARTS else []
            stack.extend(node)
    return found


def _is_layout(table: Any) -> bool:
    """Whether a table arranges a page rather than data: it holds other tables or headings, or has one column.

    Cells in cells are no table that a browser would draw.
    """
    if (table.get("role") or "").lower() in ("presentation", "none"):
        return True
    if any(node is not table for node in table.iter(*_FLOW_IN_CELL)):
        return True
    if any(next(cell.iterdescendants("td", "th", "tr"), None) is not None for cell in table.iter("td", "th")):
        return True
    return all(len(row.findall("td")) + len(row.findall("th")) < 2 for row in table.iter("tr"))


def _header_rows(table: Any) -> int:
    """How many rows at the head of the table name its columns."""
    count = 0
    for row in table.iter("tr"):
        cells = list(row.iter("td", "th"))
        if not cells or any(cell.tag != "th" for cell in cells) or (count == 0 and len(cells) < 2):
            break
        count += 1
    return count


def _grid(table: Any) -> list[list[str]]:
    """The texts of the cells, one that spans columns or rows repeated so that values stay under their headers.

    One that spans a whole row is said once: it is a heading within the table.
    """
    rows: list[list[str]] = []
    below: dict[int, tuple[str, int]] = {}
    for row in table.iter("tr"):
        cells: list[str] = []
        held = list(row.iter("td", "th"))
        for cell in held:
            _take_from_above(cells, below)
            text, height = _cell_text(cell), _span(cell, "rowspan", _HIGHEST)
            width = _span(cell, "colspan", _WIDEST) if len(held) > 1 or below else 1
            again = text if len(text) <= LONGEST_SAID_AGAIN else ""
            for at in range(len(cells), len(cells) + width):
                if height > 1:
                    below[at] = (again, height - 1)
            cells += [text, *[again] * (width - 1)]
        _take_from_above(cells, below)
        rows.append(cells)
    return rows


def _take_from_above(cells: list[str], below: dict[int, tuple[str, int]]) -> None:
    while (held := below.pop(len(cells), None)) is not None:
        text, left = held
        if left > 1:
            below[len(cells)] = (text, left - 1)
        cells.append(text)


def _span(cell: Any, name: str, most: int) -> int:
    stated = cell.get(name) or "1"
    return min(int(stated), most) if stated.isdecimal() and len(stated) < 6 and int(stated) else 1


def _cell_text(cell: Any) -> str:
    """The words of a cell, with a space wherever a block or line break parts them."""
    for node in cell.iter("br", "p", "div", "li"):
        node.text, node.tail = f" {node.text or ''}", f" {node.tail or ''}"
    return one_line("".join(cell.itertext()))
