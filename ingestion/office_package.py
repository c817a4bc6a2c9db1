"""Which kind of document a zip archive is. Whether it is safe to open is looked at by ``ingestion.inspection``."""

from __future__ import annotations

from zipfile import ZipFile

from ingestion.inspection.office import LIMITS
from ingestion.inspection.zip_directory import check_member, open_zip, read_pieces
from rag_service.domain.document import MediaType

_TYPES, _STATED_IN = "[Content_Types].xml", "mimetype"
_LONGEST = 2**20
_MAIN_PARTS = (
    (b"wordprocessingml.document.main+xml", MediaType.DOCX),
    (b"presentationml.presentation.main+xml", MediaType.PPTX),
    (b"presentationml.slideshow.main+xml", MediaType.PPTX),
    (b"spreadsheetml.sheet.main+xml", MediaType.XLSX),
    (b"wordprocessingml.template.main+xml", MediaType.DOCX),
    (b"presentationml.template.main+xml", MediaType.PPTX),
    (b"spreadsheetml.template.main+xml", MediaType.XLSX),
    (b"ms-word.document.macroEnabled.main+xml", MediaType.DOCX),
    (b"ms-word.template.macroEnabledTemplate.main+xml", MediaType.DOCX),
    (b"ms-powerpoint.presentation.macroEnabled.main+xml", MediaType.PPTX),
    (b"ms-powerpoint.slideshow.macroEnabled.main+xml", MediaType.PPTX),
    (b"ms-excel.sheet.macroEnabled.main+xml", MediaType.XLSX),
    (b"ms-excel.template.macroEnabled.main+xml", MediaType.XLSX),
)
_OPEN_DOCUMENT = {MediaType.ODT: "text", MediaType.ODS: "spreadsheet", MediaType.ODP: "presentation"}
_STATED = {
    b"application/epub+zip": MediaType.EPUB,
    **{
        f"application/vnd.oasis.opendocument.{word}{suffix}".encode(): media_type
        for media_type, word in _OPEN_DOCUMENT.items()
        for suffix in ("", "-template")
    },
}


def package_type(content: bytes) -> MediaType | None:
    """The document format of a zip archive, or None for a zip of something else.

    Raises:
        Refused: one of the reasons of ``open_zip`` and ``check_member``.
    """
    with open_zip(content, LIMITS) as archive:
        if stated := _read(archive, content, _STATED_IN):
            return _STATED.get(stated.strip())
        types = _read(archive, content, _TYPES)
        return next((media_type for marker, media_type in _MAIN_PARTS if marker in types), None)


def _read(archive: ZipFile, content: bytes, name: str) -> bytes:
    member = next((member for member in archive.infolist() if member.filename == name), None)
    if member is None:
        return b""
    check_member(content, member)
    return b"".join(read_pieces(archive, member, _LONGEST))
