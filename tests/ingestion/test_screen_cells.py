"""What the cells of workbooks keep from their reader is kept apart, and what resembles it is shown."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import openpyxl
import pytest
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from openpyxl.styles.colors import Color

from ingestion.parsers.extract import Extract
from ingestion.parsers.open_document import parse_open_document
from ingestion.parsers.sheets import parse_xlsx

SECRET = "SECRET words of an order"
_DARK = PatternFill("solid", fgColor="FF112233")
_NAMES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in [
        ("office", "office"),
        ("style", "style"),
        ("text", "text"),
        ("table", "table"),
        ("draw", "drawing"),
        ("fo", "xsl-fo-compatible"),
        ("number", "datastyle"),
    ]
)


def workbook(
    *, note: str | None = None, width: float | None = None, height: float | None = None, **look: Any
) -> Extract:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for row in range(1, 4):
        sheet.append([f"shown {row}", "shown", "shown"])
    cell = sheet["F5"]
    cell.value = None if note else SECRET
    for name, value in look.items():
        setattr(cell, name, value)
    cell.comment = Comment(note, "a") if note else None
    sheet.column_dimensions["F"].width = 9 if width is None else width
    sheet.row_dimensions[5].height = height
    out = io.BytesIO()
    book.save(out)
    return parse_xlsx(out.getvalue())


def sheet(properties: str, *, cell: str = f"<text:p>{SECRET}</text:p>", formats: str = "", style: str = "") -> Extract:
    styles = f'{formats}<style:style style:name="c" style:family="table-cell" {style}>{properties}</style:style>'
    table = (
        "<table:table><table:table-row><table:table-cell><text:p>shown</text:p></table:table-cell></table:table-row>"
        f'<table:table-row><table:table-cell table:style-name="c">{cell}</table:table-cell></table:table-row>'
        "</table:table>"
    )
    return opened(styles, table, "spreadsheet")


def opened(styles: str, body: str, kind: str) -> Extract:
    content = (
        f"<office:document-content {_NAMES}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}")
        package.writestr("content.xml", content)
    return parse_open_document(out.getvalue())


def where(found: Extract) -> list[str]:
    places = {
        "shown": " ".join(element.text for element in found.elements),
        "concealed": " ".join(found.concealed),
        "disguised": " ".join(found.disguised),
    }
    return [name for name, text in places.items() if SECRET in text]


@pytest.mark.parametrize(
    ("look", "place"),
    [
        ({"font": Font(color="FFFFFFFF")}, "disguised"),
        ({"font": Font(color="FFFEFEFC")}, "disguised"),
        ({"font": Font(color=Color(theme=0))}, "disguised"),
        ({"font": Font(color=Color(indexed=9))}, "disguised"),
        ({"font": Font(color="FF112233"), "fill": _DARK}, "disguised"),
        ({"font": Font(color="FFFFFFFF"), "fill": PatternFill("solid", fgColor="FFFFFFFF")}, "disguised"),
        ({"font": Font(sz=1)}, "disguised"),
        ({"number_format": ";;;"}, "disguised"),
        ({"number_format": '0;-0;0;"no"'}, "disguised"),
        ({"note": SECRET}, "concealed"),
        ({"width": 0.1}, "concealed"),
        ({"height": 0.5}, "concealed"),
        ({"font": Font(color="FFFFFFFF"), "fill": _DARK}, "shown"),
        ({"font": Font(color=Color(theme=1))}, "shown"),
        ({"font": Font(color=Color(theme=0, tint=-0.5))}, "shown"),
        ({"font": Font(color="FF999999", sz=7)}, "shown"),
        ({"number_format": "0.00;;;@"}, "shown"),
        ({"number_format": "0;-0"}, "shown"),
    ],
)
def test_a_cell_is_read_as_it_is_seen(look: dict[str, Any], place: str) -> None:
    assert where(workbook(**look)) == [place]


@pytest.mark.parametrize(
    ("properties", "place"),
    [
        ('<style:text-properties fo:color="#ffffff"/>', "disguised"),
        ('<style:text-properties fo:font-size="1pt"/>', "disguised"),
        (
            '<style:table-cell-properties fo:background-color="#112233"/><style:text-properties fo:color="#112234"/>',
            "disguised",
        ),
        (
            '<style:table-cell-properties fo:background-color="#112233"/><style:text-properties fo:color="#ffffff"/>',
            "shown",
        ),
        ('<style:text-properties fo:color="#000000" fo:font-size="7pt"/>', "shown"),
    ],
)
def test_an_open_cell_is_read_as_it_is_seen(properties: str, place: str) -> None:
    assert where(sheet(properties)) == [place]


def test_an_open_cell_whose_format_shows_nothing_is_disguised() -> None:
    empty = '<number:text-style style:name="N"></number:text-style>'
    shown = '<number:text-style style:name="N"><number:text-content/></number:text-style>'
    named = 'style:data-style-name="N"'
    assert where(sheet("", formats=empty, style=named)) == ["disguised"]
    assert where(sheet("", formats=shown, style=named)) == ["shown"]


def test_what_is_noted_at_an_open_cell_is_concealed() -> None:
    cell = f"<office:annotation><text:p>{SECRET}</text:p></office:annotation><text:p>x</text:p>"
    assert where(sheet("", cell=cell)) == ["concealed"]


_WHITE = '<style:style style:name="w" style:family="text"><style:text-properties fo:color="#fefefe"/></style:style>'
_PAINTED = (
    '<style:style style:name="p" style:family="paragraph"><style:paragraph-properties fo:background-color="#112233"/>'
    "</style:style>"
)
_CELL = (
    "<table:table><table:table-row><table:table-cell>",
    "</table:table-cell></table:table-row></table:table>",
)
_SPAN = f'<text:span text:style-name="w">{SECRET}</text:span>'


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (f"<text:p>{_SPAN}</text:p>", "disguised"),
        (f'<text:p text:style-name="w">{SECRET}</text:p>', "disguised"),
        (
            f"{_CELL[0]}<text:p>a {_SPAN}</text:p>{_CELL[1]}",
            "disguised",
        ),
        (f'<text:p text:style-name="p">{_SPAN}</text:p>', "shown"),
        (f"<text:p><draw:frame><draw:text-box><text:p>{_SPAN}</text:p></draw:text-box></draw:frame></text:p>", "shown"),
    ],
)
def test_white_letters_on_paper_are_disguised(body: str, place: str) -> None:
    assert where(opened(_WHITE + _PAINTED, f"<text:p>Before.</text:p>{body}", "text")) == [place]
