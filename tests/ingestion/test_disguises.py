"""Files that are not what they seem: each is told for what it is, or refused."""

from __future__ import annotations

import base64
import io
import warnings
import zipfile
import zlib

import pytest

from eval.hostile.archives import plain_zip
from eval.hostile.packages import docx
from eval.hostile.pdfs import one_page, stream
from ingestion.containers.kinds import Kind
from ingestion.containers.limits import UnpackLimits
from ingestion.containers.walk import unpack
from ingestion.inspection.active import Policy
from ingestion.parse import parse
from ingestion.validate import validate
from rag_service.domain.document import Upload
from rag_service.domain.errors import Refused

VIRUS = b"X5O!P%@AP[4" + rb"\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
PROGRAM = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\x00\x00" + bytes(100)
OBJECT = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + PROGRAM
SENTENCE = b"An honest sentence stands in this file. "
PAGE = stream(b"BT /F1 12 Tf 72 700 Td (An honest sentence.) Tj ET")
WORD = "<w:p><w:r><w:t>word</w:t></w:r></w:p>"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"


def pdf_with(content: bytes, entries: str) -> bytes:
    return one_page(PAGE, more=[stream(content, entries)])


def pdf_with_objects(objects: bytes, entries: str) -> bytes:
    return pdf_with(objects, f"{entries} /N 1 /First 4")


def related(relation: str) -> bytes:
    part = f'<?xml version="1.0"?><Relationships xmlns="{RELATIONS}">{relation}</Relationships>'
    return docx(WORD, parts={"word/_rels/settings.xml.rels": part.encode()})


def said_twice(name: str) -> bytes:
    other = zipfile.ZipFile(io.BytesIO(docx(WORD.replace("word", "else")))).read("word/document.xml")
    whole = io.BytesIO(docx(WORD))
    with warnings.catch_warnings(), zipfile.ZipFile(whole, "a") as package:
        warnings.simplefilter("ignore")
        package.writestr(name, other)
    return whole.getvalue()


def outcome(name: str, content: bytes) -> str | tuple[str, ...]:
    try:
        return parse(validate(Upload(name, content, name), max_bytes=2**26, policy=Policy.REFUSE)).stripped
    except Refused as refusal:
        return refusal.reason


