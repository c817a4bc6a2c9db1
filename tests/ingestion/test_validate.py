from __future__ import annotations

import pytest

from ingestion.validate import validate
from rag_service.domain.document import MediaType, Upload
from rag_service.domain.errors import Refused
from tests.ingestion.samples import docx_file, pdf_file, pptx_file, with_members, xlsx_file, zip_file

MIB = 2**20
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
DOCX = docx_file(lambda document: document.add_paragraph("Hello"))
PPTX = pptx_file(lambda deck: deck.slides.add_slide(deck.slide_layouts[0]))
XLSX = xlsx_file(lambda book: book.active.append(["a", "b"]))
PDF = pdf_file([[(72, 700, 12, "Hello")]])
MAIL = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: Hi\r\n\r\nHello"
PAGE = b"<!DOCTYPE html><html><body><p>Hello</p></body></html>"


def type_of(name: str, content: bytes) -> MediaType:
    return validate(Upload(name, content, name), max_bytes=MIB).media_type


def refusal_of(name: str, content: bytes, *, max_bytes: int = MIB) -> str:
    with pytest.raises(Refused) as caught:
        validate(Upload(name, content, name), max_bytes=max_bytes)
    return caught.value.reason


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", b"Hello there", MediaType.TEXT),
        ("README", b"Hello there", MediaType.TEXT),
        ("notes.rst", b"Hello there", MediaType.TEXT),
        ("a.md", b"# Hello", MediaType.MARKDOWN),
        ("a.html", b"<h1>Fragment</h1>", MediaType.HTML),
        ("page", PAGE, MediaType.HTML),
        ("page.txt", PAGE, MediaType.HTML),
        ("a.csv", b"a,b\n1,2", MediaType.CSV),
        ("a.json", b'{"a": 1}', MediaType.JSON),
        ("data", b'{"a": 1}', MediaType.JSON),
        ("a.txt", b'{"a": 1}', MediaType.TEXT),
        ("a.eml", MAIL, MediaType.EMAIL),
        ("mail", MAIL, MediaType.EMAIL),
        ("a.pdf", PDF, MediaType.PDF),
        ("a.pdf", b"junk before the header\n" + PDF, MediaType.PDF),
        ("noname", PDF, MediaType.PDF),
        ("A.DOCX", DOCX, MediaType.DOCX),
        ("a.pptx", PPTX, MediaType.PPTX),
        ("a.xlsx", XLSX, MediaType.XLSX),
        ("noname", XLSX, MediaType.XLSX),
        ("a.txt", "Ünïcödé".encode("utf-16"), MediaType.TEXT),
        ("a.txt", "Müller wohnt in der Straße".encode("cp1252"), MediaType.TEXT),
    ],
)
def test_a_type_is_read_from_the_content(name: str, content: bytes, expected: MediaType) -> None:
    assert type_of(name, content) is expected


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"", "empty_file"),
        ("a.pdf", PAGE, "type_mismatch"),
        ("a.pdf", b"just text", "type_mismatch"),
        ("a.docx", zip_file({"hello.txt": b"hi"}), "type_mismatch"),
        ("a.docx", XLSX, "type_mismatch"),
        ("a.txt", PNG, "type_mismatch"),
        ("a.txt", DOCX, "type_mismatch"),
        ("a.png", b"plain text", "type_mismatch"),
        ("a.md", PAGE, "type_mismatch"),
        ("a.html", b"no markup at all", "type_mismatch"),
        ("a.eml", b"Dear all, no header block here", "type_mismatch"),
        ("a.png", PNG, "image_file"),
        ("noname", PNG, "image_file"),
        ("a.zip", zip_file({"hello.txt": b"hi"}), "unsupported_type"),
        ("a.doc", OLE, "malformed"),
        ("a.json", b'{"a": ', "malformed"),
        ("a.json", b"[" * 100_000, "malformed"),
        ("a.docx", DOCX[: len(DOCX) // 2], "malformed"),
        ("a.docx", with_members(DOCX, {"word/vbaProject.bin": b"x"}), "macros"),
        ("a.txt", bytes(range(256)) * 8, "undecodable_text"),
        ("a.txt", "žluťoučký kůň úpěl".encode("mac_latin2"), "undecodable_text"),
    ],
)
def test_a_bad_file_is_refused_with_its_reason(name: str, content: bytes, reason: str) -> None:
    assert refusal_of(name, content) == reason


@pytest.mark.parametrize(
    ("beginning", "reason"),
    [
        (b"\xff\xd8\xff\xe0", "image_file"),
        (b"GIF89a", "image_file"),
        (b"II*\x00", "image_file"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image_file"),
        (b"\x00\x00\x00\x18ftypheic", "image_file"),
        (b"\x00\x00\x00\x18ftypavif", "image_file"),
        (b"BM\x00\x00\x00\x00\x00\x00\x00\x00", "image_file"),
        (b"\x00\x00\x00\x18ftypisom", "media_file"),
        (b"ID3\x03", "media_file"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "media_file"),
        (b"OggS\x00", "media_file"),
        (b"\x1aE\xdf\xa3", "media_file"),
        (b"7z\xbc\xaf'\x1c", "unsupported_type"),
        (b"SQLite format 3\x00", "unsupported_type"),
    ],
)
def test_what_holds_no_text_is_refused_by_its_kind(beginning: bytes, reason: str) -> None:
    assert refusal_of("unnamed", beginning + bytes(600)) == reason


@pytest.mark.parametrize(
    "text", ["BMW builds cars.", "GIF is a format.", "RIFF and WAVE are words.", "MZ is a mark.", "ID3 tags"]
)
def test_prose_that_begins_like_a_format_is_prose(text: str) -> None:
    assert type_of("a.txt", text.encode()) is MediaType.TEXT


def test_many_comments_before_no_page_cost_no_more_than_a_look() -> None:
    assert type_of("a.txt", b"<!--a-->" * 100_000 + b"words") is MediaType.TEXT


def test_a_file_over_the_limit_is_refused_and_one_at_the_limit_is_not() -> None:
    assert refusal_of("a.txt", b"x" * 101, max_bytes=100) == "too_large"
    assert validate(Upload("a.txt", b"x" * 100, "a"), max_bytes=100).media_type is MediaType.TEXT


def test_an_office_file_that_expands_beyond_reason_is_refused() -> None:
    bomb = with_members(DOCX, {"word/media/blank.bmp": bytes(24 * MIB)})
    assert len(bomb) < MIB
    assert refusal_of("a.docx", bomb) == "archive_bomb"


def test_a_bomb_spread_over_small_members_is_refused() -> None:
    bomb = with_members(DOCX, {f"word/media/{number}.bmp": bytes(3 * MIB) for number in range(12)})
    assert refusal_of("a.docx", bomb) == "archive_bomb"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_an_office_part_with_a_document_type_is_refused(encoding: str) -> None:
    part = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode(encoding)
    assert refusal_of("a.docx", with_members(DOCX, {"customXml/item1.xml": part})) == "external_entities"


def test_a_macro_enabled_content_type_is_refused() -> None:
    types = b"<Types><Override ContentType='application/vnd.ms-word.document.macroEnabled.main+xml'/></Types>"
    assert refusal_of("a.docm", with_members(DOCX, {"[Content_Types].xml": types})) == "macros"


def test_a_refusal_never_quotes_the_file() -> None:
    with pytest.raises(Refused) as caught:
        validate(Upload("a.json", b'{"secret-word": ', "a"), max_bytes=MIB)
    assert "secret-word" not in str(caught.value)
