"""The one transaction by which a sealed version becomes a document's live one, or goes to quarantine."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, insert, select, update

from rag_service.domain.document import SealedVersion
from rag_service.domain.errors import Conflict
from rag_service.domain.identity import TenantId
from rag_service.domain.jobs import JobState
from rag_service.store import tables
from rag_service.store.access import insert_access, refuse_wider_list, replace_access
from rag_service.store.claims import Claim, end_claimed
from rag_service.store.database import Connection, now
from rag_service.store.epoch_vectors import sealed_vectors
from rag_service.store.outbox import Change, note
from rag_service.store.reviews import SealedReview, record

_CHANGED = "the document changed while a new version of it was made"


async def make_live(
    connection: Connection, tenant: TenantId, sealed: SealedVersion, claim: Claim, sealed_report: bytes
) -> None:
    """As part of this transaction, the version is live, and nothing older is in the index or in quarantine."""
    await _prepare(connection, tenant, sealed, live_version=sealed.version, takes_over=True)
    removed = await remove_chunks(connection, tenant, sealed.document_id)
    await drop_held(connection, tenant, sealed.document_id)
    await _insert_version(connection, sealed)
    await _change_document(connection, tenant, sealed, takes_over=True, live_version=sealed.version)
    position = await note(connection, tenant, Change.DOCUMENT, sealed.document_id, removed)
    await end_claimed(connection, claim, JobState.STORED, sealed_report, position)


async def put_in_quarantine(
    connection: Connection, tenant: TenantId, sealed: SealedVersion, held: SealedReview, claim: Claim, report: bytes
) -> None:
    """As part of this transaction, the version waits for a reviewer, in the place of an older one that did.

    What is live stays so, with its owner and its list, until a reviewer says otherwise.
    """
    takes_over = not sealed.replaces
    await _prepare(connection, tenant, sealed, live_version=0, takes_over=takes_over)
    await drop_held(connection, tenant, sealed.document_id)
    await _insert_version(connection, sealed, quarantined_at=now())
    await _change_document(connection, tenant, sealed, takes_over=takes_over)
    await record(connection, held)
    await end_claimed(connection, claim, JobState.QUARANTINED, report)


async def remove_chunks(
    connection: Connection, tenant: TenantId, document_id: str, version: int | None = None
) -> tuple[str, ...]:
    """The chunks of a document are gone, or those of one of its versions. Returns their ids."""
    table = tables.chunks.c
    theirs = (table.tenant_id == tenant) & (table.document_id == document_id)
    if version is not None:
        theirs &= table.version == version
    rows = (await connection.execute(select(table.id).where(theirs))).all()
    await connection.execute(delete(tables.chunks).where(theirs))
    return tuple(chunk_id for (chunk_id,) in rows)


async def drop_held(connection: Connection, tenant: TenantId, document_id: str) -> None:
    """What was in quarantine of the document is gone, keys included. The index never held it."""
    versions, documents = tables.versions.c, tables.documents.c
    of_document = (versions.tenant_id == tenant) & (versions.document_id == document_id)
    live = select(documents.live_version).where(documents.tenant_id == tenant, documents.id == document_id)
    number = (await connection.execute(live)).scalar_one_or_none()
    held = of_document & versions.quarantined_at.is_not(None) & (versions.version != (number or 0))
    for (version,) in (await connection.execute(select(versions.version).where(held))).all():
        await remove_chunks(connection, tenant, document_id, version)
    await connection.execute(delete(tables.versions).where(held))


async def _prepare(
    connection: Connection, tenant: TenantId, sealed: SealedVersion, *, live_version: int, takes_over: bool
) -> None:
    """The document is there and as it was when the version was made, with the list that is to hold.

    Raises ``Conflict`` where it is not.
    """
    if sealed.replaces is None:
        document = {
            "tenant_id": sealed.tenant,
            "id": sealed.document_id,
            "source_token": sealed.source_token,
            "live_version": live_version,
            "owner_token": sealed.owner_token,
            "sealed_owner": sealed.sealed_owner,
            "created_at": now(),
        }
        await connection.execute(insert(tables.documents).values(document))
        await insert_access(connection, tenant, sealed.document_id, sealed.access)
        return
    documents = tables.documents.c
    live = select(documents.live_version).where(documents.tenant_id == tenant, documents.id == sealed.document_id)
    if (await connection.execute(live)).scalar_one_or_none() != sealed.replaces:
        raise Conflict("version", _CHANGED)
    if sealed.replaces_access:
        if takes_over:
            await replace_access(connection, tenant, sealed.document_id, sealed.access)
    elif sealed.most_readers is not None:
        await refuse_wider_list(connection, tenant, sealed.document_id, sealed.most_readers)


async def _insert_version(connection: Connection, sealed: SealedVersion, **more: Any) -> None:
    place = {"tenant_id": sealed.tenant, "document_id": sealed.document_id}
    version = {
        **place,
        "version": sealed.version,
        "version_key": sealed.version_key,
        "content_token": sealed.content_token,
        "sealed_text": sealed.text,
        "sealed_meta": sealed.meta,
        "sealed_values": sealed.values,
        "sealed_screening": sealed.screening,
        "created_at": now(),
        **more,
    }
    await connection.execute(insert(tables.versions).values(version))
    rows = [
        {
            **place,
            "id": chunk.chunk_id,
            "version": sealed.version,
            "ordinal": chunk.ordinal,
            "sealed_record": chunk.record,
            "signature": chunk.signature,
        }
        for chunk in sealed.chunks
    ]
    await connection.execute(insert(tables.chunks), rows)
    await connection.execute(insert(tables.vectors), sealed_vectors(sealed))


async def _change_document(
    connection: Connection, tenant: TenantId, sealed: SealedVersion, *, takes_over: bool, **changes: Any
) -> None:
    documents = tables.documents.c
    if sealed.moves_owner and takes_over:
        changes |= {"owner_token": sealed.owner_token, "sealed_owner": sealed.sealed_owner}
    changes["folder_token"] = func.coalesce(sealed.folder_token, documents.folder_token)
    theirs = (documents.tenant_id == tenant) & (documents.id == sealed.document_id)
    await connection.execute(update(tables.documents).where(theirs).values(**changes))
