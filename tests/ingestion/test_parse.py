from __future__ import annotations

import gc
import logging
import socket
import subprocess
import sys
import time
from typing import Any

import pytest

from ingestion.parse import parse
from ingestion.validate import validate
from rag_service.domain.document import BlockKind, Element, ParsedDocument, Upload
from rag_service.domain.errors import Refused
from tests.ingestion.samples import docx_file, pdf_file, pptx_file, xlsx_file


def parsed(name: str, content: bytes | str, *, title: str | None = None) -> ParsedDocument:
    data = content.encode() if isinstance(content, str) else content
    return parse(validate(Upload(name, data, name, title), max_bytes=2**24))


def shown(document: ParsedDocument) -> str:
    return "\n\n".join(element.text for element in document.elements)


def only(document: ParsedDocument, kind: BlockKind) -> list[Element]:
    return [element for element in document.elements if element.kind is kind]


def refusal_of(name: str, content: bytes | str) -> str:
    with pytest.raises(Refused) as caught:
        parsed(name, content)
    return caught.value.reason


# Titles


def test_the_uploaders_title_wins_over_the_documents_and_that_over_the_file_name() -> None:
    assert parsed("dir/file.md", "# Own\n\ntext", title="Given").title == "Given"
    assert parsed("dir/file.md", "# Own\n\ntext").title == "Own"
    assert parsed("dir/leave policy.md", "just text").title == "leave policy"


# Plain text


def test_plain_text_keeps_every_word_and_finds_lists_and_headings() -> None:
    text = "Travel policy\n\nBook early and keep\nthe receipts. Ask first.\n\n- by train\n- by bus\n\nSo be it."
    document = parsed("a.txt", text)
    assert document.title == "Travel policy"
    assert [element.kind for element in document.elements][:2] == [BlockKind.TITLE, BlockKind.TEXT]
    assert document.elements[1].text == "Book early and keep the receipts. Ask first."
    assert document.elements[1].section == "Travel policy"
    assert {"by train", "by bus"} <= {element.text for element in only(document, BlockKind.LIST_ITEM)}


# HTML and Markdown

PAGE = """<html><head><title>The page</title><style>.note { display: none } #x, .tiny { font-size: 0px }</style></head>
<body><nav>Home</nav><main><h1>Leave</h1><p>Twenty days.</p><h2>Carry over</h2>
<ul><li>Five days<ul><li>until March</li></ul></li></ul><ol start="3"><li>Ask</li><li>Wait</li></ol>
<details><summary>More</summary><p>Folded text.</p></details></main><footer>Contact HR.</footer>
{hidden}</body></html>"""


def test_html_elements_lie_under_their_headings() -> None:
    document = parsed("a.html", PAGE.replace("{hidden}", ""))
    assert document.title == "The page"
    sections = {element.text: element.section for element in document.elements}
    assert sections["Twenty days."] == "Leave"
    assert sections["Five days"] == "Leave > Carry over"
    assert "until March" in sections
    assert "3. Ask" in sections
    assert "4. Wait" in sections


def test_folded_and_surrounding_text_of_a_page_is_kept() -> None:
    text = shown(parsed("a.html", PAGE.replace("{hidden}", "")))
    assert "Folded text." in text
    assert "More" in text
    assert "Contact HR." in text


@pytest.mark.parametrize(
    "hidden",
    [
        "<!-- SECRET words -->",
        "<p style='display:none'>SECRET <b>words</b></p>",
        "<p style='color:red; DISPLAY : none !important'>SECRET words</p>",
        "<p style='visibility: hidden'>SECRET words</p>",
        "<p style='font-size:0'>SECRET words</p>",
        "<p style='font-size: 1px'>SECRET words</p>",
        "<p style='opacity: 0'>SECRET words</p>",
        "<p style='color: #fff'>SECRET words</p>",
        "<p style='color:white;background:#ffffff'>SECRET words</p>",
        "<div style='position:absolute; left:-9999px'>SECRET words</div>",
        "<p hidden>SECRET words</p>",
        "<p class='a note'>SECRET words</p>",
        "<p id='x'>SECRET words</p>",
        "<template><p>SECRET words</p></template>",
        "<input type=hidden value='SECRET words'>",
        "<table><tr><td>a</td><td style='display:none'>SECRET words</td></tr></table>",
    ],
)
def test_hidden_html_is_concealed_and_not_shown(hidden: str) -> None:
    document = parsed("a.html", PAGE.replace("{hidden}", hidden + "<p>After it.</p>"))
    assert "SECRET" not in shown(document)
    assert document.concealed + document.disguised == ("SECRET words",)
    assert "After it." in shown(document)


