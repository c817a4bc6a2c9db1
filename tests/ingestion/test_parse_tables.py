"""Tables of spreadsheets and CSV: what a reader sees of them, under headers that span rows and columns."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ingestion.parse import parse
from ingestion.validate import validate
from rag_service.domain.document import ParsedDocument, Upload
from tests.ingestion.samples import docx_file, xlsx_file


def parsed(name: str, content: bytes | str) -> ParsedDocument:
    data = content.encode() if isinstance(content, str) else content
    return parse(validate(Upload(name, data, name), max_bytes=2**24))


def texts(name: str, content: bytes | str) -> list[str]:
    return [element.text for element in parsed(name, content).elements]


def test_hidden_rows_and_columns_of_a_sheet_are_concealed() -> None:
    def build(book: Any) -> None:
        sheet = book.active
        for row in (("Plan", "Cost", "Price"), ("Basic", "SECRET 3", 9), ("SECRET plan", 1, 2), ("Full", "", 19)):
            sheet.append(row)
        sheet.column_dimensions["B"].hidden = True
        sheet.row_dimensions[3].hidden = True

    document = parsed("a.xlsx", xlsx_file(build))
    assert [element.text for element in document.elements] == ["Plan: Basic; Price: 9\nPlan: Full; Price: 19"]
    assert document.concealed == ("Cost\nSECRET 3\nSECRET plan | 1 | 2",)


def test_headers_over_several_columns_and_rows_are_joined() -> None:
    def build(book: Any) -> None:
        sheet = book.active
        for row in (
            ("Report", None, None, None, None),
            ("", 2023, None, 2024, None),
            ("Region", "Q1", "Q2", "Q1", "Q2"),
        ):
            sheet.append(row)
        sheet.append(("North", 1, 2, 3, 4))
        sheet.append((None, 5, 6, 7, 8))
        for area in ("A1:E1", "B2:C2", "D2:E2", "A4:A5"):
            sheet.merge_cells(area)

    assert texts("a.xlsx", xlsx_file(build)) == [
        "Report",
        "\n".join(
            f"Region: North; 2023 Q1: {at}; 2023 Q2: {at + 1}; 2024 Q1: {at + 2}; 2024 Q2: {at + 3}" for at in (1, 5)
        ),
    ]


def test_values_of_a_sheet_stand_as_a_reader_sees_them() -> None:
    def build(book: Any) -> None:
        sheet = book.active
        sheet.append(("Share", "Day", "Time", "Flag", "Number"))
        sheet.append((0.125, dt.date(2024, 2, 1), dt.datetime(2024, 2, 1, 9, 30), True, 3.0))  # noqa: DTZ001  # as Excel
        sheet["A2"].number_format = "0.0%"

    expected = "Share: 12.5%; Day: 2024-02-01; Time: 2024-02-01 09:30; Flag: TRUE; Number: 3"
    assert texts("a.xlsx", xlsx_file(build)) == [expected]


def test_a_merged_area_as_large_as_the_sheet_costs_nothing() -> None:
    def build(book: Any) -> None:
        book.active.append(("Plan", "Price"))
        book.active.append(("Basic", 9))
        for row in range(2, 60):
            book.active.merged_cells.add(f"A{row}:XFD1048576")

    assert texts("a.xlsx", xlsx_file(build))[0].startswith("Plan: Basic")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a;b\n1;2\n", ["a: 1; b: 2"]),
        ("a\tb\n1\t2\n", ["a: 1; b: 2"]),
        ("sep=;\na;b\n1,5;2\n", ["a: 1,5; b: 2"]),
        ('a,b\n"x, y",2\n', ["a: x, y; b: 2"]),
        ('a,b\n"two\nlines",2\n', ["a: two lines; b: 2"]),
        ('a,b\n5" pipe,2\n', ['a: 5" pipe; b: 2']),
        ("a,b\n1,2,3\n4\n", ["a: 1; b: 2; 3\n4"]),
    ],
)
def test_csv_of_any_dialect_is_read(content: str, expected: list[str]) -> None:
    assert texts("a.csv", content) == expected


def test_a_quote_that_nothing_closes_does_not_swallow_the_file() -> None:
    content = 'a,b\n"open,1\n' + "".join(f"row{number},{number}\n" for number in range(300))
    assert texts("a.csv", content)[0].endswith("a: row299; b: 299")


def test_long_rows_are_records_under_their_names() -> None:
    answer = "An answer of many words. " * 30
    document = parsed("a.csv", f"Question,Answer\nWhen?,{answer}\nWhere?,{answer}\n")
    assert [(element.section, element.text.split(" ")[0]) for element in document.elements] == [
        ("When?", "When?"),
        ("When?", "Answer:"),
        ("Where?", "Where?"),
        ("Where?", "Answer:"),
    ]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            "<tr><th rowspan=2>Region<th colspan=2>2023<tr><th>Q1<th>Q2<tr><td>North<td>1<td>2",
            "Region: North; 2023 Q1: 1; 2023 Q2: 2",
        ),
        ("<tr><th>A<th>B<tr><td rowspan=2>x<td>1<tr><td>2", "A: x; B: 1\nA: x; B: 2"),
        ("<tr><th>A<th>B<tr><td colspan=2>Group<tr><td>x<td>1", "Group\nA: x; B: 1"),
        ("<tr><th>A<th>B<tr><td rowspan=9999>x<td>1", "A: x; B: 1"),
        ("<thead><tr><th>A<th>B</thead><tr><th>x<td>1", "A: x; B: 1"),
    ],
)
def test_cells_of_a_page_that_span_rows_and_columns_are_said_wherever_they_hold(table: str, expected: str) -> None:
    assert texts("a.html", f"<table>{table}</table>") == [expected]


def test_merged_cells_and_repeated_headers_of_a_word_table_are_joined() -> None:
    from docx.oxml import OxmlElement

    def build(document: Any) -> None:
        document.add_paragraph("Before.")
        table = document.add_table(rows=4, cols=3)
        values = (("Region", "2023", ""), ("", "Q1", "Q2"), ("North", "1", "2"), ("", "3", "4"))
        for row, cells in zip(table.rows, values, strict=True):
            for cell, value in zip(row.cells, cells, strict=True):
                cell.text = value
        table.cell(0, 1).merge(table.cell(0, 2))
        table.cell(0, 0).merge(table.cell(1, 0))
        table.cell(2, 0).merge(table.cell(3, 0))
        for row in table.rows[:2]:
            row._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))  # as Word's "repeat as header"
        document.add_paragraph("After.")

    assert texts("a.docx", docx_file(build)) == [
        "Before.",
        "Region: North; 2023 Q1: 1; 2023 Q2: 2\nRegion: North; 2023 Q1: 3; 2023 Q2: 4",
        "After.",
    ]


def test_headers_and_footers_of_a_word_file_are_said_once_at_its_end() -> None:
    def build(document: Any) -> None:
        document.add_heading("Leave", level=1)
        for _ in range(3):
            document.add_paragraph("Words.")
            section = document.add_section()
            section.header.is_linked_to_previous = section.footer.is_linked_to_previous = False
            section.header.paragraphs[0].text, section.footer.paragraphs[0].text = "Acme handbook", "Confidential"

    document = parsed("a.docx", docx_file(build))
    assert [(element.text, element.section) for element in document.elements][-2:] == [
        ("Acme handbook", None),
        ("Confidential", None),
    ]
    assert sum(element.text == "Acme handbook" for element in document.elements) == 1


def test_a_word_table_of_one_column_is_read_as_text() -> None:
    def build(document: Any) -> None:
        cell = document.add_table(rows=1, cols=1).cell(0, 0)
        cell.text = "First words."
        cell.add_paragraph("A heading", style="Heading 1")

    assert [element.kind.value for element in parsed("a.docx", docx_file(build)).elements] == ["text", "title"]
