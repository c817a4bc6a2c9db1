"""A question's answer, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag_service.domain.document import Vector


class Relevance(StrEnum):
    """A coarse label in place of the raw score, which would tell of documents that the caller may not read."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Flag:
    """A decision taken on the way: at which stage, of what kind, and what was done about it."""

    stage: str
    kind: str
    action: str
    document_id: str | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that was opened for one caller: read from SQL under their scope, decrypted, its signature checked.

    ``score`` and ``cosine`` stay inside the service; callers are told ``relevance``. ``suspicions`` are what the
    screening found in the passage, or hidden in its document. ``uploader`` and ``ingested_at`` (ISO 8601, UTC) are
    its document's, ``document_passages`` is how many passages that has, and ``vector`` the stored one, of unit length:
    ``vet`` compares passages by them.
    """

    document_id: str
    version: int
    chunk_id: str
    title: str
    source: str
    page: int | None
    section: str | None
    start: int
    end: int
    text: str
    suspicions: tuple[str, ...]
    score: float
    cosine: float | None
    relevance: Relevance
    uploader: str = ""
    ingested_at: str = ""
    document_passages: int = 1
    vector: Vector | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Citation:
    """``quote`` is exactly the canonical text of that version at ``[start:end]``."""

    marker: int
    document_id: str
    title: str
    source: str
    version: int
    page: int | None
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Route:
    """Which model answered, and why."""

    tier: str
    model: str
    reason: str
    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Usage:
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class StructuredAnswer:
    """A value in the form that the caller asked for.

    ``cited`` tells by which citations each text, number, choice and truth value in it is supported: their markers, by
    JSON pointer (RFC 6901).
    """

    value: Any
    cited: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is released. ``found`` is false, and ``citations`` empty, where nothing readable answers.

    Where the caller gave a schema, ``structured`` is the answer, and ``answer`` the same for reading.
    """

    answer_id: str
    answer: str
    found: bool
    citations: tuple[Citation, ...]
    groundedness: float
    flags: tuple[Flag, ...]
    route: Route
    usage: Usage
    cached: bool
    trace_id: str
    structured: StructuredAnswer | None = None
