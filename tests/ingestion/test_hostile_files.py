"""Files that an enemy would send, made here: each is refused with the reason that is true of it, or taken without."""

from __future__ import annotations

import struct
import zlib

import pytest

from ingestion.inspection.active import Policy
from ingestion.inspection.programs import _TEST_FILE as EICAR
from ingestion.parse import parse
from ingestion.validate import validate
from rag_service.domain.document import ParsedDocument, Upload
from rag_service.domain.errors import Refused
from tests.ingestion.samples import docx_file, member_of, pdf_file, with_members, xlsx_file, zip_file

MIB = 2**20
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
DOCX = docx_file(lambda document: document.add_paragraph("Hello there"))
XLSX = xlsx_file(lambda book: book.active.append(["Hello there", "b"]))
PAGE = [[(72, 700, 12, "Hello there")]]
PDF = pdf_file(PAGE)
MACRO_TYPES = member_of(DOCX, "[Content_Types].xml").replace(
    b"vnd.openxmlformats-officedocument.wordprocessingml.document.main", b"vnd.ms-word.document.macroEnabled.main"
)
WIDE = EICAR.decode().encode("utf-16")
PE = b"MZ" + bytes(58) + struct.pack("<L", 64) + b"PE\x00\x00" + bytes(64)
EXTERNAL = (
    b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r9" '
    b'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/%s" Target="http://x.example/t" '
    b'TargetMode="External"/></Relationships>'
)


def png(width: int, height: int) -> bytes:
    head = struct.pack(">2L5B", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + head + struct.pack(">L", zlib.crc32(b"IHDR" + head))


def taken(name: str, content: bytes, policy: Policy = Policy.REFUSE) -> ParsedDocument:
    return parse(validate(Upload(name, content, name), max_bytes=8 * MIB, policy=policy))


def reason_of(name: str, content: bytes, policy: Policy = Policy.REFUSE) -> str:
    with pytest.raises(Refused) as caught:
        taken(name, content, policy)
    assert caught.value.detail.endswith(".")
    return caught.value.reason


def with_part(name: str, content: bytes) -> bytes:
    return with_members(DOCX, {name: content})


def in_pdf(extra: str, body: str = "") -> bytes:
    """A PDF with one more object, 9, and an entry of its trailer."""
    return PDF.replace(b"xref\n0", f"9 0 obj\n{body}\nendobj\nxref\n0".encode("latin-1"), 1).replace(
        b"/Root 1 0 R", f"/Root 1 0 R {extra}".encode()
    )


def object_stream(objects: bytes) -> str:
    packed = zlib.compress(objects)
    head = f"<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length {len(packed)} >>\nstream\n"
    return head + packed.decode("latin-1") + "\nendstream"


def attached(content: bytes) -> str:
    packed = zlib.compress(content)
    head = f"<< /Type /EmbeddedFile /Filter /FlateDecode /Length {len(packed)} >>\nstream\n"
    return head + packed.decode("latin-1") + "\nendstream"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"before " + EICAR + b" after", "malware_test_file"),
        ("a.txt", WIDE, "malware_test_file"),
        ("a.docx", with_part("word/media/a.bin", EICAR), "malware_test_file"),
        ("a.docx", with_part("word/media/a.bin", bytes(2**18 - 40) + EICAR), "malware_test_file"),
        ("a.docx", with_part("word/embeddings/a.docx", with_part("a.txt", EICAR)), "malware_test_file"),
        ("a.docx", with_part("word/vbaProject.bin", OLE), "macros"),
        ("a.docx", with_part("word/embeddings/a.bin", OLE + "_VBA_PROJECT".encode("utf-16-le")), "macros"),
        ("a.xlsx", with_members(XLSX, {"xl/macrosheets/sheet1.xml": b"<a/>"}), "macros"),
        ("a.doc", OLE + bytes(504) + "Macros\x00".encode("utf-16-le"), "macros"),
        ("a.docx", with_part("word/media/image1.png", PE), "embedded_executable"),
        ("a.docx", with_part("word/embeddings/run.ps1", b"Get-Item"), "embedded_executable"),
        ("a.docx", with_part("word/embeddings/a.bin", OLE + bytes(600) + PE), "embedded_executable"),
        ("a.docx", with_part("word/embeddings/a.bin", OLE + b"C:\\a\\run.vbs\x00"), "embedded_executable"),
        ("a.docx", with_part("word/embeddings/a.bin", b"\x7fELF\x02\x01\x01" + bytes(64)), "embedded_executable"),
        ("a.docx", with_part("word/media/image1.png", png(10**5, 10**5)), "oversized_image"),
        ("a.png", png(10**5, 10**5), "oversized_image"),
        ("a.pdf", in_pdf("", "<< /Subtype /Image /Width 100000 /Height 100000 >>"), "oversized_image"),
        ("a.pdf", in_pdf("/OpenAction << /S /Launch /F (a) >>"), "pdf_launch"),
        ("a.pdf", in_pdf("/OpenAction << /S /L#61unch /F (a) >>"), "pdf_launch"),
        ("a.pdf", in_pdf("", object_stream(b"9 0 << /S /Launch >>")), "pdf_launch"),
        ("a.pdf", pdf_file([]), "no_text"),
        ("a.pdf", in_pdf("", attached(EICAR)), "malware_test_file"),
        ("a.pdf", in_pdf("", attached(PE)), "embedded_executable"),
        ("a.pdf", in_pdf("/X << /UF (run.exe) >>", attached(b"harmless")), "embedded_executable"),
        ("a.pdf", pdf_file([[(72, 700, 8, EICAR.decode())]]), "malware_test_file"),
        ("a.html", b"<html><body><p>" + EICAR.replace(b"!", b"&#33;") + b"</p></body></html>", "malware_test_file"),
        ("a.pdf", PDF + zip_file({"a.txt": b"hi"}), "polyglot"),
        ("a.pdf", zip_file({"a.txt": b"hi"})[:40] + PDF, "polyglot"),
        ("a.pdf", b"<html><script>alert(1)</script>\n" + PDF, "polyglot"),
        ("a.pdf", PDF.replace(b"%PDF-1.4", b"garbage\xff"), "malformed"),
        ("a.fuzz", b"\xff\xfe\xfd\x00\x01\x02\x03" + PDF[9:], "malformed"),
        ("invoice\u202efdp.exe", b"hello", "unsafe_name"),
        ("a\nb.txt", b"hello", "unsafe_name"),
        ("a" * 300 + ".txt", b"hello", "unsafe_name"),
        ("a.docx", with_part("../../etc/cron.d/a", b"x"), "unsafe_path"),
        ("a.docx", with_part("/etc/passwd", b"x"), "unsafe_path"),
        ("a.html", b'<!DOCTYPE html [<!ENTITY a SYSTEM "file:///etc/passwd">]><html>&a;</html>', "external_entities"),
    ],
)
def test_an_enemys_file_is_refused_with_its_reason(name: str, content: bytes, reason: str) -> None:
    assert reason_of(name, content) == reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_declaration_is_found_in_every_encoding_that_xml_readers_guess(encoding: str) -> None:
    part = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode(encoding)
    assert reason_of("a.docx", with_part("customXml/item1.xml", part)) == "external_entities"


