"""The second stage: from bytes of a known type to titled, paged elements."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from ingestion.inspection.programs import refuse_test_text
from ingestion.parsers.book import parse_epub
from ingestion.parsers.extract import Extract, one_line
from ingestion.parsers.mail import parse_mail
from ingestion.parsers.markup import parse_html, parse_markdown
from ingestion.parsers.open_document import parse_open_document
from ingestion.parsers.outlook import parse_outlook
from ingestion.parsers.pdf import parse_pdf
from ingestion.parsers.plain import parse_plain
from ingestion.parsers.records import parse_json, parse_json_lines
from ingestion.parsers.rtf import parse_rtf
from ingestion.parsers.sheets import parse_csv, parse_xlsx
from ingestion.parsers.slides import parse_pptx
from ingestion.parsers.word import parse_docx
from ingestion.parsers.xml_text import parse_xml
from rag_service.domain.document import BlockKind, Element, MediaType, ParsedDocument, Upload, ValidatedUpload
from rag_service.domain.errors import Refused

PARSERS: Mapping[MediaType, Callable[[bytes], Extract]] = {
    MediaType.TEXT: parse_plain,
    MediaType.MARKDOWN: parse_markdown,
    MediaType.HTML: parse_html,
    MediaType.CSV: parse_csv,
    MediaType.JSON: parse_json,
    MediaType.JSON_LINES: parse_json_lines,
    MediaType.XML: parse_xml,
    MediaType.EMAIL: parse_mail,
    MediaType.OUTLOOK: parse_outlook,
    MediaType.RTF: parse_rtf,
    MediaType.EPUB: parse_epub,
    MediaType.PDF: parse_pdf,
    MediaType.DOCX: parse_docx,
    MediaType.PPTX: parse_pptx,
    MediaType.XLSX: parse_xlsx,
    MediaType.ODT: parse_open_document,
    MediaType.ODS: parse_open_document,
    MediaType.ODP: parse_open_document,
}
MAX_TITLE = 200
MAX_ELEMENTS = 1_000_000
"""Each takes some hundred bytes in every process that it passes, the worker with the keys among them."""


def parse(upload: ValidatedUpload) -> ParsedDocument:
    """What a reader of the file sees, as elements in reading order, and apart from it what the file hides.

    The title is the uploader's, else the document's own, else the file's name.

    Raises:
        Refused: ``malformed`` when the format's parser cannot read it, ``no_text`` when there is nothing to read,
            ``output_too_large`` when it has too many parts, or what a parser found: ``encrypted``, ``too_large``,
            ``undecodable_text``.
        MemoryError: the limit of the process that parses was reached.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            extract = PARSERS[upload.media_type](upload.upload.content)
    except (Refused, MemoryError, ImportError):  # no memory is a limit, and no library is an installation's defect
        raise
    # Parsing libraries raise anything, and what they say may quote the file: nothing of it is kept.
    except Exception:  # noqa: BLE001  (for the reason above)
        raise Refused("malformed", "The file is damaged: its format's parser could not read it.") from None
    if len(extract.elements) > MAX_ELEMENTS:
        raise Refused("output_too_large", f"The file has more than {MAX_ELEMENTS} paragraphs, headings and tables.")
    if not any(character.isalnum() for element in extract.elements for character in element.text):
        raise Refused("no_text", "The file holds no text that could be read.")
    refuse_test_text((*(element.text for element in extract.elements), *extract.concealed, *extract.disguised))
    title = _title(upload.upload, extract)
    elements = tuple(_below_title(element, title) for element in extract.elements)
    return ParsedDocument(
        title, upload.media_type, elements, extract.concealed, extract.disguised, stripped=upload.stripped
    )


def _title(upload: Upload, extract: Extract) -> str:
    stem = PurePosixPath(upload.name.replace("\\", "/")).stem
    for candidate in (upload.title, extract.title, stem, upload.name):
        if candidate and (title := one_line(candidate)):
            return title[:MAX_TITLE].strip()
    return "Untitled"


def _below_title(element: Element, title: str) -> Element:
    """The element with the title left out of its section path, where it would only be said twice."""
    head, _, rest = (element.section or "").partition(" > ")
    if rest and element.kind is not BlockKind.TITLE and head == title:
        return replace(element, section=rest)
    return element