@pytest.mark.parametrize(
    "visible",
    [
        "<p style='color:#fff;background-color:#003366'>PLAIN words</p>",
        "<div style='background:navy'><p style='color:white'>PLAIN words</p></div>",
        "<p style='font-size:10px'>PLAIN words</p>",
        "<p style='opacity:0.8'>PLAIN words</p>",
        "<p class='notes'>PLAIN words</p>",
        "<p style='background-color:white'>PLAIN words</p>",
        "text before <!-- a comment --> PLAIN words",
    ],
)
def test_visible_html_that_resembles_hidden_html_is_shown(visible: str) -> None:
    assert "PLAIN words" in shown(parsed("a.html", PAGE.replace("{hidden}", visible)))


def test_a_table_row_can_be_read_alone() -> None:
    table = "<table><tr><th>Plan</th><th>Price</th></tr><tr><td>Basic<br>plan</td><td>9 €</td></tr></table>"
    (element,) = only(parsed("a.html", f"<p>Before.</p>{table}<p>After.</p>"), BlockKind.TABLE)
    assert element.text == "Plan: Basic plan; Price: 9 €"


def test_a_layout_table_is_read_as_text_in_order() -> None:
    page = (
        "<table><tr><td><h2>Left</h2><p>One.</p></td><td><table><tr><td>a</td><td>b</td></tr></table></td></tr></table>"
    )
    document = parsed("a.html", page)
    assert [element.text for element in document.elements] == ["Left", "One.", "a | b"]


def test_markdown_keeps_lists_tables_and_code_and_conceals_comments() -> None:
    source = (
        "---\ntitle: From the front\n---\n# Guide\nIntro:\n- one\n- two\n\n| A | B |\n|---|---|\n| 1 | 2 |\n\n"
        "```\nrag serve --port 1\n```\n<!-- SECRET note -->\n\n[//]: # (SECRET reference)\n\nThe end."
    )
    document = parsed("a.md", source)
    assert document.title == "From the front"
    assert [element.text for element in only(document, BlockKind.LIST_ITEM)] == ["one", "two"]
    assert [element.text for element in only(document, BlockKind.TABLE)] == ["A: 1; B: 2"]
    assert "rag serve --port 1" in shown(document)
    assert "The end." in shown(document)
    assert document.concealed == ("SECRET note", "SECRET reference")
    assert "SECRET" not in shown(document)


# CSV and JSON


def test_csv_rows_carry_their_headers_and_keep_leading_zeros() -> None:
    (table,) = parsed("a.csv", "Code;City\n007;Bonn\n;Köln\n").elements
    assert table.text == "Code: 007; City: Bonn\nKöln"


@pytest.mark.parametrize("rows", ["a,b\n", "a,\n"])
def test_the_time_for_a_table_grows_with_its_rows_and_not_with_their_square(rows: str) -> None:
    def once(count: int) -> float:
        gc.collect()
        gc.disable()  # what other tests left in this process is not looked through meanwhile
        try:
            start = time.process_time()
            parsed("a.csv", rows * count + "c,d\n")
            return time.process_time() - start
        finally:
            gc.enable()

    def seconds(count: int) -> float:
        return min(once(count) for _ in range(3))

    once(10)
    # Quadratic time would give 64; the bound only has to tell the two apart on a busy machine.
    assert seconds(24_000) < 24 * max(seconds(3_000), 0.01)


def test_a_line_above_a_table_is_text_and_one_within_it_a_row() -> None:
    elements = parsed("a.csv", "Prices,\n,in crowns\nkind,price\nferry,12\nbus,\n").elements
    assert [one.kind for one in elements] == [BlockKind.TEXT, BlockKind.TEXT, BlockKind.TABLE]
    assert "bus" in elements[2].text


