"""PDFs before they are parsed: what they would do when they are opened, by the names that they use.

Names are read where they stand in the clear and in object streams, which are expanded as far as a budget goes.
"""

from __future__ import annotations

import re
import zlib

from ingestion.inspection import active
from ingestion.inspection.images import refuse_oversized_in_pdf
from ingestion.inspection.programs import is_program, is_program_name, refuse_test_file
from rag_service.domain.errors import Refused

_KINDS = {
    b"JavaScript": "pdf_javascript", b"JS": "pdf_javascript", b"Launch": active.LAUNCH, b"RichMedia": "pdf_media",
    b"Movie": "pdf_media", b"Rendition": "pdf_media", b"XFA": "pdf_xfa", b"EmbeddedFile": "pdf_attachment",
    b"EmbeddedFiles": "pdf_attachment", b"SubmitForm": "pdf_form_target", b"ImportData": "pdf_form_target",
    b"GoToE": "pdf_attachment", b"GoToR": "external_reference",
}  # fmt: skip
_NAME = re.compile(
    rb"/((?:JavaScript|JS|Launch|RichMedia|Movie|Rendition|XFA|EmbeddedFiles?|SubmitForm|ImportData|GoTo[ER])"
    rb"(?![A-Za-z0-9#_.-])|[A-Za-z]{0,20}#[0-9A-Fa-f]{2}[A-Za-z0-9#]{0,60})"
)
_HEX = re.compile(rb"#([0-9A-Fa-f]{2})")
_OBJECT_STREAM = re.compile(rb"/ObjStm\b.{0,500}?\bstream\r?\n", re.DOTALL)
_ATTACHED = re.compile(rb"/EmbeddedFile\b.{0,500}?\bstream\r?\n", re.DOTALL)
_FILE_NAME = re.compile(rb"/U?F\s{0,9}\(([^()\r\n]{1,255})\)")
_MOST_ATTACHED = 64 * 2**10
_OBJECTS, _STREAM = 64 * 2**20, 8 * 2**20
_STREAM_START = re.compile(rb"\bstream\r?\n")
_HEAD = 1000
_LARGE, _MOST_RATIO = 4 * 2**20, 60
_LOOKED_AT = 256 * 2**20
"""Bytes that are expanded in all to be measured."""

_OBJECT = re.compile(rb"\d{1,10}\s{1,9}\d{1,5}\s{1,9}obj\b")
_CLOSING = (b"trailer", b"startxref", b"endobj", b"%%EOF", b"/Type/Page", b"/Type /Page")


def found_in_pdf(content: bytes) -> set[str]:
    """The kinds of active content in the PDF.

    Raises:
        Refused: ``oversized_image``, ``malware_test_file``, or ``archive_bomb`` for what a page would expand to.
    """
    refuse_oversized_in_pdf(content)
    _refuse_bombs(content)
    kinds, left = _named(content), _OBJECTS
    for match in _OBJECT_STREAM.finditer(content):
        try:
            objects = zlib.decompressobj().decompress(_stream(content, match.end()), left)
        except zlib.error:  # encrypted, or filtered in another way
            continue
        left -= len(objects)
        kinds |= _named(objects)
        if left <= 0:
            break
    return kinds | _attached(content)


def is_remains_of_pdf(content: bytes) -> bool:
    """Whether the file was a PDF before it lost its beginning: it has numbered objects, or what closes a PDF.

    >>> is_remains_of_pdf(b"junk 4 0 obj <</Length 5>> endobj trailer <<>>")
    True
    """
    marks = sum(mark in content for mark in _CLOSING)
    return marks >= 2 or (marks == 1 and _OBJECT.search(content) is not None)


def headless() -> Refused:
    """The refusal of such a file."""
    return Refused("malformed", "The file is a damaged PDF: it does not begin as one.")


def _refuse_bombs(content: bytes) -> None:
    """No stream, images aside, expands to far more than what is drawn in it can need. Raises ``Refused``.

    The library draws a page as a whole, and holds all of it.
    """
    left = _LOOKED_AT
    for match in _STREAM_START.finditer(content):
        head = content[max(0, match.start() - _HEAD) : match.start()].rpartition(b"obj")[2]
        if b"/Image" in head or b"Flate" not in head or left <= 0:
            continue
        packed, packer = _stream(content, match.end()), zlib.decompressobj()
        try:
            size = len(packer.decompress(packed, _LARGE))
        except zlib.error:
            continue
        left -= size
        if size >= _LARGE and size > _MOST_RATIO * (len(packed) - len(packer.unconsumed_tail)):
            raise Refused("archive_bomb", "A page of the PDF would expand to far more than a page needs.")


def _stream(content: bytes, start: int) -> bytes:
    """The bytes of the stream that begins there. No further: what lies behind its end is copied for nothing."""
    end = content.find(b"endstream", start, start + _STREAM)
    return content[start : end if end >= 0 else start + _STREAM]


def _attached(content: bytes) -> set[str]:
    """What is told of the attached files by how they begin and are called. Raises ``Refused``."""
    everything = memoryview(content)
    matches = list(_ATTACHED.finditer(content))
    names = _FILE_NAME.findall(content) if matches else []
    kinds = {active.EXECUTABLE} if any(is_program_name(name.decode("latin-1")) for name in names) else set()
    for match in matches:
        raw = everything[match.end() : match.end() + _MOST_ATTACHED]
        try:
            head = zlib.decompressobj().decompress(raw, _MOST_ATTACHED)
        except zlib.error:  # not compressed, or in another way
            head = bytes(raw)
        refuse_test_file(head)
        if is_program(head):
            kinds.add(active.EXECUTABLE)
    return kinds


def _named(content: bytes) -> set[str]:
    names = {_HEX.sub(lambda code: bytes([int(code.group(1), 16)]), one) for one in set(_NAME.findall(content))}
    return {_KINDS[name] for name in names if name in _KINDS}
