"""What an OLE compound file is: an Outlook message, an Office file of before 2007, or a locked one of today."""

from __future__ import annotations

import io

from rag_service.domain.document import MediaType
from rag_service.domain.errors import Refused

_LEGACY = {
    "worddocument": "Word document (.doc): save it as .docx",
    "workbook": "Excel workbook (.xls): save it as .xlsx",
    "book": "Excel workbook (.xls): save it as .xlsx",
    "powerpoint document": "PowerPoint presentation (.ppt): save it as .pptx",
}


def compound_type(content: bytes) -> MediaType:
    """``OUTLOOK`` for a message.

    Raises:
        Refused: ``legacy_office``, ``encrypted``, ``malformed``, or ``unsupported_type`` for any other program's file.
    """
    names = _entries(content)
    if "encryptedpackage" in names:
        raise Refused("encrypted", "The file is an Office document protected by a password.")
    if "__properties_version1.0" in names:
        return MediaType.OUTLOOK
    if kind := next((kind for name, kind in _LEGACY.items() if name in names), None):
        raise Refused("legacy_office", f"The file is a legacy {kind} and add that.")
    raise Refused("unsupported_type", "The content is of a format that is not supported.")


def _entries(content: bytes) -> set[str]:
    """The lower-cased names of the streams and storages at the root."""
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(content)) as compound:
            return {entry[0].lower() for entry in compound.listdir(streams=True, storages=True) if entry}
    except Exception:  # noqa: BLE001  # it reads an enemy's tables of sectors, and raises anything
        raise Refused("malformed", "The file begins like an Office file but its tables are damaged.") from None
