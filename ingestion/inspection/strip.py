"""Office files without their macros, so that parsers meet an ordinary file of the same text."""

from __future__ import annotations

import io
import zipfile

from ingestion.inspection.office import LIMITS
from ingestion.inspection.zip_directory import open_zip

_TYPES = "[Content_Types].xml"
_PLAIN = {
    b"application/vnd.ms-word.document.macroEnabled.main+xml":
        b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    b"application/vnd.ms-word.template.macroEnabledTemplate.main+xml":
        b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    b"application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml":
        b"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml",
    b"application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml":
        b"application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml",
    b"application/vnd.ms-excel.sheet.macroEnabled.main+xml":
        b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
    b"application/vnd.ms-excel.template.macroEnabled.main+xml":
        b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
}  # fmt: skip


def without_macros(content: bytes) -> bytes:
    """The package with no VBA project, and of the type that it would have had without one. Other parts stay.

    For a package that ``found_in_package`` has looked at.
    """
    stream = io.BytesIO()
    with open_zip(content, LIMITS) as source, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
        for member in source.infolist():
            if member.filename.lower().endswith(("vbaproject.bin", "vbadata.xml")):
                continue
            part = source.read(member)
            if member.filename == _TYPES:
                for active, plain in _PLAIN.items():
                    part = part.replace(active, plain)
            target.writestr(member.filename, part)
    return stream.getvalue()
