"""Small files on which a library would take long: each is read in another way, or refused for what it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from eval.hostile import packages, pdfs, worn
from ingestion.parse import parse
from ingestion.parsers import book, pdf, room
from ingestion.parsers.extract import Outline
from ingestion.parsers.markup import html_extract, parse_markdown
from ingestion.parsers.rtf import parse_rtf
from ingestion.parsers.tables import table_text
from ingestion.validate import validate
from rag_service.domain.document import ParsedDocument, Upload
from rag_service.domain.errors import Refused


def read(name: str, content: bytes) -> ParsedDocument:
    return parse(validate(Upload(name, content, name), max_bytes=2**26))


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("attributes.html", lambda: worn.crowded_tag(1100), "malformed"),
        ("paragraphs.html", lambda: worn.many_paragraphs(40_000), "too_large"),
        ("cells.html", lambda: worn.cells_in_cells(40_000), "too_large"),
        ("parts.eml", lambda: worn.many_parts(2100), "too_many_members"),
        ("parameters.eml", lambda: worn.many_parameters(40), "malformed"),
        ("boundaries.eml", lambda: worn.nested_boundaries(90, 120_000), "too_many_members"),
        ("paragraphs.docx", lambda: worn.many_paragraphs_docx(50_001), "too_large"),
        ("far.xlsx", lambda: worn.far_cells_xlsx(20), "too_large"),
        ("again.xlsx", lambda: packages.shared_string_xlsx(3000, 30_000), "output_too_large"),
        ("repeated.ods", worn.repeated_rows_ods, "too_large"),
        ("contents.pdf", lambda: worn.packed_contents(700_000), "archive_bomb"),
        ("contents.pdf", pdfs.twice_packed_contents, "archive_bomb"),
    ],
)
def test_what_would_take_long_is_refused_for_what_it_is(name: str, make: Callable[[], bytes], reason: str) -> None:
    with pytest.raises(Refused) as refused:
        read(name, make())
    assert refused.value.reason == reason


def test_pages_that_share_what_they_draw_are_no_more_text_than_the_file_can_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = worn.shared_contents(40, 200)
    assert len({element.page for element in read("a.pdf", content).elements}) == 40
    monkeypatch.setattr(pdf, "_LETTERS", 1000)
    monkeypatch.setattr(pdf, "_DRAWN_AGAIN", 0)
    with pytest.raises(Refused, match="far more text"):
        read("a.pdf", content)


def test_a_book_has_no_more_paragraphs_than_a_book_of_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    content = worn.paragraphs_epub(1000)
    assert read("a.epub", content).elements
    monkeypatch.setattr(book, "_SMALL", 100)
    with pytest.raises(Refused, match="more paragraphs"):
        read("a.epub", content)


def test_a_cell_at_the_end_of_the_sheet_costs_no_million_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_CELLS", 1000)
    rows = '<row r="1"><c t="inlineStr"><is><t>near</t></is></c></row>'
    rows += '<row r="1048576"><c t="inlineStr"><is><t>far</t></is></c></row>'
    assert [element.text for element in read("a.xlsx", packages.xlsx(rows)).elements] == ["near", "far"]


def test_a_workbook_has_no_more_strings_than_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    content = worn.many_strings_xlsx(2000)
    assert read("a.xlsx", content).elements
    monkeypatch.setattr(room, "_CELLS", 100)
    monkeypatch.setattr(room, "_PACKED", 2**30)
    with pytest.raises(Refused, match="more than 100 cells"):
        read("a.xlsx", content)


@pytest.mark.parametrize("unit", [b"*a_ ", b"[a](", b"![[]()b", b"~~a~~b~", b"<a <!-- <?"])
def test_markdown_of_marks_alone_is_read_as_it_stands(unit: bytes) -> None:
    (element,) = parse_markdown(unit * 20_000).elements
    assert element.text.startswith(unit.decode().strip())
    assert len(element.text) > 50_000


@pytest.mark.parametrize("content", [b"a\n\n" * 30_000, b"|a" * 50 + b"|\n" + b"|-" * 50 + b"|\n" + b"|b\n" * 2000])
def test_markdown_of_lines_or_cells_alone_is_read_as_it_stands(content: bytes) -> None:
    assert all(element.kind.value != "table" for element in parse_markdown(content).elements)


def test_markdown_that_a_person_wrote_is_read_as_such_however_long() -> None:
    content = "# Head\n\nSome *words* in [a link](b) and more of them.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    kinds = [element.kind.value for element in parse_markdown((content * 50 + "word " * 10_000).encode()).elements]
    assert kinds == [*(["title", "text", "table"] * 50), "text"]


def test_a_header_of_a_mail_that_is_long_is_shown_as_it_stands() -> None:
    people = ", ".join(f"a{number}@example.org" for number in range(2000))
    mail = f"Subject: Hello\nDate: now\nFrom: {people}\n\nAn honest sentence."
    shown = " ".join(element.text for element in read("a.eml", mail.encode()).elements)
    assert people in shown
    assert "honest" in shown


def test_a_long_cell_that_spans_rows_is_said_once_and_a_short_one_in_each() -> None:
    rows = "<tr><td>x</td></tr>" * 5
    long, short = "word " * 100, "Group"
    for text, count in ((long, 1), (short, 6)):
        first = f"<tr><td>1</td><td>2</td></tr><tr><td rowspan=6>{text}</td><td>x</td></tr>"
        (table,) = html_extract(f"<table>{first}{rows}</table>").elements
        assert table.text.count(text.strip()) == count


def test_names_of_columns_that_are_far_longer_than_the_cells_are_said_once() -> None:
    rows = [["a" * 70, "b" * 70], *([["1", "2"]] * 20_000)]
    assert len(table_text(rows)) < 200_000
    assert table_text(rows[:3]) == "\n".join([f"{'a' * 70}: 1; {'b' * 70}: 2"] * 2)


def test_the_paragraphs_of_a_cell_are_joined_once() -> None:
    cells = b"one\\par two\\par three\\cell x\\cell\\row"
    (table,) = parse_rtf(b"{\\rtf1 \\intbl " + cells + b"\\pard after\\par}").elements[:1]
    assert table.text == "one two three | x"


def test_a_heading_of_a_megabyte_is_in_no_path() -> None:
    outline = Outline()
    outline.enter(1, "word " * 200_000)
    assert len(outline.path or "") <= 160
    assert sum(len(heading) for _, heading in outline._headings) < 200


def test_text_behind_what_is_hidden_stays_where_it_is() -> None:
    page = "<p>one <b hidden>no</b>two<!-- no --> three <span style='display:none'>no</span>four</p>"
    extract = html_extract(page)
    assert [element.text for element in extract.elements] == ["one two three four"]
    assert extract.concealed == ("no", "no", "no")


def test_a_table_in_a_table_of_a_text_is_said_once() -> None:
    opened, closed = "<table:table><table:table-row><table:table-cell>", "</table:table-cell></table:table-row>"
    inner = f"{opened}<text:p>inner</text:p>{closed}</table:table>"
    outer = f"{opened}<text:p>outer</text:p>{inner}{closed}</table:table>"
    texts = [element.text for element in read("a.odt", packages.open_document("text", outer)).elements]
    assert texts == ["outer", "inner"]
