"""A live version that is found suspicious later goes to quarantine as it is."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import select, update

from rag_service.crypto.keys import TenantKeys
from rag_service.domain.identity import OperatorScope
from rag_service.domain.review import Decision
from rag_service.domain.verdict import REASONS
from rag_service.store import tables
from rag_service.store.database import Connection, Database, now
from rag_service.store.outbox import Change, note
from rag_service.store.reviews import Reviewed, record, sealed_review


async def hold_live(
    database: Database,
    operator: OperatorScope,
    keys: TenantKeys,
    document_id: str,
    reasons: Sequence[str],
    detector_version: str,
    *,
    uploader: str | None = None,
) -> bool:
    """Whether the document was live and is in quarantine now; the index is to follow.

    What a reviewer released stays, and so does what is not ``uploader``'s by now.
    """
    async with database.write(operator.tenant) as connection:
        return await _hold(connection, operator, keys, document_id, reasons, detector_version, uploader)


async def _hold(
    connection: Connection,
    operator: OperatorScope,
    keys: TenantKeys,
    document_id: str,
    reasons: Sequence[str],
    detector_version: str,
    uploader: str | None,
) -> bool:
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
        return False
    seal = keys.open_version_key(document_id, row.version, row.version_key)
    told = json.loads(seal.open(row.sealed_meta, "meta"))
    if told.get("released") or (uploader is not None and told["ingested_by"] != uploader):
        return False
    known = {*reasons, *(told.get("verdict") or {}).get("reasons", ())}
    told["verdict"] = {
        "reasons": [reason for reason in REASONS if reason in known],
        "detector_version": detector_version,
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
    return True
