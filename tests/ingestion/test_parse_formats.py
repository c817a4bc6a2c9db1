"""Every format beyond the first ten, each from a file that another program made (``files/README.md``)."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest

from ingestion.parse import parse
from ingestion.validate import validate
from rag_service.domain.document import BlockKind, MediaType, ParsedDocument, Upload
from rag_service.domain.errors import Refused
from tests.ingestion.compound_file import compound_file, message_file
from tests.ingestion.samples import with_members, zip_file

FILES = Path(__file__).parent / "files"
LETTERS = "The ferry to Ærø leaves at 7:45 and at 13:10. Ça dépend de la météo; Žluťoučký kůň 渡船."


def parsed(name: str, content: bytes | str) -> ParsedDocument:
    data = content.encode() if isinstance(content, str) else content
    return parse(validate(Upload(name, data, name), max_bytes=2**24))


def sample(name: str) -> ParsedDocument:
    return parsed(name, (FILES / name).read_bytes())


def rows(document: ParsedDocument) -> list[tuple[str, str, int | None, str | None]]:
    return [(element.kind.value, element.text, element.page, element.section) for element in document.elements]


def refusal_of(name: str, content: bytes | str) -> str:
    with pytest.raises(Refused) as caught:
        parsed(name, content)
    return caught.value.reason


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("handbook.odt", MediaType.ODT),
        ("handbook.rtf", MediaType.RTF),
        ("handbook.epub", MediaType.EPUB),
        ("handbook.xml", MediaType.XML),
    ],
)
def test_a_handbook_reads_alike_in_every_format(name: str, media_type: MediaType) -> None:
    document = sample(name)
    sections = {element.text: element.section for element in document.elements}
    kinds = {element.text: element.kind for element in document.elements}
    assert document.media_type is media_type
    assert kinds["Timetable"] is kinds["Fares"] is kinds["Luggage"] is BlockKind.TITLE
    assert sections[LETTERS] == "Timetable"
    assert sections["Dogs travel free"] in ("Timetable > Fares", "Fares")  # a title of its own is not said twice
    (table,) = [element for element in document.elements if "Adult" in element.text]
    assert table.text == "Passenger: Adult; Single: 12; Return: 20\nPassenger: Child; Single: 6; Return: 10"
    assert any("Surfboards count as one bag." in text for text in sections)
    if name != "handbook.rtf":  # which does not say its title
        assert document.title == "Ferry handbook"


def test_sheets_of_an_open_document_are_pages_and_hidden_ones_concealed() -> None:
    document = sample("fares.ods")
    assert rows(document) == [
        (
            "table",
            "Passenger: Adult; Single: 12; Return: 20\nPassenger: Child; Single: 6; Return: 10",
            1,
            "Fares",
        ),
        ("table", "Prices in crowns", 2, "Notes"),
    ]
    assert document.concealed == ("Staff | 0 | 0", "SECRET margin | 70 %")


def test_slides_of_an_open_document_are_pages_with_marked_notes() -> None:
    document = sample("talk.odp")
    assert [row[1:] for row in rows(document)] == [
        ("Timetable", 1, "Timetable"),
        ("The ferry leaves at 7:45.", 1, "Timetable"),
        ("Notes: Mention the fog.", 1, "Timetable"),
        ("Fares", 3, "Fares"),
        ("Adults pay 12.", 3, "Fares"),
    ]
    assert document.concealed == ("Drafts", "SECRET plan.")


OFFICE = "urn:oasis:names:tc:opendocument:xmlns:"
FLAT = (
    f'<office:document xmlns:office="{OFFICE}office:1.0" xmlns:text="{OFFICE}text:1.0" xmlns:style="{OFFICE}style:1.0">'
    '<office:automatic-styles><style:style style:name="T1" style:family="text"><style:text-properties'
    ' text:display="none"/></style:style></office:automatic-styles><office:body><office:text>{}</office:text>'
    "</office:body></office:document>"
)


@pytest.mark.parametrize(
    "hidden",
    [
        "<text:p>a<text:span text:style-name='T1'>SECRET</text:span>b</text:p>",
        "<text:p>a<text:hidden-text text:string-value='SECRET'/>b</text:p>",
        "<text:p>a<office:annotation><text:p>SECRET</text:p></office:annotation>b</text:p>",
        "<text:tracked-changes><text:p>SECRET</text:p></text:tracked-changes><text:p>ab</text:p>",
        "<text:section text:display='none'><text:p>SECRET</text:p></text:section><text:p>ab</text:p>",
    ],
)
def test_what_an_open_document_hides_is_concealed(hidden: str) -> None:
    document = parsed("a.fodt", FLAT.replace("{}", hidden))
    assert [element.text for element in document.elements] == ["ab"]
    assert document.concealed == ("SECRET",)


def test_pages_of_an_open_document_are_counted_where_it_tells_them() -> None:
    body = "<text:p>One.</text:p><text:p><text:soft-page-break/>Two.</text:p><text:p>Also two.</text:p>"
    assert [element.page for element in parsed("a.fodt", FLAT.replace("{}", body)).elements] == [1, 2, 2]


def test_a_locked_open_document_is_refused() -> None:
    manifest = b"<manifest:manifest><manifest:encryption-data/></manifest:manifest>"
    content = with_members((FILES / "handbook.odt").read_bytes(), {"META-INF/manifest.xml": manifest})
    assert refusal_of("a.odt", content) == "encrypted"


# Rich text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"{\rtf1\ansi\ansicpg1251 \'cf\'f0\'e8\'e2\'e5\'f2\par}", ["Привет"]),
        (
            r"{\rtf1\ansi{\fonttbl{\f0\fcharset0 A;}{\f1\fcharset128 B;}}\f1 \'93\'fa\'96\'7b\f0  caf\'e9\par}",
            ["日本 café"],
        ),
        (r"{\rtf1\ansi\uc1 \u1055?\u1088?\u1080? ok\par}", ["При ok"]),
        (r"{\rtf1\ansi\uc0 \u-10187\u-9060\par}", ["\U0001d49c"]),
        (r"{\rtf1\uc2\u233\'c3\'a9!\par}", ["é!"]),
        (r"{\rtf1 a\{b\}\\c\tab d\line e\~f\emdash g\par}", ["a{b}\\c d\ne\xa0f—g"]),
        (r"{\rtf1 one\par two\par\pard three}", ["one", "two", "three"]),
        (r"{\rtf1{\*\unknown hidden from old readers}{\info{\author Ann}}shown\par}", ["shown"]),
        (r"{\rtf1{\field{\*\fldinst HYPERLINK x}{\fldrslt the link}} after\par}", ["the link after"]),
        (r"{\rtf1 body\par{\header Acme}{\header Acme}}", ["body", "Acme"]),
        ("{\\rtf1 before{\\pict\\bin5 }}{{\\}after\\par}", ["beforeafter"]),
    ],
)
def test_rich_text_is_decoded(source: str, expected: list[str]) -> None:
    assert [element.text for element in parsed("a.rtf", source).elements] == expected


def test_headings_tables_and_pages_of_rich_text() -> None:
    row = r"\trowd\intbl {}\cell {}\cell\row "
    header = row.format("Plan", "Price").replace(r"\trowd", r"\trowd\trhdr")
    styles = r"{\stylesheet{\s1 heading 1;}{\s2 Lead;}}"
    lead = r"\pard\s1 Leave\par\pard Twenty days.\par\pard\outlinelevel1 Carry over\par\pard "
    source = r"{\rtf1" + styles + lead + header + row.format("Basic", "9") + r"\pard\page Second page.\par}"
    assert rows(parsed("a.rtf", source)) == [
        ("title", "Leave", 1, "Leave"),
        ("text", "Twenty days.", 1, "Leave"),
        ("title", "Carry over", 1, "Leave > Carry over"),
        ("table", "Plan: Basic; Price: 9", 1, "Carry over"),
        ("text", "Second page.", 2, "Carry over"),
    ]


@pytest.mark.parametrize(
    "hidden",
    [
        r"{\v SECRET}",
        r"\v SECRET\v0 ",
        r"{\deleted SECRET}",
        r"{\fs2 SECRET}",
        r"{\colortbl;\red255\green255\blue255;}{\cf1 SECRET}",
        r"{\*\annotation SECRET}",
    ],
)
def test_what_rich_text_hides_is_concealed(hidden: str) -> None:
    document = parsed("a.rtf", r"{\rtf1 Shown. " + hidden + r"Also shown.\par}")
    assert [element.text for element in document.elements] == ["Shown. Also shown."]
    assert document.concealed == ("SECRET",)


def test_what_files_state_of_themselves_is_screened() -> None:
    secret = "SECRET words to the reader"
    flat = FLAT.replace("{}", "<text:p>ab</text:p>").replace(
        "<office:automatic-styles>", f"<office:meta><a>{secret}</a></office:meta><office:automatic-styles>"
    )
    package = PACKAGE.replace(b"</dc:title>", f"</dc:title><dc:description>{secret}</dc:description>".encode())
    for document in (
        parsed("a.fodt", flat),
        parsed("a.rtf", r"{\rtf1{\info{\author Ann}{\doccomm " + secret + r"}}Shown.\par}"),
        parsed("a.epub", zip_file({**BOOK, "OPS/book.opf": package})),
    ):
        assert secret in document.concealed
        assert all("SECRET" not in element.text for element in document.elements)


# Books

CONTAINER = b'<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
PACKAGE = (
    b'<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>Tides</dc:title></metadata><manifest>'
    b'<item id="a" href="a%20b.xhtml" media-type="application/xhtml+xml"/>'
    b'<item id="b" href="b.xhtml" media-type="application/xhtml+xml"/>'
    b'<item id="n" href="toc.ncx" media-type="application/x-dtbncx+xml"/></manifest>'
    b'<spine><itemref idref="b"/><itemref idref="a"/><itemref idref="a"/><itemref idref="none"/></spine></package>'
)
NCX = (
    b"<ncx><navMap><navPoint><navLabel><text>First  tide</text></navLabel><content src='b.xhtml#x'/></navPoint>"
    b"</navMap></ncx>"
)
BOOK = {
    "mimetype": b"application/epub+zip",
    "META-INF/container.xml": CONTAINER,
    "OPS/book.opf": PACKAGE,
    "OPS/toc.ncx": NCX,
    "OPS/a b.xhtml": b"<!DOCTYPE html><html><body><h1>Ebb</h1><p>Low.</p><p hidden>SECRET</p></body></html>",
    "OPS/b.xhtml": b"<html><body><p>High &nbsp; water.</p></body></html>",
}


def test_a_book_is_read_in_the_order_of_its_spine_under_the_names_of_its_contents() -> None:
    document = parsed("a.epub", zip_file(BOOK))
    assert document.title == "Tides"
    assert [(element.text, element.section) for element in document.elements] == [
        ("High water.", "First tide"),
        ("Ebb", "First tide > Ebb"),
        ("Low.", "First tide > Ebb"),
    ]
    assert document.concealed == ("SECRET",)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"META-INF/rights.xml": b"<rights/>"}, "encrypted"),
        (
            {"META-INF/encryption.xml": b"<e><CipherData><CipherReference URI='OPS/b.xhtml'/></CipherData></e>"},
            "encrypted",
        ),
        ({"OPS/book.opf": b'<!DOCTYPE a [<!ENTITY x "y">]><package/>'}, "external_entities"),
        ({"OPS/book.opf": b"<package>"}, "malformed"),
        ({"META-INF/container.xml": b"<container/>"}, "malformed"),
    ],
)
def test_a_book_that_cannot_be_read_is_refused_with_its_reason(changed: dict[str, bytes], reason: str) -> None:
    assert refusal_of("a.epub", zip_file({**BOOK, **changed})) == reason


def test_a_book_whose_fonts_are_locked_is_read() -> None:
    fonts = b"<e><CipherData><CipherReference URI='OPS/a.otf'/></CipherData></e>"
    assert parsed("a.epub", zip_file({**BOOK, "META-INF/encryption.xml": fonts})).title == "Tides"


# Outlook

MESSAGE = {
    0x001A: "IPM.Note",
    0x0037: "Ferry plan",
    0x1000: "We meet at nine.\r\n",
    0x0C1A: "Ann",
    0x0C1F: "a@example.org",
}


def test_an_outlook_message_reads_as_mail_does() -> None:
    document = parsed("a.msg", message_file(MESSAGE, attachments={"plan.txt": b"INSIDE"}))
    assert document.title == "Ferry plan"
    assert [element.text for element in document.elements] == [
        "Ferry plan",
        'From: "Ann" <a@example.org>\nAttachments: plan.txt',
        "We meet at nine.",
    ]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.msg", message_file({**MESSAGE, 0x001A: "IPM.Note.SMIME"}), "encrypted"),
        ("a.msg", message_file(MESSAGE, attachments={"message.rpmsg": b"x"}), "encrypted"),
        ("a.doc", compound_file({"WordDocument": b"x"}), "legacy_office"),
        ("a.xls", compound_file({"Workbook": b"x"}), "legacy_office"),
        ("a", compound_file({"PowerPoint Document": b"x"}), "legacy_office"),
        ("a.xlsx", compound_file({"EncryptedPackage": b"x"}), "encrypted"),
        ("a.vsd", compound_file({"VisioDocument": b"x"}), "unsupported_type"),
        ("a.txt", message_file(MESSAGE), "type_mismatch"),
    ],
)
def test_a_compound_file_of_another_kind_is_refused_with_its_reason(name: str, content: bytes, reason: str) -> None:
    assert refusal_of(name, content) == reason


def test_an_address_in_an_outlook_message_is_no_program() -> None:
    content = message_file(MESSAGE) + b"SMTP:ANN@EXAMPLE.COM\x00"
    assert parsed("a.msg", content).title == "Ferry plan"


PACKED = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
)
"""The first example of the format's specification ([MS-OXRTFCP], section 4.1)."""


