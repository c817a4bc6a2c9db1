"""The first stage: what a file is, by its content, and whether it may go on."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import PurePosixPath

from ingestion.decode import declared_encoding, decode_text
from ingestion.inspection.active import MACROS, Policy
from ingestion.inspection.examine import examine_bytes, examine_type
from ingestion.inspection.pdf import headless, is_remains_of_pdf
from ingestion.inspection.strip import without_macros
from ingestion.office_package import office_type
from rag_service.domain.document import MediaType, Upload, ValidatedUpload
from rag_service.domain.errors import Refused

EXTENSIONS = {
    ".txt": MediaType.TEXT,
    ".md": MediaType.MARKDOWN,
    ".markdown": MediaType.MARKDOWN,
    ".html": MediaType.HTML,
    ".htm": MediaType.HTML,
    ".xhtml": MediaType.HTML,
    ".csv": MediaType.CSV,
    ".tsv": MediaType.CSV,
    ".json": MediaType.JSON,
    ".eml": MediaType.EMAIL,
    ".docx": MediaType.DOCX,
    ".docm": MediaType.DOCX,
    ".pptx": MediaType.PPTX,
    ".pptm": MediaType.PPTX,
    ".xlsx": MediaType.XLSX,
    ".xlsm": MediaType.XLSX,
    ".pdf": MediaType.PDF,
}
"""What a name claims. A claim is believed only among text types, and only where the content allows it."""

_BINARY_TYPES = frozenset({MediaType.PDF, MediaType.DOCX, MediaType.PPTX, MediaType.XLSX})
_FOREIGN_EXTENSIONS = frozenset(
    """.png .jpg .jpeg .gif .bmp .tif .tiff .webp .ico .mp3 .mp4 .wav .avi .mov .zip .gz .tar .7z .rar .exe .dll .so
    .doc .ppt .xls .odt .ods .odp .epub .msg .bin""".split()
)
"""Names of binary formats: plain text under one of them is not what it says."""

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_FOREIGN_SIGNATURES = (
    b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*", b"OggS\x00", b"ID3\x03", b"ID3\x04",
    b"\x1f\x8b", b"BZh91AY", b"\xfd7zXZ\x00", b"7z\xbc\xaf'\x1c", b"Rar!\x1a", b"\x7fELF", b"MZ\x90\x00",
    b"SQLite format 3\x00", b"{\\rtf", _OLE,
)  # fmt: skip
"""Each holds a byte or mark that no prose begins with: a text may well begin with "MZ"."""

_HTML_PAGE = re.compile(
    r"\ufeff?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,4000}?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)
_HTML_TAG = re.compile(
    r"<(?:html|head|body|h[1-6]|p|div|span|table|ul|ol|li|a|b|i|em|strong|br|hr|img|section|article|main|header|pre|form)"
    r"(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_HEADER_LINE = re.compile(r"[!-9;-~]{1,76}:|[ \t]")
_MAIL_HEADERS = frozenset(
    """from to cc subject date message-id mime-version received return-path delivered-to content-type reply-to
    x-mailer""".split()
)


def validate(upload: Upload, *, max_bytes: int, policy: Policy = Policy.REFUSE) -> ValidatedUpload:
    """The upload has an allowed size, its type is known from its content and agrees with its name, and it is safe.

    Raises:
        Refused: ``empty_file``, ``too_large``, ``type_mismatch``, ``unsupported_type``, ``malformed``,
            ``undecodable_text``, or one of the reasons of ``ingestion.inspection.examine``.
    """
    content = upload.content
    if not content:
        raise Refused("empty_file", "The file is empty.")
    if len(content) > max_bytes:
        raise Refused("too_large", f"The file has {len(content)} bytes; at most {max_bytes} are taken.")
    examine_bytes(upload.name, content, policy)
    extension = PurePosixPath(upload.name.replace("\\", "/")).suffix.lower()
    try:
        found = _type_of(content, extension)
    except Refused as refusal:
        is_lost = refusal.reason == "undecodable_text" or (refusal.reason == "type_mismatch" and extension == ".pdf")
        if is_lost and is_remains_of_pdf(content):
            raise headless() from None
        raise
    stripped = examine_type(content, found, policy)
    if MACROS in stripped and found in (MediaType.DOCX, MediaType.PPTX, MediaType.XLSX):
        upload = replace(upload, content=without_macros(content))
    return ValidatedUpload(upload, found, stripped)


def _type_of(content: bytes, extension: str) -> MediaType:
    claimed = EXTENSIONS.get(extension)
    found = _binary_type(content, claimed)
    if found is None:
        if claimed in _BINARY_TYPES or extension in _FOREIGN_EXTENSIONS:
            raise _mismatch(extension)
        found = _text_type(content, claimed)
    elif claimed is not found and (claimed is not None or extension in _FOREIGN_EXTENSIONS):
        raise _mismatch(extension)
    return found


def _binary_type(content: bytes, claimed: MediaType | None) -> MediaType | None:
    """The supported binary format, or None for what may be text. Refuses every other known format."""
    if b"%PDF-" in content[:1024] and not _looks_like_text(content[: content.index(b"%PDF-")]):
        return MediaType.PDF
    if content.startswith(b"PK\x03\x04"):
        found = office_type(content)
    elif content.startswith(_OLE) and _ENCRYPTED_STREAM in content:
        raise Refused("encrypted", "The file is an Office document protected by a password.")
    elif content.startswith(_FOREIGN_SIGNATURES):
        found = None
    else:
        return None
    if found is None:
        if claimed is not None:
            raise Refused("type_mismatch", "The content is of another format than the file's name says.")
        raise Refused("unsupported_type", "The content is of a format that is not supported.")
    return found


def _looks_like_text(before: bytes) -> bool:
    """Whether prose stands before a PDF signature: then the file talks about PDF and is none."""
    return len(before.split()) > 20


def _text_type(content: bytes, claimed: MediaType | None) -> MediaType:
    """The text format: what a specific name claims, if the content bears it out; else what the content says."""
    if claimed in (None, MediaType.TEXT, MediaType.EMAIL) and _begins_as_mail(content):
        return MediaType.EMAIL
    text = decode_text(content, declared=declared_encoding(content))
    is_page = _HTML_PAGE.match(text) is not None
    if claimed is MediaType.EMAIL:
        raise _mismatch(".eml")
    if claimed is MediaType.HTML:
        if is_page or _HTML_TAG.search(text):
            return MediaType.HTML
        raise _mismatch(".html")
    if claimed is MediaType.JSON:
        if not _is_json(text):
            raise Refused("malformed", "The file is not valid JSON.")
        return MediaType.JSON
    if claimed in (MediaType.MARKDOWN, MediaType.CSV):
        if is_page:
            raise Refused("type_mismatch", "The file is an HTML page, and its name says otherwise.")
        return claimed
    if is_page:
        return MediaType.HTML
    if claimed is None and text.lstrip("\ufeff \t\r\n").startswith("<?xml"):
        raise Refused("unsupported_type", "The content is XML, which is not supported.")
    if claimed is None and text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[") and _is_json(text):
        return MediaType.JSON
    return MediaType.TEXT


def _begins_as_mail(content: bytes) -> bool:
    """Whether an RFC 822 header block stands at the start: header lines only, two of them of a mail."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = content[:32_768].decode("utf-16", "replace")
    else:
        head = content[:16_384].removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    lines = head.lstrip("\r\n").replace("\r\n", "\n").split("\n")
    if lines[0].startswith("From "):  # the separator line of a mailbox file
        lines = lines[1:]
    names: set[str] = set()
    for line in lines:
        if not line.strip():
            break
        if not _HEADER_LINE.match(line):
            return False
        names.add(line.partition(":")[0].lower())
    return len(names & _MAIL_HEADERS) >= 2


def _is_json(text: str) -> bool:
    try:
        json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return False
    return True


def _mismatch(extension: str) -> Refused:
    return Refused("type_mismatch", f"The name ends in {extension!r}, but the content is of another format.")
