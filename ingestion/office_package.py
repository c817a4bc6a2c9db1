"""What an Office file (a zip of XML parts) is, and whether it is safe to open."""

from __future__ import annotations

import io
import zipfile
import zlib

from rag_service.domain.document import MediaType
from rag_service.domain.errors import Refused

MAX_EXPANDED_BYTES = 300 * 2**20
MAX_MEMBERS = 20_000
MAX_RATIO = 200
"""Text in XML shrinks up to about a hundredfold; more is a bomb. Small members may exceed it."""
_SMALL = 4 * 2**20
_READ = 2**18

_MAIN_PARTS = (
    (b"wordprocessingml.document.main+xml", MediaType.DOCX),
    (b"presentationml.presentation.main+xml", MediaType.PPTX),
    (b"presentationml.slideshow.main+xml", MediaType.PPTX),
    (b"spreadsheetml.sheet.main+xml", MediaType.XLSX),
    (b"ms-word.document.macroEnabled.main+xml", MediaType.DOCX),
    (b"ms-word.template.macroEnabledTemplate.main+xml", MediaType.DOCX),
    (b"ms-powerpoint.presentation.macroEnabled.main+xml", MediaType.PPTX),
    (b"ms-powerpoint.slideshow.macroEnabled.main+xml", MediaType.PPTX),
    (b"ms-excel.sheet.macroEnabled.main+xml", MediaType.XLSX),
    (b"ms-excel.template.macroEnabled.main+xml", MediaType.XLSX),
)
_DECLARATIONS = tuple(
    word.encode(encoding) for word in ("<!DOCTYPE", "<!ENTITY") for encoding in ("ascii", "utf-16-le", "utf-16-be")
)
_OVERLAP = max(map(len, _DECLARATIONS)) - 1


def office_type(content: bytes) -> MediaType | None:
    """The Office format of a zip archive, or None for a zip of something else. Every part was read once.

    Raises:
        Refused: ``malformed``, ``encrypted``, ``archive_bomb`` or ``external_entities``.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            _check_directory(members, len(content))
            names = {member.filename for member in members}
            if "[Content_Types].xml" not in names:
                return None
            media_type = _main_part(archive.read("[Content_Types].xml"))
            if media_type is not None:
                _check_members(archive, members)
            return media_type
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError):
        raise Refused("malformed", "The file begins like an Office document but its archive is damaged.") from None


def _check_directory(members: list[zipfile.ZipInfo], packed: int) -> None:
    """The archive's own directory admits to no bomb and no encryption."""
    expanded = sum(member.file_size for member in members)
    if len(members) > MAX_MEMBERS or expanded > MAX_EXPANDED_BYTES or expanded > max(packed * MAX_RATIO, _SMALL):
        raise _bomb()
    for member in members:
        if member.flag_bits & 0x1:
            raise Refused("encrypted", "The file is protected by a password.")
        if member.file_size > max(member.compress_size * MAX_RATIO, _SMALL):
            raise _bomb()


def _main_part(content_types: bytes) -> MediaType | None:
    for marker, media_type in _MAIN_PARTS:
        if marker in content_types:
            return media_type
    return None


def _check_members(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> None:
    """No member expands beyond what the directory said, and no XML part declares a document type."""
    expanded = 0
    for member in members:
        with archive.open(member) as stream:
            tail, is_xml = b"", member.filename.lower().endswith((".xml", ".rels", ".vml"))
            while piece := stream.read(_READ):
                expanded += len(piece)
                if expanded > MAX_EXPANDED_BYTES:
                    raise _bomb()
                if is_xml and any(word in tail + piece for word in _DECLARATIONS):
                    raise Refused(
                        "external_entities", "A part of the file declares XML entities, which Office files never need."
                    )
                tail = piece[-_OVERLAP:]


def _bomb() -> Refused:
    return Refused("archive_bomb", "The file would expand to far more than an Office document needs.")