@pytest.mark.parametrize(
    ("packed", "text"),
    [
        (PACKED, "hello world"),
        (b"\x1a\x00\x00\x00\x0d\x00\x00\x00MELA\x00\x00\x00\x00{\\rtf1 plain}", "plain"),
    ],
)
def test_a_message_with_a_body_of_rtf_alone_is_read(packed: bytes, text: str) -> None:
    texts = {key: text for key, text in MESSAGE.items() if key != 0x1000}
    assert parsed("a.msg", message_file({**texts, 0x1009: packed})).elements[-1].text == text
    assert refusal_of("a.msg", message_file({**texts, 0x1009: b"x" * 20})) == "malformed"


def test_a_message_with_a_body_of_html_alone_is_read() -> None:
    texts = {key: text for key, text in MESSAGE.items() if key != 0x1000}
    document = parsed("a.msg", message_file({**texts, 0x1013: "<p>Hello.</p><p hidden>SECRET</p>"}))
    assert document.elements[-1].text == "Hello."
    assert document.concealed == ("SECRET",)


# Damage


@pytest.mark.parametrize("name", ["handbook.rtf", "handbook.xml", "handbook.odt", "fares.ods", "a.msg"])
def test_a_damaged_file_is_read_or_refused(name: str) -> None:
    whole = message_file(MESSAGE) if name == "a.msg" else (FILES / name).read_bytes()
    chance = random.Random(7)
    for _ in range(25):
        content = bytearray(whole)
        for _ in range(chance.choice((1, 4, 30))):
            at = chance.randrange(len(content))
            content[at : at + chance.randrange(3)] = chance.choice((b"", b"{", b"}", b"<", b"\x00", b"\\u-1", b"&x;"))
        with contextlib.suppress(Refused):
            assert parsed(name, bytes(content)).elements


def test_an_element_with_countless_attributes_is_refused_rather_than_searched_for_each() -> None:
    attributes = " ".join(f'a{number}="x"' for number in range(1001))
    assert refusal_of("a.xml", f"<r {attributes}>The ferry leaves at nine.</r>") == "malformed"


def test_a_mail_with_a_header_that_takes_ages_to_read_is_refused() -> None:
    quotes = 'a"' * 2500
    assert refusal_of("a.eml", f"Subject: x\nContent-Type: text/plain; a={quotes}\n\nHello there.\n") == "malformed"
    folded = "\n ".join(["a@b.example,"] * 25_000)
    assert refusal_of("a.eml", f"Subject: x\nTo: {folded}\n\nHello there.\n") == "malformed"