def test_csv_without_header_is_joined_by_bars() -> None:
    assert parsed("a.csv", '1,"two, 2"\n3,4\n').elements[0].text == "1 | two, 2\n3 | 4"


# Mail


def mail(body: str, *, kind: str = "text/plain") -> str:
    return (
        "From: Ann <ann@example.org>\r\nTo: bo@example.org\r\nSubject: =?utf-8?q?Caf=C3=A9?= plan\r\n"
        f"Date: Mon, 1 Jan 2024 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n{body}"
    )


def test_a_mail_shows_subject_header_lines_and_body() -> None:
    document = parsed("a.eml", mail("We meet at nine.\r\n"))
    assert document.title == "Café plan"
    assert document.elements[0].kind is BlockKind.TITLE
    assert "From: Ann <ann@example.org>\nTo: bo@example.org\nDate: Mon, 01 Jan 2024" in shown(document)
    assert document.elements[-1].text == "We meet at nine."


def test_the_html_body_of_a_mail_is_screened_for_hidden_text() -> None:
    document = parsed("a.eml", mail("<p>Hello.</p><p style='display:none'>SECRET</p>", kind="text/html"))
    assert document.concealed == ("SECRET",)
    assert "SECRET" not in shown(document)


def test_attachments_are_named_and_not_read() -> None:
    parts = (
        "--B\r\nContent-Type: text/plain\r\n\r\nSee below.\r\n--B\r\nContent-Type: text/plain\r\n"
        'Content-Disposition: attachment; filename="plan.txt"\r\n\r\nINSIDE\r\n--B--\r\n'
    )
    text = shown(parsed("a.eml", mail(parts, kind="multipart/mixed; boundary=B")))
    assert "Attachments: plan.txt" in text
    assert "INSIDE" not in text


def test_a_mail_without_subject_and_text_is_refused() -> None:
    assert refusal_of("a.eml", "From: a@example.org\r\nTo: b@example.org\r\n\r\n") == "no_text"


# Office


def test_a_word_file_gives_headings_lists_tables_and_footers() -> None:
    def build(document: Any) -> None:
        document.add_heading("Leave", level=1)
        document.add_heading("Carry over", level=2)
        document.add_paragraph("Five days.")
        document.add_paragraph("Ask first", style="List Bullet")
        table = document.add_table(rows=2, cols=2)
        for row, values in zip(table.rows, [("Plan", "Price"), ("Basic", "9 €")], strict=True):
            for cell, value in zip(row.cells, values, strict=True):
                cell.text = value

    document = parsed("a.docx", docx_file(build))
    assert document.title == "Leave"
    assert [(element.kind, element.text, element.section) for element in document.elements] == [
        (BlockKind.TITLE, "Leave", "Leave"),
        (BlockKind.TITLE, "Carry over", "Leave > Carry over"),
        (BlockKind.TEXT, "Five days.", "Carry over"),
        (BlockKind.LIST_ITEM, "Ask first", "Carry over"),
        (BlockKind.TABLE, "Plan: Basic; Price: 9 €", "Carry over"),
    ]


def test_hidden_runs_of_a_word_file_are_concealed() -> None:
    from docx.shared import Pt, RGBColor

    def build(document: Any) -> None:
        paragraph = document.add_paragraph("Shown. ")
        paragraph.add_run("SECRET one").font.hidden = True
        paragraph.add_run("SECRET two").font.color.rgb = RGBColor(255, 255, 255)
        document.add_paragraph().add_run("SECRET three").font.size = Pt(1)
        document.add_comment(paragraph.runs[0], text="SECRET four")
        paragraph.add_run("Also shown.").font.hidden = False

    document = parsed("a.docx", docx_file(build))
    assert "SECRET" not in shown(document)
    assert "Shown. Also shown." in shown(document)
    assert document.concealed == ("SECRET one", "SECRET four")
    assert document.disguised == ("SECRET two", "SECRET three")


