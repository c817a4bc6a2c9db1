"""What is live, judged anew: its suspicions and verdict are stored again, and what is newly suspicious is held.

Nothing is embedded again, and no text changes: only what detectors said of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy import ColumnElement, select, update

from rag_service.crypto.keys import TenantKeys, VersionSeal
from rag_service.domain.document import Chunk, EmbeddedChunk
from rag_service.domain.errors import IntegrityError
from rag_service.domain.identity import OperatorScope, TenantId
from rag_service.domain.review import Decision
from rag_service.store import tables
from rag_service.store.database import Connection, Database, now
from rag_service.store.epoch_vectors import is_vector_of
from rag_service.store.holding import HeldIn, hold_members
from rag_service.store.opened import is_held, reasons_of
from rag_service.store.outbox import Change, note
from rag_service.store.reviews import Reviewed, record, sealed_review

_log = structlog.get_logger()
_PAGE = 200
_OF_CHUNK = ("ordinal", "start", "end", "text", "heading", "page", "section")


class Outcome(StrEnum):
    """What became of a version that was judged anew. ``OVERTAKEN``: it changed meanwhile, and was left as it is."""

    AS_BEFORE = "as_before"
    CHANGED = "changed"
    HELD = "held"
    OVERTAKEN = "overtaken"


@dataclass(frozen=True, slots=True)
class LiveMeta:
    """A live version with its metadata opened. ``sealed_meta`` tells whether it is still the same later."""

    document_id: str
    version: int
    content_token: str
    seal: VersionSeal
    told: dict[str, Any]
    sealed_meta: bytes


@dataclass(frozen=True, slots=True)
class StoredText:
    """What detectors are given of a stored version. ``screening`` is empty for what was stored before there was any."""

    text: str
    screening: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rejudged:
    """What they said. ``touching`` tells which kinds of findings touch a span; ``screening`` is to be stored."""

    detector_version: str
    verdict_version: str
    reasons: Sequence[str]
    kinds: Sequence[str]
    concealments: Sequence[str]
    screening: dict[str, Any]
    touching: Callable[[int, int], Sequence[str]]


class Revalidation:
    """For whoever has custody of the tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, operator: OperatorScope, keys: TenantKeys, after: str | None = None
    ) -> tuple[list[LiveMeta], str | None]:
        """Some live versions behind the document ``after``, and the last document looked at, if more are behind it."""
        documents, versions = tables.documents.c, tables.versions.c
        query = (
            select(
                versions.document_id,
                versions.version,
                versions.content_token,
                versions.version_key,
                versions.sealed_meta,
            )
            .join_from(tables.versions, tables.documents, _is_live_version())
            .where(versions.tenant_id == operator.tenant, versions.quarantined_at.is_(None))
            .order_by(documents.id)
            .limit(_PAGE)
        )
        if after is not None:
            query = query.where(documents.id > after)
        async with self._database.read(operator.tenant) as connection:
            rows = (await connection.execute(query)).all()
        found = []
        for row in rows:
            try:
                seal = keys.open_version_key(row.document_id, row.version, row.version_key)
                told = json.loads(seal.open(row.sealed_meta, "meta"))
            except IntegrityError:
                _log.error("broken_seal", document=row.document_id)
                continue
            found.append(LiveMeta(row.document_id, row.version, row.content_token, seal, told, row.sealed_meta))
        return found, rows[-1].document_id if len(rows) == _PAGE else None

    async def text(self, operator: OperatorScope, live: LiveMeta) -> StoredText | None:
        """What the version says and hides; ``None`` where it is gone. Raises ``IntegrityError``."""
        versions = tables.versions.c
        query = select(versions.sealed_text, versions.sealed_screening).where(_place(operator.tenant, live))
        async with self._database.read(operator.tenant) as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        hidden = row.sealed_screening
        screening = {} if hidden is None else json.loads(live.seal.open(hidden, "screening"))
        return StoredText(live.seal.open(row.sealed_text, "text").decode(), screening)

    async def passages(self, operator: OperatorScope, keys: TenantKeys, live: LiveMeta) -> list[EmbeddedChunk]:
        """The version's passages with their vectors in the live epoch, in order. Raises ``IntegrityError``."""
        import numpy as np

        chunks = tables.chunks.c
        query = (
            select(chunks.id, chunks.sealed_record, chunks.signature, tables.vectors.c.sealed_vector)
            .join_from(tables.chunks, tables.vectors, is_vector_of(chunks, operator.tenant, keys.index.epoch))
            .where(chunks.tenant_id == operator.tenant, chunks.document_id == live.document_id)
            .where(chunks.version == live.version)
            .order_by(chunks.ordinal)
        )
        async with self._database.read(operator.tenant) as connection:
            rows = (await connection.execute(query)).all()
        found = []
        for row in rows:
            plain = live.seal.open(row.sealed_record, "chunk", row.id)
            keys.verify(row.signature, plain, live.document_id, live.version, row.id)
            told = json.loads(plain)
            vector = live.seal.open(row.sealed_vector, keys.index.vector_part, row.id)
            chunk = Chunk(*(told[name] for name in _OF_CHUNK))
            found.append(EmbeddedChunk(chunk, np.frombuffer(vector, "<f4").astype(np.float32)))
        return found

    async def store(self, operator: OperatorScope, keys: TenantKeys, live: LiveMeta, found: Rejudged) -> Outcome:
        """All of it is stored, or nothing. What a reviewer released stays so, unless there is a reason that is new."""
        told = _told_anew(live.told, found)
        async with self._database.write(operator.tenant) as connection:
            if not await _is_as_it_was(connection, operator.tenant, live):
                return Outcome.OVERTAKEN
            changed = await _seal_chunks_again(connection, operator.tenant, keys, live, found)
            values: dict[str, Any] = {
                "sealed_meta": live.seal.seal(json.dumps(told).encode(), "meta"),
                "sealed_screening": live.seal.seal(json.dumps(found.screening).encode(), "screening"),
            }
            if is_held(told):
                values["quarantined_at"] = now()
                await _withdraw(connection, operator.tenant, keys, live, told)
                within = HeldIn(keys, live.document_id, live.version, found.verdict_version)
                await hold_members(connection, operator, within)
            await connection.execute(update(tables.versions).where(_place(operator.tenant, live)).values(**values))
        if is_held(told):
            return Outcome.HELD
        is_same = told["suspicions"] == live.told["suspicions"] and told["concealments"] == live.told["concealments"]
        return Outcome.AS_BEFORE if is_same and not changed else Outcome.CHANGED


