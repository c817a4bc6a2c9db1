"""A live version that is found suspicious later goes to quarantine as it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import select, update

from rag_service.crypto.keys import TenantKeys
from rag_service.domain.errors import IntegrityError
from rag_service.domain.identity import OperatorScope
from rag_service.domain.review import Decision
from rag_service.domain.verdict import HELD_CONTAINER, REASONS
from rag_service.store import tables
from rag_service.store.database import Connection, now
from rag_service.store.members import member_ids
from rag_service.store.outbox import Change, note
from rag_service.store.reviews import Reviewed, record, sealed_review

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class HeldWith:
    """Live documents that are to go to quarantine with one that is stored, as far as they are ``uploader``'s."""

    keys: TenantKeys
    document_ids: Sequence[str]
    reasons: Sequence[str]
    detector_version: str
    uploader: str


@dataclass(frozen=True, slots=True)
class HeldIn:
    """What came in a document whose live version goes to quarantine: it goes with it, whatever was decided of it."""

    keys: TenantKeys
    document_id: str
    version: int
    detector_version: str

    @property
    def reasons(self) -> Sequence[str]:
        return (HELD_CONTAINER,)


async def hold_members(connection: Connection, operator: OperatorScope, within: HeldIn) -> None:
    """As part of this transaction, no live member of the document is left; released with it, they are live again.

    Raises ``IntegrityError`` for one that does not open: better the container stays as it was.
    """
    for member_id in await member_ids(connection, operator.tenant, within.document_id):
        await _hold(connection, operator, within, member_id)


async def hold_live(connection: Connection, operator: OperatorScope, found: HeldWith) -> None:
    """As part of this transaction, those of the documents that are live are in quarantine; the index is to follow.

    What a reviewer released stays, and so does what is not the uploader's by now.
    """
    for document_id in sorted(found.document_ids):
        try:
            await _hold(connection, operator, found, document_id)
        except IntegrityError:  # an altered row must not keep others out
            _log.error("broken_seal", document=document_id)


async def _hold(connection: Connection, operator: OperatorScope, found: HeldWith | HeldIn, document_id: str) -> None:
    keys = found.keys
    documents, versions, chunks = tables.documents.c, tables.versions.c, tables.chunks.c
    query = (
        select(versions.version, versions.content_token, versions.version_key, versions.sealed_meta)
        .join_from(
            tables.documents,
            tables.versions,
            (versions.tenant_id == documents.tenant_id)
            & (versions.document_id == documents.id)
            & (versions.version == documents.live_version),
        )
        .where(documents.tenant_id == operator.tenant, documents.id == document_id)
        .with_for_update()
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return
    seal = keys.open_version_key(document_id, row.version, row.version_key)
    told = json.loads(seal.open(row.sealed_meta, "meta"))
    if isinstance(found, HeldIn):
        told["parent_version"] = found.version  # it may have come in an earlier one, too
        told.pop("released", None)
    elif told.get("released") or told["ingested_by"] != found.uploader:
        return
    known = {*found.reasons, *(told.get("verdict") or {}).get("reasons", ())}
    told["verdict"] = {
        "reasons": [reason for reason in REASONS if reason in known],
        "detector_version": found.detector_version,
    }
    this = (documents.tenant_id == operator.tenant) & (documents.id == document_id)
    place = (versions.tenant_id == operator.tenant) & (versions.document_id == document_id)
    meta = seal.seal(json.dumps(told).encode(), "meta")
    held = update(tables.versions).where(place, versions.version == row.version)
    await connection.execute(held.values(quarantined_at=now(), sealed_meta=meta))
    await connection.execute(update(tables.documents).where(this).values(live_version=0))
    about = Reviewed.of(document_id, row.version, row.content_token, told)
    await record(connection, sealed_review(keys, about, Decision.HELD, "service"))
    removed = select(chunks.id).where(
        chunks.tenant_id == operator.tenant, chunks.document_id == document_id, chunks.version == row.version
    )
    ids = tuple(chunk_id for (chunk_id,) in await connection.execute(removed))
    await note(connection, operator.tenant, Change.DOCUMENT, document_id, ids)
    await hold_members(connection, operator, HeldIn(keys, document_id, row.version, found.detector_version))
