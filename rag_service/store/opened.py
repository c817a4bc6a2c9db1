"""What was sealed of documents and chunks, opened for a reader. Whether they may read it was asked before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rag_service.domain.errors import HeldBySeal

if TYPE_CHECKING:
    from rag_service.domain.document import Vector


@dataclass(frozen=True, slots=True)
class DocumentMeta:
    """What is told of a document version. ``removed`` counts what was scrubbed, by entity type; ``actions`` say what
    was done with each type, and ``unsearched`` which could not be looked for in the document's language. ``restorable``
    counts the values that are sealed beside the text. ``reviewed`` are kinds of suspicions with which a reviewer
    released it: they are no longer held against it. ``parent_id`` is the archive or mail that it came in, and
    ``member`` the way to it there."""

    document_id: str
    version: int
    title: str
    source: str
    media_type: str
    ingested_by: str
    ingested_at: str
    chunks: int
    characters: int
    content_sha256: str
    detector_version: str
    removed: dict[str, int]
    actions: dict[str, str]
    unsearched: list[str]
    restorable: int
    suspicions: dict[str, int]
    concealments: list[str]
    reviewed: tuple[str, ...] = ()
    parent_id: str | None = None
    member: str | None = None


@dataclass(frozen=True, slots=True)
class OpenedChunk:
    """A chunk's record, decrypted, its signature good, read under the caller's scope."""

    chunk_id: str
    meta: DocumentMeta
    text: str
    page: int | None
    section: str | None
    start: int
    end: int
    suspicions: tuple[str, ...]
    vector: Vector = field(compare=False, repr=False)


def opened_meta(plain: bytes, document_id: str, version: int) -> DocumentMeta:
    """What a version's sealed metadata say, but for what the service alone looks at.

    Raises ``HeldBySeal`` for a version in quarantine, whatever its row says: what is read here is shown to readers.
    """
    told = json.loads(plain)
    refuse_held(told)
    del told["source_token"]  # for the consistency check: what is told of a source is scrubbed
    told.pop("owner", None)  # for earlier versions
    told.setdefault("actions", {})  # so that what was sealed before there were any opens
    told.setdefault("unsearched", [])
    told.setdefault("restorable", 0)
    told.pop("verdict", None)
    told.pop("waits_with", None)
    told.pop("members", None)
    told.pop("unchanged", None)
    told.pop("parent_version", None)
    released = told.pop("released", None) or {}
    return DocumentMeta(document_id=document_id, version=version, reviewed=tuple(released.get("kinds", ())), **told)


def refuse_held(told: Mapping[str, Any]) -> None:
    """Raises ``HeldBySeal`` where the opened metadata are those of a version in quarantine."""
    if is_held(told):
        raise HeldBySeal


def is_held(told: Mapping[str, Any]) -> bool:
    """Whether the opened metadata say that the version waits for a reviewer. Only who has the keys can change that."""
    return bool(reasons_of(told)) and not told.get("released")


def reasons_of(told: Mapping[str, Any]) -> tuple[str, ...]:
    """For which reasons the version was held; none where it never was."""
    return tuple((told.get("verdict") or {}).get("reasons", ()))


def opened_chunk(plain: bytes, vector: bytes, chunk_id: str, meta: DocumentMeta) -> OpenedChunk:
    """What a chunk's sealed record says, and its vector."""
    import numpy as np

    record = json.loads(plain)
    return OpenedChunk(
        chunk_id=chunk_id,
        meta=meta,
        text=record["text"],
        page=record["page"],
        section=record["section"],
        start=record["start"],
        end=record["end"],
        suspicions=tuple(record["suspicions"]),
        vector=np.frombuffer(vector, dtype="<f4"),
    )
