"""Documents that came in another: an archive's files, a mail's attachments. They are their container's in everything.

Who may read a member and whose it is, is what its container says: both are written together, and a version of a member
goes live only where the two agree at that moment. With its container a member goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from sqlalchemy import delete, not_, select, update

from rag_service.crypto.keys import TenantKeys
from rag_service.domain.errors import Conflict, IntegrityError, NotFound
from rag_service.domain.identity import OperatorScope, Principal, TenantId
from rag_service.store import tables
from rag_service.store.access import opened_owner, replace_access, sealed_access, sealed_owner
from rag_service.store.database import Connection
from rag_service.store.outbox import Change, note
from rag_service.store.switch import remove_chunks
from rag_service.store.uploads import SealedUpload, cancel_pending, cancel_uploads, insert_upload

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StoredMember:
    """A member as it is stored now. ``content_token`` is its live version's, if one is live."""

    document_id: str
    content_token: str | None


@dataclass(frozen=True, slots=True)
class AsMember:
    """The version is of a document that came in another one's version, and ``waits`` with it for a reviewer."""

    parent_id: str
    parent_version: int
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Sources:
    """What is in a version of a container, by the tokens of its sources, and what of that did not change."""

    all: frozenset[str] = frozenset()
    unchanged: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class NewMembers:
    """What a container's new version makes of its members.

    ``known`` are those that were stored when this was decided. ``uploads`` are to be ingested, each by the document
    that it becomes; ``unchanged`` stay as they are; the rest of those known are gone. ``sources`` are the tokens of
    all that the version has, and of what is unchanged in it.

    ``takes_over`` says that the container has another owner and other readers as soon as this is stored. What its
    members said before was not said to those.
    """

    keys: TenantKeys
    known: frozenset[str]
    unchanged: frozenset[str] = frozenset()
    uploads: Mapping[str, SealedUpload] = field(default_factory=dict)
    sources: Sources = field(default_factory=Sources)
    takes_over: bool = False

    @property
    def gone(self) -> frozenset[str]:
        """Those that the new version has no more, or whose new readers were not named for what they say."""
        return self.known - self.unchanged - (frozenset() if self.takes_over else self.uploads.keys())


async def stored_members(connection: Connection, operator: OperatorScope, document_id: str) -> dict[str, StoredMember]:
    """The members of a document, by the token of their source."""
    documents, versions = tables.documents.c, tables.versions.c
    query = (
        select(documents.source_token, documents.id, versions.content_token)
        .join_from(
            tables.documents,
            tables.versions,
            (versions.tenant_id == documents.tenant_id)
            & (versions.document_id == documents.id)
            & (versions.version == documents.live_version),
            isouter=True,
        )
        .where(documents.tenant_id == operator.tenant, documents.parent_id == document_id)
    )
    return {token: StoredMember(one, content) for token, one, content in await connection.execute(query)}


async def settle(
    connection: Connection, tenant: TenantId, document_id: str, kin: AsMember | NewMembers | None, *, is_held: bool
) -> None:
    """As part of the transaction that stores a version: it is its container's, or its members follow it.

    Raises ``Conflict`` where what was decided before no longer fits.
    """
    if isinstance(kin, AsMember):
        await _settle_member(connection, tenant, document_id, kin, is_held=is_held)
    elif kin is not None:
        await _settle_members(connection, tenant, document_id, kin, is_held=is_held)


async def _settle_member(
    connection: Connection, tenant: TenantId, document_id: str, kin: AsMember, *, is_held: bool
) -> None:
    documents = tables.documents.c
    facts = select(documents.id, documents.live_version, documents.owner_token).where(
        documents.tenant_id == tenant, documents.id.in_([kin.parent_id, document_id])
    )
    rows = {row.id: row for row in await connection.execute(facts)}
    parent, own = rows.get(kin.parent_id), rows.get(document_id)
    if parent is None or own is None or parent.owner_token != own.owner_token:
        raise Conflict("container", "the archive or mail that it came in changed meanwhile")
    is_live = parent.live_version == kin.parent_version
    if (not is_held and not is_live) or (kin.waits and is_live):
        raise Conflict("container", "the archive or mail that it came in changed meanwhile")
    if await _tokens(connection, tenant, document_id) != await _tokens(connection, tenant, kin.parent_id):
        raise Conflict("access list", "the archive or mail that it came in has other readers by now")
    this = (documents.tenant_id == tenant) & (documents.id == document_id)
    await connection.execute(update(tables.documents).where(this).values(parent_id=kin.parent_id))


async def _settle_members(
    connection: Connection, tenant: TenantId, document_id: str, kin: NewMembers, *, is_held: bool
) -> None:
    """While the version waits for a reviewer, nothing becomes of the members that are live; but where it takes the
    container over at once, as nothing of that is live."""
    if set(await member_ids(connection, tenant, document_id)) != kin.known:
        raise Conflict("members", "what came in this archive or mail changed meanwhile")
    if not is_held or kin.takes_over:
        await cancel_members(connection, tenant, document_id)
        for gone in sorted(kin.gone):
            await remove_document(connection, tenant, gone)
        await align(connection, tenant, kin.keys, document_id)
    for member_id, upload in kin.uploads.items():
        await insert_upload(connection, upload, member_id, document_id)


async def remove_document(connection: Connection, tenant: TenantId, document_id: str) -> None:
    """As part of this transaction, the document and all that came in it are gone, with what waits to replace them.

    Raises ``NotFound``.
    """
    documents = tables.documents.c
    await remove_members(connection, tenant, document_id)
    removed = await remove_chunks(connection, tenant, document_id)
    this = (documents.tenant_id == tenant) & (documents.id == document_id)
    if not (await connection.execute(delete(tables.documents).where(this))).rowcount:
        raise NotFound("document")
    await cancel_pending(connection, tenant, document_id)
    await note(connection, tenant, Change.DOCUMENT, document_id, removed)