def _told_anew(before: dict[str, Any], found: Rejudged) -> dict[str, Any]:
    released = before.get("released")
    reasons = set(found.reasons)
    if released and not reasons <= set(released["reasons"]):
        released = None
    if released:
        reasons |= set(reasons_of(before))
    told = {
        **before,
        "detector_version": found.detector_version,
        "suspicions": dict(Counter(found.kinds)),
        "concealments": sorted(found.concealments),
        "verdict": {"reasons": sorted(reasons), "detector_version": found.verdict_version},
    }
    told.pop("released", None)
    return {**told, "released": released} if released else told


async def _is_as_it_was(connection: Connection, tenant: TenantId, live: LiveMeta) -> bool:
    versions = tables.versions.c
    query = (
        select(versions.sealed_meta)
        .join_from(tables.versions, tables.documents, _is_live_version())
        .where(_place(tenant, live), versions.quarantined_at.is_(None))
    )
    sealed: bytes | None = (await connection.execute(query)).scalar_one_or_none()
    return sealed == live.sealed_meta


async def _seal_chunks_again(
    connection: Connection, tenant: TenantId, keys: TenantKeys, live: LiveMeta, found: Rejudged
) -> bool:
    """Every record says what was found now, and is signed. Whether any says something else than before.

    Raises ``IntegrityError`` for a record that was altered: it is not signed again.
    """
    chunks = tables.chunks.c
    of_version = (chunks.tenant_id == tenant) & (chunks.document_id == live.document_id)
    of_version &= chunks.version == live.version
    query = select(chunks.id, chunks.sealed_record, chunks.signature).where(of_version)
    changed = False
    for row in (await connection.execute(query)).all():
        plain = live.seal.open(row.sealed_record, "chunk", row.id)
        keys.verify(row.signature, plain, live.document_id, live.version, row.id)
        told = json.loads(plain)
        suspicions = list(found.touching(told["start"], told["end"]))
        changed = changed or suspicions != told["suspicions"]
        record_ = json.dumps({**told, "suspicions": suspicions, "detector_version": found.detector_version}).encode()
        values = {
            "sealed_record": live.seal.seal(record_, "chunk", row.id),
            "signature": keys.sign(record_, live.document_id, live.version, row.id),
        }
        this = (chunks.tenant_id == tenant) & (chunks.id == row.id)
        await connection.execute(update(tables.chunks).where(this).values(**values))
    return changed


async def _withdraw(
    connection: Connection, tenant: TenantId, keys: TenantKeys, live: LiveMeta, told: dict[str, Any]
) -> None:
    """Nothing of the document is live, the index is to follow, and the history says so."""
    documents, chunks = tables.documents.c, tables.chunks.c
    this = (documents.tenant_id == tenant) & (documents.id == live.document_id)
    await connection.execute(update(tables.documents).where(this).values(live_version=0))
    about = Reviewed.of(live.document_id, live.version, live.content_token, told)
    await record(connection, sealed_review(keys, about, Decision.HELD, "service", "judged anew"))
    of_document = (chunks.tenant_id == tenant) & (chunks.document_id == live.document_id)
    ids = select(chunks.id).where(of_document, chunks.version == live.version)
    removed = tuple(chunk_id for (chunk_id,) in await connection.execute(ids))
    await note(connection, tenant, Change.DOCUMENT, live.document_id, removed)


def _is_live_version() -> ColumnElement[bool]:
    documents, versions = tables.documents.c, tables.versions.c
    condition: ColumnElement[bool] = (
        (documents.tenant_id == versions.tenant_id)
        & (documents.id == versions.document_id)
        & (documents.live_version == versions.version)
    )
    return condition


def _place(tenant: TenantId, live: LiveMeta) -> ColumnElement[bool]:
    versions = tables.versions.c
    place: ColumnElement[bool] = (
        (versions.tenant_id == tenant) & (versions.document_id == live.document_id) & (versions.version == live.version)
    )
    return place
