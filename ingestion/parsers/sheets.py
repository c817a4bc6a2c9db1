"""Spreadsheets and CSV: tables whose every line can be read alone.

Read with ``csv`` and ``openpyxl`` rather than through ``unstructured``, which passes cells through pandas and so turns
``007`` into ``7`` and an empty cell into a number's absence for the whole column.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator
from typing import Any

from ingestion.decode import decode_text
from ingestion.parsers.extract import Extract, one_line
from ingestion.parsers.tables import table_text
from rag_service.domain.document import BlockKind, Element
from rag_service.domain.errors import Refused

MAX_CELLS = 5_000_000
_DELIMITERS = ",;\t|"
_FIELD_LIMIT = 2**24


def parse_csv(content: bytes) -> Extract:
    """The rows of a CSV file, whichever of the usual delimiters parts them."""
    text = decode_text(content).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    csv.field_size_limit(_FIELD_LIMIT)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    return Extract(tuple(blocks(_bounded(rows), page=None, section=None)))


def parse_xlsx(content: bytes) -> Extract:
    """The shown sheets of a workbook, numbered as pages and named as sections. Hidden sheets are concealed."""
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    elements: list[Element] = []
    concealed: list[str] = []
    for page, sheet in enumerate(book.worksheets, start=1):
        sheet.reset_dimensions()  # what the file states of its size may be wrong, and rows are padded to it
        rows = ([_cell(value) for value in row] for row in sheet.iter_rows(values_only=True))
        found = list(blocks(_bounded(rows), page=page, section=one_line(sheet.title) or None))
        if sheet.sheet_state == "visible":
            elements += found
        elif found:
            concealed.append("\n".join(element.text for element in found))
    title = one_line(book.properties.title or "") or None
    book.close()
    return Extract(tuple(elements), tuple(concealed), title)


def blocks(rows: Iterable[list[str]], *, page: int | None, section: str | None) -> Iterator[Element]:
    """An element a run of rows without a gap; a line of its own above a table is text, not a row of it."""
    run: list[list[str]] = []
    for row in [*rows, []]:
        if any(cell.strip() for cell in row):
            run.append(row)
            continue
        filled = [_filled(row) for row in run]
        above = next((at for at, count in enumerate(filled) if count > 1), 0)  # none where no row has two
        for line in run[:above]:
            yield Element(one_line(" ".join(line)), BlockKind.TEXT, page, section)
        if run:
            yield Element(table_text(_trimmed(run[above:])), BlockKind.TABLE, page, section)
        run = []


def _filled(row: list[str]) -> int:
    return sum(bool(cell.strip()) for cell in row)


def _trimmed(rows: list[list[str]]) -> list[list[str]]:
    """The rows without the empty columns to the left and right of the table."""
    used = [at for row in rows for at, cell in enumerate(row) if cell.strip()]
    table = slice(min(used), max(used) + 1)
    return [row[table] for row in rows]


def _bounded(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    cells = 0
    for row in rows:
        cells += len(row) + 1
        if cells > MAX_CELLS:
            raise Refused("too_large", f"The table has more than {MAX_CELLS} cells.")
        yield row


def _delimiter(text: str) -> str:
    """The delimiter found in the same number on most of the first lines; a comma where none is."""
    lines = [line for line in text[:20_000].split("\n") if line.strip()][:20]
    counts = {mark: [line.count(mark) for line in lines] for mark in _DELIMITERS}
    scores = {mark: sum(n == found[0] > 0 for n in found) for mark, found in counts.items() if found}
    best = max(scores, key=lambda mark: scores[mark], default=",")
    return best if scores.get(best) else ","


def _cell(value: Any) -> str:
    """A cell as a reader would write it: no ``.0`` on whole numbers, no midnight on dates."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.12g}"
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(" ", "minutes")
    return str(value)
