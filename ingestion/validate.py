"""The first stage: what a file is, by its content, and whether it may go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from ingestion.file_type import media_type_of
from ingestion.inspection.active import MACROS, Policy
from ingestion.inspection.examine import examine_bytes, examine_type
from ingestion.inspection.pdf import headless, is_remains_of_pdf
from ingestion.inspection.polyglot import ends_as_zip, two_at_once
from ingestion.inspection.strip import without_macros
from rag_service.domain.document import MediaType, Upload, ValidatedUpload
from rag_service.domain.errors import Refused


def validate(upload: Upload, *, max_bytes: int, policy: Policy = Policy.REFUSE) -> ValidatedUpload:
    """The upload has an allowed size, its type is known from its content and agrees with its name, and it is safe.

    Raises:
        Refused: ``empty_file``, ``too_large``, or one of the reasons of ``media_type_of`` and of
            ``ingestion.inspection.examine``.
    """
    content = upload.content
    if not content:
        raise Refused("empty_file", "The file is empty.")
    if len(content) > max_bytes:
        raise Refused("too_large", f"The file has {len(content)} bytes; at most {max_bytes} are taken.")
    examine_bytes(upload.name, content, policy)
    extension = PurePosixPath(upload.name.replace("\\", "/")).suffix.lower()
    try:
        found = media_type_of(content, extension)
    except Refused as refusal:
        is_lost = refusal.reason == "undecodable_text" or (refusal.reason == "type_mismatch" and extension == ".pdf")
        if is_lost and is_remains_of_pdf(content):
            raise headless() from None
        if refusal.reason == "undecodable_text" and ends_as_zip(content):
            raise two_at_once("it is a zip archive, and something before it") from None
        raise
    stripped = examine_type(content, found, policy)
    if MACROS in stripped and found in (MediaType.DOCX, MediaType.PPTX, MediaType.XLSX):
        upload = replace(upload, content=without_macros(content))
    return ValidatedUpload(upload, found, stripped)
