"""What a file is, by its content. A name only chooses among the kinds of text that the content allows."""

from __future__ import annotations

from collections.abc import Mapping

from ingestion.decode import declared_encoding, decode_text, unmarked_utf
from ingestion.office_package import package_type
from ingestion.signatures import refusal_by_signature
from ingestion.text_shape import begins_as_mail, has_tags, is_json, is_json_lines, is_page, xml_root
from rag_service.domain.document import MediaType
from rag_service.domain.errors import Refused

_EXTENSIONS_BY_TYPE: Mapping[MediaType, str] = {
    MediaType.TEXT: ".txt .text .log",
    MediaType.MARKDOWN: ".md .markdown .mdown .mkd",
    MediaType.HTML: ".html .htm .xhtml .xht",
    MediaType.CSV: ".csv .tsv .tab .psv",
    MediaType.JSON: ".json .geojson .jsonld",
    MediaType.JSON_LINES: ".jsonl .ndjson",
    MediaType.XML: ".xml .svg .rss .atom .rdf .opml .dbk .docbook .dita .fodt",
    MediaType.EMAIL: ".eml .mht .mhtml",
    MediaType.OUTLOOK: ".msg",
    MediaType.RTF: ".rtf",
    MediaType.EPUB: ".epub",
    MediaType.DOCX: ".docx .docm .dotx .dotm",
    MediaType.PPTX: ".pptx .pptm .ppsx .potx",
    MediaType.XLSX: ".xlsx .xlsm .xltx .xltm",
    MediaType.ODT: ".odt .ott",
    MediaType.ODS: ".ods .ots",
    MediaType.ODP: ".odp .otp",
    MediaType.PDF: ".pdf",
}
EXTENSIONS: Mapping[str, MediaType] = {
    extension: media_type for media_type, extensions in _EXTENSIONS_BY_TYPE.items() for extension in extensions.split()
}
"""What a name claims. A claim is believed only among text types, and only where the content allows it."""

_BY_NAME_ONLY = frozenset({MediaType.TEXT, MediaType.MARKDOWN, MediaType.CSV})
"""Types that have no form of their own: any text may be one."""

_BINARY_TYPES = frozenset(EXTENSIONS.values()) - _BY_NAME_ONLY - {
    MediaType.HTML, MediaType.JSON, MediaType.JSON_LINES, MediaType.XML, MediaType.EMAIL,
}  # fmt: skip
_LEGACY_EXTENSIONS = frozenset(".doc .dot .ppt .pps .pot .xls .xlt .xlw".split())
_FOREIGN_EXTENSIONS = _LEGACY_EXTENSIONS | frozenset(
    """.png .jpg .jpeg .gif .bmp .tif .tiff .webp .ico .heic .heif .avif .mp3 .mp4 .m4a .wav .ogg .flac .avi .mov .mkv
    .webm .zip .gz .tar .7z .rar .exe .dll .so .odg .bin""".split()
)
"""Names of binary formats: plain text under one of them is not what it says."""

_MAIL_HEAD = 2**16
"""Bytes: a mail to a thousand people names them in one line."""

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def media_type_of(content: bytes, extension: str) -> MediaType:
    """The format of the content, which agrees with the extension of its name.

    Raises:
        Refused: ``type_mismatch``, ``unsupported_type``, ``legacy_office``, ``image_file``, ``media_file``,
            ``no_text``, ``encrypted``, ``malformed``, ``undecodable_text``, or one of the reasons of ``package_type``.
    """
    claimed = EXTENSIONS.get(extension)
    found = _binary_type(content, claimed)
    if found is not None:
        if claimed is not found and (claimed is not None or extension in _FOREIGN_EXTENSIONS):
            raise _mismatch(extension, found)
        return found
    if not content.strip(b" \t\r\n\x0b\x0c\x00"):
        raise Refused("no_text", "The file holds nothing but white space.")
    if claimed in _BINARY_TYPES or extension in _FOREIGN_EXTENSIONS:
        raise _mismatch(extension, None)
    return _text_type(content, claimed, extension)


def _binary_type(content: bytes, claimed: MediaType | None) -> MediaType | None:
    """The supported binary format, or None for what may be text. Refuses every other known format."""
    if b"%PDF-" in content[:1024] and not _is_prose(content[: content.index(b"%PDF-")]):
        return MediaType.PDF
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:5] == b"{\\rtf":
        return MediaType.RTF
    if content.startswith(_OLE):
        from ingestion.parsers.compound import compound_type

        return compound_type(content)
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        found = package_type(content)
        refusal = Refused("unsupported_type", "The content is of a format that is not supported.")
    else:
        found, unreadable = None, refusal_by_signature(content)
        if unreadable is None:
            return None
        refusal = unreadable
    if found is None:
        if claimed is not None:
            raise Refused("type_mismatch", "The content is of another format than the file's name says.")
        raise refusal
    return found


def _is_prose(before: bytes) -> bool:
    """Whether prose stands before a PDF signature: then the file talks about PDF and is none."""
    return len(before.split()) > 20


def _text_type(content: bytes, claimed: MediaType | None, extension: str) -> MediaType:
    """The text format: what a specific name claims, if the content bears it out; else what the content says."""
    if claimed in (None, MediaType.TEXT, MediaType.EMAIL) and begins_as_mail(_mail_head(content)):
        return MediaType.EMAIL
    text = decode_text(content, declared=declared_encoding(content)).removeprefix("\ufeff")
    if claimed is MediaType.HTML and not (is_page(text) or has_tags(text)):
        raise _mismatch(extension, None)
    if claimed is MediaType.EMAIL:
        raise _mismatch(extension, None)
    if claimed is MediaType.HTML or (claimed in _BY_NAME_ONLY and not is_page(text)):
        return claimed
    if claimed in (MediaType.MARKDOWN, MediaType.CSV):
        raise _mismatch(extension, MediaType.HTML)
    if claimed in (MediaType.JSON, MediaType.JSON_LINES):
        return _json_type(text)
    if is_page(text):
        return MediaType.HTML
    return _unclaimed(text) if claimed is None else _xml_type(text, extension)


def _json_type(text: str) -> MediaType:
    if is_json(text):
        return MediaType.JSON
    if is_json_lines(text):
        return MediaType.JSON_LINES
    raise Refused("malformed", "The file is not valid JSON.")


def _xml_type(text: str, extension: str) -> MediaType:
    if xml_root(text) is None:
        raise _mismatch(extension, None)
    return MediaType.XML


def _unclaimed(text: str) -> MediaType:
    begin = text.lstrip()[:5]
    if begin == "<?xml" and xml_root(text) is not None:
        return MediaType.XML
    if begin[:1] in ("{", "["):
        if is_json(text):
            return MediaType.JSON
        if begin[:1] == "{" and is_json_lines(text):
            return MediaType.JSON_LINES
    return MediaType.TEXT


def _mail_head(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content[: 2 * _MAIL_HEAD].decode("utf-16", "replace")
    if encoding := unmarked_utf(content):
        return content[: 2 * _MAIL_HEAD].decode(encoding, "replace")
    return content[:_MAIL_HEAD].removeprefix(b"\xef\xbb\xbf").decode("latin-1")


def _mismatch(extension: str, found: MediaType | None) -> Refused:
    right = _EXTENSIONS_BY_TYPE[found].split()[0] if found else None
    what = f"the content is that of a {right} file" if right else "the content is of another format"
    return Refused("type_mismatch", f"The name ends in {extension!r}, but {what}.")