def test_text_in_content_controls_insertions_and_boxes_of_a_word_file_is_kept() -> None:
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    def build(document: Any) -> None:
        document.add_paragraph("Start.")
        box = "<w:txbxContent><w:p><w:r><w:t>Boxed.</w:t></w:r></w:p></w:txbxContent>"
        for xml in (
            "<w:sdt {}><w:sdtContent><w:p><w:r><w:t>Controlled.</w:t></w:r></w:p></w:sdtContent></w:sdt>",
            "<w:p {}><w:ins w:id='1' w:author='a'><w:r><w:t>Inserted.</w:t></w:r></w:ins></w:p>",
            "<w:p {}><w:del w:id='2' w:author='a'><w:r><w:delText>Deleted.</w:delText></w:r></w:del></w:p>",
            f"<w:p {{}}><w:r><w:pict>{box}</w:pict></w:r></w:p>",
        ):
            document.element.body.insert(1, parse_xml(xml.format(nsdecls("w"))))

    document = parsed("a.docx", docx_file(build))
    for sentence in ("Start.", "Controlled.", "Inserted.", "Boxed."):
        assert shown(document).count(sentence) == 1
    assert "Deleted." not in shown(document)
    assert document.concealed == ("Deleted.",)


def test_slides_are_pages_with_notes_last_and_hidden_slides_concealed() -> None:
    def build(deck: Any) -> None:
        for title, body in (("First", "Body one."), ("Second", "SECRET body."), ("Third", "Body three.")):
            slide = deck.slides.add_slide(deck.slide_layouts[1])
            slide.shapes.title.text = title
            slide.placeholders[1].text = body
        deck.slides[0].notes_slide.notes_text_frame.text = "Say it slowly."
        deck.slides[1].element.set("show", "0")

    document = parsed("a.pptx", pptx_file(build))
    assert [(element.text, element.page, element.section) for element in document.elements] == [
        ("First", 1, "First"),
        ("Body one.", 1, "First"),
        ("Notes: Say it slowly.", 1, "First"),
        ("Third", 3, "Third"),
        ("Body three.", 3, "Third"),
    ]
    assert document.concealed == ("Second SECRET body.",)


def test_a_workbook_gives_sheets_as_pages_and_conceals_hidden_sheets() -> None:
    def build(book: Any) -> None:
        book.active.title = "Prices"
        for row in (["Price list"], ["Plan", "Price"], ["Basic", 9.0], [], ["x", 1.5]):
            book.active.append(row)
        hidden = book.create_sheet("Notes")
        hidden.append(["SECRET sheet"])
        hidden.sheet_state = "hidden"
        book.create_sheet("More").append(["Last"])

    document = parsed("a.xlsx", xlsx_file(build))
    assert [(element.text, element.page, element.section) for element in document.elements] == [
        ("Price list", 1, "Prices"),
        ("Plan: Basic; Price: 9", 1, "Prices"),
        ("x | 1.5", 1, "Prices"),
        ("Last", 3, "More"),
    ]
    assert document.concealed == ("SECRET sheet",)


# PDF


def test_pdf_lines_become_paragraphs_under_headings_on_their_pages() -> None:
    first = [
        (72, 720, 20, "Travel policy"),
        (72, 690, 11, "Every trip is booked at least two weeks ahead through the internal travel"),
        (72, 676, 11, "desk, which answers within a day."),
        (72, 640, 11, "Short trips need no approval."),
    ]
    document = parsed("a.pdf", pdf_file([first, [(72, 720, 11, "Second page text stands here.")]]))
    assert [(element.kind, element.text, element.page) for element in document.elements] == [
        (BlockKind.TITLE, "Travel policy", 1),
        (
            BlockKind.TEXT,
            f"{first[1][3]} {first[2][3]}",
            1,
        ),
        (BlockKind.TEXT, "Short trips need no approval.", 1),
        (BlockKind.TEXT, "Second page text stands here.", 2),
    ]
    assert document.elements[-1].section == "Travel policy"


