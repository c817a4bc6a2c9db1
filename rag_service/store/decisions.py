"""What a reviewer's decision does, as part of the transaction that enters it in the history."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update

from rag_service.crypto.keys import TenantKeys, VersionSeal
from rag_service.domain.errors import Conflict
from rag_service.domain.identity import Principal, TenantId
from rag_service.domain.verdict import HELD_CONTAINER
from rag_service.store import tables
from rag_service.store.access import refuse_wider_list, replace_access, sealed_access, sealed_owner
from rag_service.store.database import Connection, now
from rag_service.store.epoch_vectors import is_vector_of, refuse_other_epoch
from rag_service.store.members import Sources, align, cancel_members, follow_release, remove_members
from rag_service.store.outbox import Change, note
from rag_service.store.reviews import Reviewed
from rag_service.store.switch import drop_held, remove_chunks


@dataclass(frozen=True, slots=True)
class Held:
    """A version in quarantine, its key and metadata opened. ``place`` is its row's."""

    document_id: str
    version: int
    live_version: int
    held_at: datetime
    seal: VersionSeal
    told: dict[str, Any]
    about: Reviewed
    place: ColumnElement[bool]

    @property
    def uploaders(self) -> set[str]:
        """Whose work it is: nobody of them judges it."""
        return {self.told["ingested_by"], self.told["owner"]} - {None}


async def release(connection: Connection, tenant: TenantId, keys: TenantKeys, held: Held, by: str) -> None:
    """The version is live, its predecessor's chunks are gone, and the outbox says so.

    That it was released, and with which suspicions, is sealed into its metadata: they are no longer held against it.
    """
    released = {
        "by": by,
        "at": now().isoformat(),
        "reasons": list(held.about.reasons),
        "kinds": sorted(held.about.kinds),
    }
    told = {**held.told, "released": released}
    members, unchanged = told.pop("members", None), told.pop("unchanged", ())
    waits_with = told.pop("waits_with", None)
    await _refuse_before_container(connection, tenant, held)
    await _refuse_without_vectors(connection, tenant, keys, held)
    await _take_over(connection, tenant, keys, held, waits_with)
    removed = await remove_chunks(connection, tenant, held.document_id, held.live_version) if held.live_version else ()
    meta = held.seal.seal(json.dumps(told).encode(), "meta")
    await connection.execute(update(tables.versions).where(held.place).values(quarantined_at=None, sealed_meta=meta))
    documents = tables.documents.c
    this = (documents.tenant_id == tenant) & (documents.id == held.document_id)
    await connection.execute(update(tables.documents).where(this).values(live_version=held.version))
    await drop_held(connection, tenant, held.document_id)  # an older one would take back what is newer
    await note(connection, tenant, Change.DOCUMENT, held.document_id, removed)
    if members is not None:  # else it was live before, with just those that it has
        sources = Sources(frozenset(members), frozenset(unchanged))
        takes_over = waits_with is not None and waits_with["access"] is not None
        await follow_release(connection, tenant, held.document_id, sources, takes_over=takes_over)
    await align(connection, tenant, keys, held.document_id)


async def reject(connection: Connection, tenant: TenantId, held: Held) -> None:
    """The version, its key and its chunks are gone; where nothing of the document is live, all of it is."""
    await cancel_members(connection, tenant, held.document_id)
    removed = await remove_chunks(connection, tenant, held.document_id, held.version)
    await connection.execute(delete(tables.versions).where(held.place))
    versions = tables.versions.c
    others = select(versions.version).where(
        versions.tenant_id == tenant,
        versions.document_id == held.document_id,
        versions.quarantined_at.is_not(None),
    )
    if not held.live_version and (await connection.execute(others.limit(1))).one_or_none() is None:
        await remove_members(connection, tenant, held.document_id)
        documents = tables.documents.c
        this = (documents.tenant_id == tenant) & (documents.id == held.document_id)
        await connection.execute(delete(tables.documents).where(this))
    await note(connection, tenant, Change.DOCUMENT, held.document_id, removed)


async def _refuse_before_container(connection: Connection, tenant: TenantId, held: Held) -> None:
    """Raises ``Conflict`` for what waits with its container, until just that version of it is live.

    Before, its readers are those of what is live, whom the container's new version may be kept from.
    """
    if HELD_CONTAINER not in held.about.reasons:
        return
    documents = tables.documents.c
    live = select(documents.live_version).where(documents.tenant_id == tenant, documents.id == held.told["parent_id"])
    if (await connection.execute(live)).scalar_one_or_none() != held.told.get("parent_version"):
        raise Conflict("container", "the archive or mail that it came in is to be released first")


async def _refuse_without_vectors(connection: Connection, tenant: TenantId, keys: TenantKeys, held: Held) -> None:
    """Raises ``Conflict`` where the index that is live could not hold every passage: it would answer with the rest."""
    epoch = keys.index.epoch
    await refuse_other_epoch(connection, tenant, epoch)
    chunks = tables.chunks.c
    of_version = (chunks.tenant_id == tenant) & (chunks.document_id == held.document_id)
    of_version &= chunks.version == held.version
    passages = select(func.count()).select_from(tables.chunks).where(of_version)
    indexed = (
        select(func.count())
        .select_from(tables.chunks)
        .join(tables.vectors, is_vector_of(chunks, tenant, epoch))
        .where(of_version)
    )
    if (await connection.execute(passages)).scalar_one() != (await connection.execute(indexed)).scalar_one():
        raise Conflict("index epoch", "it was not embedded for the index that is live by now: upload it again")


async def _take_over(
    connection: Connection, tenant: TenantId, keys: TenantKeys, held: Held, waits_with: dict[str, Any] | None
) -> None:
    """The document is whose upload it is, for the readers that were named with it. Raises ``Conflict`` for others."""
    if waits_with is None:
        return
    owner = held.told["owner"]
    if waits_with["access"] is not None:
        named = [Principal.parse(one) for one in waits_with["access"]]
        await replace_access(connection, tenant, held.document_id, sealed_access(keys, held.document_id, named))
    elif waits_with["most_readers"] is not None:
        await refuse_wider_list(connection, tenant, held.document_id, frozenset(waits_with["most_readers"]))
    documents = tables.documents.c
    this = (documents.tenant_id == tenant) & (documents.id == held.document_id)
    owned = {
        "owner_token": None if owner is None else keys.token("user", owner),
        "sealed_owner": None if owner is None else sealed_owner(keys, held.document_id, owner),
    }
    await connection.execute(update(tables.documents).where(this).values(owned))
