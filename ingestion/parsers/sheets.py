"""Spreadsheets and CSV: tables whose every line can be read alone.

Read with ``csv`` and ``openpyxl`` rather than through ``unstructured``, which passes cells through pandas and so turns
``007`` into ``7`` and an empty cell into a number's absence for the whole column.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import zipfile
from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal

from ingestion.decode import decode_text
from ingestion.parsers.concealed_cells import STATED, CellLooks, comments
from ingestion.parsers.extract import MAX_SECTION, Extract, one_line
from ingestion.parsers.record_text import Record, Value, record_extract
from ingestion.parsers.room import Room, bounded, most_cells, too_many_cells
from ingestion.parsers.sheet_layout import laid_out, layout_of
from ingestion.parsers.stated import worth_screening
from ingestion.parsers.tables import looks_like_header, table_text
from ingestion.parsers.word import own_title
from rag_service.domain.document import BlockKind, Element

_PARTS_OF_STRING = 6
"""Tags."""

_DELIMITERS = ",;\t|"
_FIELD_LIMIT = 2**24
_SEPARATOR = re.compile(r"sep=([,;\t|])\n")
_MOST_LINES = 200
"""Line ends in a cell."""

_LONG_ROW = 400
"""Letters of a row that is a text of its own, rather than a line of a table."""


def parse_csv(content: bytes) -> Extract:
    """The rows of a CSV file, whichever of the usual delimiters parts them."""
    text = decode_text(content).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    csv.field_size_limit(_FIELD_LIMIT)
    stated = _SEPARATOR.match(text)
    delimiter = stated.group(1) if stated else _delimiter(text)
    text = text[stated.end() :] if stated else text
    rows = _rows(text, delimiter, csv.QUOTE_MINIMAL)
    if any(cell.count("\n") > _MOST_LINES for row in rows for cell in row):  # a quote that nothing closes
        rows = _rows(text, delimiter, csv.QUOTE_NONE)
    return Extract(tuple(blocks(rows, page=None, section=None)))


def _rows(text: str, delimiter: str, quoting: Literal[0, 3]) -> list[list[str]]:
    return list(bounded(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting)))


def parse_xlsx(content: bytes) -> Extract:
    """The shown sheets of a workbook, numbered as pages and named as sections.

    Hidden sheets, rows and columns are concealed, comments and properties too; what cells hide is disguised.
    """
    from openpyxl import load_workbook

    archive = zipfile.ZipFile(io.BytesIO(content))
    most = most_cells(content)
    for name in archive.namelist():
        if name.lower().endswith("sharedstrings.xml") and archive.read(name).count(b"<") > _PARTS_OF_STRING * most:
            raise too_many_cells(most)
    book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    elements: list[Element] = []
    concealed: list[str] = []
    disguised: list[str] = []
    looks = CellLooks()
    room = Room(most)
    for page, sheet in enumerate(book.worksheets, start=1):
        layout = layout_of(archive, sheet._worksheet_path)  # noqa: SLF001  # nothing else tells the part's name
        shown, hidden, across = laid_out(room.bounded(_rows_of(sheet, looks, disguised)), layout)
        found = list(blocks(shown, page=page, section=one_line(sheet.title) or None, across=across))
        if sheet.sheet_state == "visible":
            elements += found
        elif found:
            concealed.append("\n".join(element.text for element in found))
        concealed += ["\n".join(hidden)] if hidden else []
    title = own_title(book.properties.title)
    concealed += [*comments(archive), *worth_screening(getattr(book.properties, name) for name in STATED)]
    book.close()
    archive.close()
    return Extract(tuple(elements), tuple(concealed), title, tuple(disguised))


def _seen(row: Iterable[Any], looks: CellLooks, disguised: list[str]) -> list[str]:
    """The cells of a row as they are read; what nobody sees of them is put apart, a row's together."""
    cells = list(row)
    texts = [_shown(cell) for cell in cells]
    unseen = [at for at, cell in enumerate(cells) if texts[at] and looks.hides(cell)]
    if unseen:
        disguised.append(one_line(" ".join(texts[at] for at in unseen)))
        for at in unseen:
            texts[at] = ""
    return texts


def blocks(
    rows: Iterable[list[str]], *, page: int | None, section: str | None, across: Container[int] = ()
) -> Iterator[Element]:
    """An element a run of rows without a gap; a line of its own above a table is text, not a row of it.

    ``across`` are the rows with a cell merged across columns: at the head of a table, they name it with the next one.
    """
    run: list[list[str]] = []
    for number, row in enumerate([*rows, []]):
        if any(cell.strip() for cell in row):
            run.append(row)
            continue
        filled = [_filled(row) for row in run]
        above = next((at for at, count in enumerate(filled) if count > 1), 0)  # none where no row has two
        for line in run[:above]:
            yield Element(one_line(" ".join(line)), BlockKind.TEXT, page, section)
        if run:
            header = 0
            while number - len(run) + above + header in across:
                header += 1
            yield from _table(_trimmed(run[above:]), header + 1 if header else None, page, section)
        run = []


def _table(rows: list[list[str]], header: int | None, page: int | None, section: str | None) -> Iterator[Element]:
    """A table, or a section a row where rows are long."""
    text = table_text(rows, header_rows=header)
    if header or len(rows) < 2 or len(text) < _LONG_ROW * (len(rows) - 1) or not looks_like_header(rows[0]):
        yield Element(text, BlockKind.TABLE, page, section)
        return
    names = [one_line(name) for name in rows[0]]
    records: list[Value] = [Record(tuple(zip(names, row, strict=False))) for row in rows[1:]]
    for element in record_extract(records, each="row").elements:
        path = " > ".join(filter(None, (section, element.section)))[:MAX_SECTION]
        yield replace(element, page=page, section=path or None)


def _filled(row: list[str]) -> int:
    return sum(bool(cell.strip()) for cell in row)


def _trimmed(rows: list[list[str]]) -> list[list[str]]:
    """The rows without the empty columns to the left and right of the table."""
    used = [at for row in rows for at, cell in enumerate(row) if cell.strip()]
    table = slice(min(used), max(used) + 1)
    return [row[table] for row in rows]


def _rows_of(sheet: Any, looks: CellLooks, disguised: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows that the part holds, each with its number: the sheet's own reader makes up a million empty ones."""
    from openpyxl.worksheet._reader import WorkSheetParser

    book = sheet.parent
    with sheet._get_source() as source:  # noqa: SLF001  # as its reader does, but for the rows between
        parser = WorkSheetParser(
            source,
            sheet._shared_strings,  # noqa: SLF001
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,  # noqa: SLF001
            timedelta_formats=book._timedelta_formats,  # noqa: SLF001
        )
        for number, row in parser.parse():
            yield number, _seen(sheet._get_row(row), looks, disguised)  # noqa: SLF001


def _delimiter(text: str) -> str:
    """The delimiter found in the same number on most of the first lines; a comma where none is."""
    lines = [line for line in text[:20_000].split("\n") if line.strip()][:20]
    counts = {mark: [line.count(mark) for line in lines] for mark in _DELIMITERS}
    scores = {mark: sum(n == found[0] > 0 for n in found) for mark, found in counts.items() if found}
    best = max(scores, key=lambda mark: scores[mark], default=",")
    return best if scores.get(best) else ","


def _shown(cell: Any) -> str:
    """A cell's value; shares of a hundred as such."""
    value = cell.value
    if isinstance(value, int | float) and not isinstance(value, bool) and "%" in (cell.number_format or ""):
        return f"{value * 100:.6g}%"
    return _cell(value)


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