LAUNCH = b"7 0 << /S /Launch /F (a) >>"
HEX, A85, FLATE = "/Filter /ASCIIHexDecode", "/Filter [/ASCII85Decode]", "/Filter /FlateDecode"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("hidden.html", b"<p>word here</p><p hidden>" + VIRUS.replace(b"O", b"&#79;") + b"</p>", "malware_test_file"),
        ("object.rtf", b"{\\rtf1 word {\\object{\\*\\objdata " + VIRUS.hex().encode() + b"}}}", "malware_test_file"),
        ("a85.pdf", pdf_with(base64.a85encode(VIRUS) + b"~>", f"/Type /EmbeddedFile {A85}"), "malware_test_file"),
        ("hex.pdf", pdf_with(VIRUS.hex().encode() + b">", f"/Type /EmbeddedFile {HEX}"), "malware_test_file"),
        ("untyped.pdf", pdf_with(zlib.compress(VIRUS), FLATE), "malware_test_file"),
        ("untyped.pdf", pdf_with(zlib.compress(PROGRAM), FLATE), "embedded_executable"),
        ("a.rtf", b"{\\rtf1 word {\\object{\\*\\objdata " + OBJECT.hex("\n").encode() + b"}}}", "embedded_executable"),
        (
            "b.rtf",
            b"{\\rtf1 word {\\object{\\*\\objdata \\bin%d " % len(OBJECT) + OBJECT + b"}}}",
            "embedded_executable",
        ),
        ("c.rtf", b"{\\rtf1{\\*\\template http://example.org/a.dotm} word}", ("external_reference",)),
        ("d.rtf", b"{\\rtf1 word {\\object{\\*\\objdata 0102}}}", ("embedded_object",)),
        ("e.rtf", b"{\\rtf1 word}", ()),
        ("a.pdf", pdf_with_objects(zlib.compress(LAUNCH), f"/Type /Obj#53tm {FLATE}"), "pdf_launch"),
        ("b.pdf", pdf_with_objects(LAUNCH.hex().encode() + b">", f"/Type /ObjStm {HEX}"), "pdf_launch"),
        ("c.pdf", pdf_with_objects(base64.a85encode(LAUNCH) + b"~>", f"/Type /ObjStm {A85}"), "pdf_launch"),
        ("d.pdf", pdf_with_objects(zlib.compress(LAUNCH), f"/Type /ObjStm /A ({'x' * 3000}) {FLATE}"), "pdf_launch"),
        ("e.pdf", one_page(PAGE), ()),
        ("macros.docx", related('<Relationship Id="a" Type="http://m/vbaProject" Target="a.bin"/>'), "macros"),
        (
            "entity.docx",
            related('<Relationship Id="a" Type="http://m/attachedTemplate" Target="b" TargetMode="&#69;xternal"/>'),
            ("external_reference",),
        ),
        (
            "bracket.docx",
            related('<Relationship Id="a>" Type="http://m/attachedTemplate" Target="b" TargetMode="External"/>'),
            ("external_reference",),
        ),
        (
            "link.docx",
            related('<Relationship Id="a" Type="http://m/hyperlink" Target="b" TargetMode="External"/>'),
            (),
        ),
        ("twice.docx", said_twice("word/document.xml"), "duplicate_name"),
        ("case.docx", said_twice("WORD/Document.xml"), "duplicate_name"),
        ("page.html", b"<html><body><p>word here</p></body></html>" + plain_zip({"a.txt": SENTENCE}), "polyglot"),
        ("long.txt", SENTENCE * 1000 + plain_zip({"a.txt": SENTENCE}), "polyglot"),
        ("program.txt", PROGRAM, "type_mismatch"),
        ("program", PROGRAM, "unsupported_type"),
        ("disc", bytes(32_769) + b"CD001" + bytes(500), "unsupported_type"),
        ("archive.cab", b"MSCF" + bytes(60), "unsupported_type"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>x</script><text>word</text></svg>", ()),
    ],
)
def test_what_a_file_hides_is_told(name: str, content: bytes, expected: str | tuple[str, ...]) -> None:
    assert outcome(name, content) == expected


MAIL = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: a\r\nMIME-Version: 1.0\r\n"


def part(kind: bytes, content: bytes, more: bytes = b"") -> bytes:
    return b"--b\r\nContent-Type: " + kind + b"\r\n" + more + b"\r\n" + content + b"\r\n"


def mixed(*parts: bytes) -> bytes:
    return MAIL + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"".join(parts) + b"--b--\r\n"


INLINE = b"Content-Disposition: inline\r\n"


@pytest.mark.parametrize(
    ("mail", "members"),
    [
        (mixed(part(b"text/plain", b"one"), part(b"application/octet-stream", VIRUS, INLINE)), ["attachment"]),
        (mixed(part(b"text/plain", b"one"), part(b"text/plain", b"two")), ["attachment.txt"]),
        (mixed(part(b"text/plain", b"one"), part(b"image/png", b"two")), []),
        (mixed(part(b"text/plain", b"one")), []),
        (mixed(part(b"multipart/alternative; boundary=c", b"--c\r\n\r\none\r\n--c\r\n\r\ntwo\r\n--c--")), []),
    ],
)
def test_what_hangs_on_a_mail_without_a_name_is_a_member_too(mail: bytes, members: list[str]) -> None:
    found = unpack(Upload("a.eml", mail, "a.eml"), UnpackLimits(), mail=Kind.MAIL)
    assert found is not None
    assert [member.path for member in found.contents.members] == members