def test_running_lines_and_page_numbers_of_a_pdf_are_left_out() -> None:
    pages = [
        [(72, 760, 9, "Acme Handbook"), (72, 700, 11, f"Body number {word}."), (300, 30, 9, str(number))]
        for number, word in enumerate(("one", "two", "three", "four"), start=1)
    ]
    text = shown(parsed("a.pdf", pdf_file(pages)))
    assert "Acme Handbook" not in text
    assert text.split("\n\n") == [f"Body number {word}." for word in ("one", "two", "three", "four")]


def test_a_word_parted_at_a_line_end_is_joined_and_a_compound_keeps_its_hyphen() -> None:
    lines = [
        (72, 700, 11, "The committee has decided that every future acquisi-"),
        (72, 686, 11, "tion must be energy efficient, and where possible energy-"),
        (72, 672, 11, "efficient models are to be preferred over all the others."),
    ]
    text = shown(parsed("a.pdf", pdf_file([lines])))
    assert "acquisition must" in text
    assert "energy-efficient models" in text


def test_a_locked_pdf_is_refused_as_encrypted() -> None:
    lock = "/Encrypt << /Filter /Standard /V 1 /R 2 /O <{0}> /U <{0}> /P -4 >> /ID [<00> <00>]".format("ab" * 32)
    assert refusal_of("a.pdf", pdf_file([[(72, 700, 11, "Hello")]], extra=lock)) == "encrypted"


# Refusals

SCAN = pdf_file([[]]).replace(b"stream\n\nendstream", b"stream\n0 0 99 99 re f\nendstream").replace(
    b"/Length 0", b"/Length 15"
)  # fmt: skip
"""A page on which something is drawn, and no letter."""


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b" \n\t\n", "no_text"),
        ("a.md", b"---\n", "no_text"),
        ("a.html", b"<html><body><p hidden>SECRET</p></body></html>", "no_text"),
        ("a.json", b"{}", "no_text"),
        ("a.csv", b",,\n,,\n", "no_text"),
        ("a.pdf", pdf_file([[]]), "no_text"),
        ("a.pdf", SCAN, "no_text_layer"),
        ("a.docx", docx_file(lambda document: document), "no_text"),
        ("a.xlsx", xlsx_file(lambda book: book), "no_text"),
        ("a.pdf", b"%PDF-1.7\nnothing else", "malformed"),
    ],
)
def test_a_file_without_text_or_sense_is_refused(name: str, content: bytes, reason: str) -> None:
    assert refusal_of(name, content) == reason


def test_a_part_that_is_not_xml_is_refused_as_malformed_without_a_quote() -> None:
    from tests.ingestion.samples import with_members

    broken = with_members(docx_file(lambda document: document), {"word/document.xml": b"<w:document>SECRET"})
    with pytest.raises(Refused) as caught:
        parsed("a.docx", broken)
    assert caught.value.reason == "malformed"
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_markup_nested_too_deeply_is_refused_or_read() -> None:
    content = "<html>" + "<div>" * 50_000 + "deep" + "</div>" * 50_000
    try:
        outcome = shown(parsed("a.html", content))
    except Refused as refusal:
        outcome = refusal.reason
    assert outcome in {"deep", "malformed", "no_text"}


# Manners


def test_parsing_looks_up_no_address_and_loads_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("a parser looked up an address")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name, content in (("a.txt", b"Hello there."), ("a.html", b"<p>Hello.</p>"), ("a.md", b"Hello.")):
        parsed(name, content)


def test_parsing_in_a_fresh_process_is_silent_and_imports_neither_spacy_nor_torch() -> None:
    script = (
        "import sys\nfrom ingestion.validate import validate\nfrom ingestion.parse import parse\n"
        "from rag_service.domain.document import Upload\n"
        "assert not {'unstructured', 'pypdfium2', 'lxml', 'openpyxl'} & set(sys.modules), 'imported too early'\n"
        "print(parse(validate(Upload('a.md', b'# Hi\\n\\nHello there.', 'a'), max_bytes=99)).title)\n"
        "print(sorted({'spacy', 'torch', 'transformers'} & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("Hi\n[]\n", "")


def test_parsing_adds_no_handler_to_the_root_logger() -> None:
    before = list(logging.getLogger().handlers)
    parsed("a.docx", docx_file(lambda document: document.add_paragraph("Hello.")))
    assert logging.getLogger().handlers == before
