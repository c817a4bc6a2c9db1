"""A document on its way in: one frozen type a stage, so that a skipped stage does not type-check.

    Upload → ValidatedUpload → ParsedDocument → ScrubbedDocument → ScreenedDocument → Chunk → EmbeddedChunk

All offsets are in Unicode code points into ``ScrubbedDocument.text``, the canonical text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float32]


class MediaType(StrEnum):
    """The formats that are parsed, by content."""

    TEXT = "text/plain"
    MARKDOWN = "text/markdown"
    HTML = "text/html"
    CSV = "text/csv"
    JSON = "application/json"
    JSON_LINES = "application/x-ndjson"
    XML = "application/xml"
    EMAIL = "message/rfc822"
    OUTLOOK = "application/vnd.ms-outlook"
    RTF = "application/rtf"
    EPUB = "application/epub+zip"
    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    ZIP = "application/zip"
    TAR = "application/x-tar"
    GZIP = "application/gzip"
    BZIP2 = "application/x-bzip2"
    XZ = "application/x-xz"
    MAILBOX = "application/mbox"
    ODT = "application/vnd.oasis.opendocument.text"
    ODS = "application/vnd.oasis.opendocument.spreadsheet"
    ODP = "application/vnd.oasis.opendocument.presentation"


@dataclass(frozen=True, slots=True)
class Upload:
    """Bytes as they arrived. Nothing about them is believed yet.

    ``name`` is the file's name or path as found; ``source`` is the stable identity of the document within its
    tenant (a URI or path); ``title`` is the uploader's, if given.
    """

    name: str
    content: bytes
    source: str
    title: str | None = None


@dataclass(frozen=True, slots=True)
class ValidatedUpload:
    """Bytes whose size and true type are known. ``stripped`` are kinds of active content that are left behind."""

    upload: Upload
    media_type: MediaType
    stripped: tuple[str, ...] = ()


class BlockKind(StrEnum):
    TITLE = "title"
    TEXT = "text"
    LIST_ITEM = "list_item"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Element:
    """One titled, paged piece of a parsed document, in reading order. Not yet scrubbed."""

    text: str
    kind: BlockKind = BlockKind.TEXT
    page: int | None = None
    section: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What a reader of the file would see, and apart from it what they would not.

    ``concealed`` holds text that the file carries but does not show (``display:none``, comments, hidden
    sheets), and ``disguised`` text that it shows so that nobody sees it (white on white, letters of a point, off the
    page): both are screened, and never retrieved. ``stripped`` are kinds of active content that were left behind.
    """

    title: str
    media_type: MediaType
    elements: tuple[Element, ...]
    concealed: tuple[str, ...] = ()
    disguised: tuple[str, ...] = ()
    stripped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """An element's place in the canonical text: ``text[start:end]``."""

    start: int
    end: int
    kind: BlockKind
    page: int | None
    section: str | None


@dataclass(frozen=True, slots=True)
class ScrubbedDocument:
    """The canonical text, free of what the tenant's policy removes.

    ``blocks`` are ordered and do not overlap. ``removed`` counts what was scrubbed by entity type; the values
    are gone. ``hiding`` says where characters stood that hid text from a reader; they are gone too. ``actions`` say
    what was done with each type, and ``unsearched`` which types could not be looked for in the text's language; where
    it ``awaits_reader``, for that it goes to quarantine.
    """

    title: str
    media_type: MediaType
    text: str
    blocks: tuple[Block, ...]
    concealed: tuple[str, ...]
    removed: Mapping[str, int]
    hiding: tuple[Finding, ...] = ()
    disguised: tuple[str, ...] = ()
    actions: Mapping[str, str] = field(default_factory=dict)
    unsearched: tuple[str, ...] = ()
    awaits_reader: bool = False


@dataclass(frozen=True, slots=True)
class RemovedValue:
    """What the stand-in at ``text[start:end]`` of the canonical text stands for: for whoever may restore it."""

    start: int
    end: int
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a detector saw at ``text[start:end]``. ``kind`` is a stable snake_case word."""

    kind: str
    start: int
    end: int
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class ScreenedDocument:
    """A scrubbed document with what the screening found in it.

    ``suspicions`` have spans in the canonical text and mark the chunks they touch; ``concealments`` are kinds
    of text that the file hid from its reader. ``requests`` are sentences that ask something of somebody, and
    wait to be judged: none is left once they are. ``hidden_requests`` are those of text that readers do not see.
    ``evidence`` are signs that benign documents have, too: for reviewers, and to be weighed with what else is found. No
    passage is left out of answers for them.
    """

    document: ScrubbedDocument
    suspicions: tuple[Finding, ...]
    concealments: tuple[str, ...]
    detector_version: str
    requests: tuple[Finding, ...] = ()
    hidden_requests: tuple[str, ...] = ()
    evidence: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage: ``text`` is exactly ``document.text[start:end]``.

    ``heading`` (title and section) is embedded and matched together with the text but is not part of the span.
    ``suspicions`` are the kinds of findings that touch the span.
    """

    ordinal: int
    start: int
    end: int
    text: str
    heading: str
    page: int | None
    section: str | None
    suspicions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EmbeddedChunk:
    """A chunk with its dense vector (unit length, float32)."""

    chunk: Chunk
    vector: Vector


@dataclass(frozen=True, slots=True)
class SealedChunk:
    """A chunk as SQL stores it: nothing readable. ``chunk_id`` is a random UUID, also the index's point id."""

    chunk_id: str
    ordinal: int
    record: bytes
    signature: bytes
    vector: bytes


@dataclass(frozen=True, slots=True)
class SealedVersion:
    """One version of a document, sealed under its own key and ready for one SQL transaction.

    ``access`` pairs the token of each principal with its sealed name; ``owner_token`` and ``sealed_owner`` are who may
    replace it, share it and delete it. All are stored for a new document. Of one that is there, they replace its owner
    where ``moves_owner``, and its list where ``replaces_access``: an owner who ingests again keeps both.
    ``epoch`` is that of the index whose vectors the chunks have: the version is not stored once another is live.
    ``folder_token`` names the synchronised folder that the file belongs to. ``most_readers`` are tokens of principals:
    the version is not stored where a list that stays holds any other; ``None`` takes every list. ``values`` is what was
    taken out of the text and may be restored.

    ``replaces`` is the live version whose place it is to take, 0 where none is live, ``None`` for a new document: where
    that is another by now, the version is not stored. ``screening`` is what reviewers are shown beside the text, and
    what detectors are given when they change.
    """

    tenant: str
    document_id: str
    version: int
    source_token: str
    content_token: str
    version_key: bytes
    text: bytes
    meta: bytes
    chunks: tuple[SealedChunk, ...]
    access: tuple[tuple[str, bytes], ...]
    epoch: int
    owner_token: str | None = None
    sealed_owner: bytes | None = None
    folder_token: str | None = None
    most_readers: frozenset[str] | None = None
    moves_owner: bool = False
    replaces_access: bool = False
    values: bytes | None = None
    replaces: int | None = None
    screening: bytes | None = None