@pytest.mark.parametrize("encoding", ["utf-7", "cp037", "utf-16", "zlib_codec", "no-such"])
def test_an_encoding_that_could_hide_a_declaration_is_refused(encoding: str) -> None:
    part = f'<?xml version="1.0" encoding="{encoding}"?><a/>'
    hidden = part.encode("cp037") if encoding == "cp037" else part.encode()
    assert reason_of("a.docx", with_part("customXml/item1.xml", hidden)) == "malformed"


@pytest.mark.parametrize(
    ("name", "content", "stripped"),
    [
        ("a.docx", DOCX, ()),
        ("a.docx", with_part("word/_rels/settings.xml.rels", EXTERNAL % b"attachedTemplate"), ("external_reference",)),
        ("a.docx", with_part("word/_rels/x.xml.rels", EXTERNAL % b"hyperlink"), ()),
        ("a.docx", with_part("word/embeddings/a.xlsx", XLSX), ("embedded_object",)),
        ("a.pdf", PDF, ()),
        ("a.pdf", in_pdf("/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>"), ("pdf_javascript",)),
        ("a.pdf", in_pdf("", attached(b"harmless")), ("pdf_attachment",)),
        ("a.pdf", in_pdf("/AcroForm << /XFA 9 0 R >>", "[]"), ("pdf_xfa",)),
        ("a.txt", b"MZ is the mark of a program, and BM that of a bitmap.", ()),
        ("a.md", b'An entity bomb begins with `<!DOCTYPE a [<!ENTITY b "c">]>`.', ()),
        ("BM", b"BMW builds cars: many of them, in all colours and sizes that one could want.", ()),
    ],
)
def test_what_is_harmless_is_left_behind_and_told(name: str, content: bytes, stripped: tuple[str, ...]) -> None:
    assert taken(name, content).stripped == stripped


@pytest.mark.parametrize(
    ("name", "content", "stripped"),
    [
        ("a.docx", with_part("word/vbaProject.bin", OLE), "macros"),
        ("a.docm", with_members(DOCX, {"[Content_Types].xml": MACRO_TYPES, "word/vbaProject.bin": OLE}), "macros"),
        ("a.docx", with_part("word/media/image1.png", PE), "embedded_executable"),
        ("a.pdf", in_pdf("/OpenAction << /S /Launch /F (a) >>"), "pdf_launch"),
    ],
)
def test_where_policy_says_so_a_file_is_taken_without_its_active_content(
    name: str, content: bytes, stripped: str
) -> None:
    document = taken(name, content, Policy.STRIP)
    assert document.stripped == (stripped,)
    assert [element.text for element in document.elements] == ["Hello there"]


def test_no_policy_takes_the_test_file_of_virus_scanners() -> None:
    assert reason_of("a.txt", EICAR, Policy.STRIP) == "malware_test_file"