async def follow_release(
    connection: Connection, tenant: TenantId, document_id: str, sources: Sources, *, takes_over: bool
) -> None:
    """As part of this transaction, the members are those of the version that is released, with what waits for it.

    Where it ``takes_over``, nothing is live of those that changed: its readers were not named for what they said.
    """
    documents = tables.documents.c
    query = select(documents.id, documents.source_token)
    rows = await connection.execute(query.where(documents.tenant_id == tenant, documents.parent_id == document_id))
    for member_id, token in sorted((row.id, row.source_token) for row in rows):
        if token not in sources.all:
            await remove_document(connection, tenant, member_id)
        elif takes_over and token not in sources.unchanged:
            await _withdraw(connection, tenant, member_id)


async def _withdraw(connection: Connection, tenant: TenantId, document_id: str) -> None:
    """Nothing of the document is live; what is in quarantine or in the queue may still be."""
    documents, versions = tables.documents.c, tables.versions.c
    this = (documents.tenant_id == tenant) & (documents.id == document_id)
    of_document = (versions.tenant_id == tenant) & (versions.document_id == document_id)
    live = (await connection.execute(select(documents.live_version).where(this))).scalar_one()
    removed = await remove_chunks(connection, tenant, document_id, live)
    is_held = versions.quarantined_at.is_not(None) & (versions.version != live)
    await connection.execute(delete(tables.versions).where(of_document, not_(is_held)))
    if (await connection.execute(select(versions.version).where(of_document).limit(1))).one_or_none() is None:
        await connection.execute(delete(tables.documents).where(this))
    else:
        await connection.execute(update(tables.documents).where(this).values(live_version=0))
    await note(connection, tenant, Change.DOCUMENT, document_id, removed)


async def remove_members(connection: Connection, tenant: TenantId, document_id: str) -> None:
    """As part of this transaction, all that came in the document is gone, or never becomes a document."""
    await cancel_members(connection, tenant, document_id)
    for member_id in await member_ids(connection, tenant, document_id):
        await remove_document(connection, tenant, member_id)


async def waits(connection: Connection, tenant: TenantId, document_id: str, version: int) -> bool:
    """Whether this version of the document is in quarantine, or else live. Raises ``NotFound``."""
    documents, versions = tables.documents.c, tables.versions.c
    query = (
        select(documents.live_version, versions.quarantined_at)
        .join_from(
            tables.documents,
            tables.versions,
            (versions.tenant_id == documents.tenant_id) & (versions.document_id == documents.id),
        )
        .where(documents.tenant_id == tenant, documents.id == document_id, versions.version == version)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None or (row.live_version != version and row.quarantined_at is None):
        raise NotFound("document")
    return bool(row.live_version != version)


async def member_ids(connection: Connection, tenant: TenantId, document_id: str) -> list[str]:
    documents = tables.documents.c
    query = select(documents.id).where(documents.tenant_id == tenant, documents.parent_id == document_id)
    return [member_id for (member_id,) in await connection.execute(query)]


async def cancel_members(connection: Connection, tenant: TenantId, document_id: str) -> None:
    """As part of this transaction, no member of the document that waits or failed becomes a document any more."""
    await cancel_uploads(connection, tenant, tables.jobs.c.parent_id == document_id)


async def refuse_member(connection: Connection, tenant: TenantId, document_id: str) -> None:
    """Raises ``Conflict`` for a member: its readers are its container's."""
    documents = tables.documents.c
    query = select(documents.parent_id).where(documents.tenant_id == tenant, documents.id == document_id)
    parent = (await connection.execute(query)).scalar_one_or_none()
    if parent is not None:
        raise Conflict("access list", f"this came in document {parent}: who may read it is said there")


async def align(connection: Connection, tenant: TenantId, keys: TenantKeys, document_id: str) -> None:
    """As part of this transaction, every member has its container's owner and readers. The index is to follow.

    Entries that do not open in the container's list let nobody read there, and are in no member's.
    """
    members = await member_ids(connection, tenant, document_id)
    if not members:
        return
    documents, access = tables.documents.c, tables.access.c
    owned = select(documents.sealed_owner).where(documents.tenant_id == tenant, documents.id == document_id)
    owner = opened_owner(keys, document_id, (await connection.execute(owned)).scalar_one())
    listed = select(access.sealed_principal).where(access.tenant_id == tenant, access.document_id == document_id)
    readers = [
        one for (sealed,) in await connection.execute(listed) if (one := _opened(keys, document_id, sealed)) is not None
    ]
    for member_id in members:
        this = (documents.tenant_id == tenant) & (documents.id == member_id)
        theirs = {
            "owner_token": None if owner is None else keys.token("user", owner),
            "sealed_owner": None if owner is None else sealed_owner(keys, member_id, owner),
        }
        await connection.execute(update(tables.documents).where(this).values(**theirs))
        await replace_access(connection, tenant, member_id, sealed_access(keys, member_id, readers))
        await note(connection, tenant, Change.DOCUMENT, member_id)


def _opened(keys: TenantKeys, document_id: str, sealed: bytes) -> Principal | None:
    try:
        return Principal.parse(keys.open_name("principal", sealed, document_id))
    except IntegrityError:
        _log.error("broken_seal", document=document_id)
        return None


async def _tokens(connection: Connection, tenant: TenantId, document_id: str) -> set[str]:
    access = tables.access.c
    query = select(access.principal_token).where(access.tenant_id == tenant, access.document_id == document_id)
    return {token for (token,) in await connection.execute(query)}
