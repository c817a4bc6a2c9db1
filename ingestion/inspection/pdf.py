"""PDFs before they are parsed: what they would do when they are opened, by the names that they use.

Names are read where they stand in the clear and in object streams, which are expanded as far as a budget goes.
"""

from __future__ import annotations

import re

from ingestion.inspection import active
from ingestion.inspection.images import refuse_oversized_in_pdf
from ingestion.inspection.pdf_streams import plain_names, streams_of
from ingestion.inspection.programs import is_program, is_program_name, refuse_test_file
from rag_service.domain.errors import Refused

_KINDS = {
    b"JavaScript": "pdf_javascript", b"JS": "pdf_javascript", b"Launch": active.LAUNCH, b"RichMedia": "pdf_media",
    b"Movie": "pdf_media", b"Rendition": "pdf_media", b"XFA": "pdf_xfa", b"EmbeddedFile": "pdf_attachment",
    b"EmbeddedFiles": "pdf_attachment", b"SubmitForm": "pdf_form_target", b"ImportData": "pdf_form_target",
    b"GoToE": "pdf_attachment", b"EF": "pdf_attachment", b"GoToR": "external_reference",
}  # fmt: skip
_NAME = re.compile(
    rb"/((?:JavaScript|JS|Launch|RichMedia|Movie|Rendition|XFA|EmbeddedFiles?|EF|SubmitForm|ImportData|GoTo[ER])"
    rb"(?![A-Za-z0-9#_.-])|[A-Za-z]{0,20}#[0-9A-Fa-f]{2}[A-Za-z0-9#]{0,60})"
)
_FILE_NAME = re.compile(rb"/U?F\s{0,9}\(([^()\r\n]{1,255})\)")
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
    kinds = _named(content)
    for stream in streams_of(content, _LARGE, _LOOKED_AT):
        if b"/Image" in stream.head:
            continue
        # The library draws a page as a whole, and holds all of it.
        if len(stream.content) >= _LARGE and _MOST_RATIO * stream.packed < _LARGE:
            raise Refused("archive_bomb", "A page of the PDF would expand to far more than a page needs.")
        if b"/ObjStm" in stream.head:
            kinds |= _named(stream.content)
        refuse_test_file(stream.content)
        if is_program(stream.content):  # attached, whatever its dictionary says of it
            kinds |= {"pdf_attachment", active.EXECUTABLE}
    if "pdf_attachment" in kinds and any(is_program_name(one.decode("latin-1")) for one in _FILE_NAME.findall(content)):
        kinds.add(active.EXECUTABLE)
    return kinds


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


def _named(content: bytes) -> set[str]:
    names = {plain_names(one) for one in set(_NAME.findall(content))}
    return {_KINDS[name] for name in names if name in _KINDS}
