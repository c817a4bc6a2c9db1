"""The log that the index follows: what changed in SQL, in order, kept until the index is known to have followed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, func, insert, select, update

from rag_service.domain.identity import OperatorScope, TenantId
from rag_service.domain.jobs import JobState
from rag_service.store import tables
from rag_service.store.database import SHARED, Connection, Database, now


class Change(StrEnum):
    """What the index must follow: one document, in all epochs or in the one beside alone; collections made anew; or one
    that is gone, alone or with its tenant."""

    DOCUMENT = "document"
    BESIDE = "beside"
    REBUILD = "rebuild"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """``subject`` is a document's id, or of a ``DROP`` the collection; ``removed`` are points that must go."""

    position: int
    kind: Change
    subject: str
    removed: tuple[str, ...]


class Outbox:
    """Which tenants the index lags behind for, and by what. It stands outside every tenant: positions and ids only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self) -> list[TenantId]:
        """The tenants that have entries, those that wait longest first. A tenant that is gone may be among them."""
        table = tables.outbox.c
        query = select(table.tenant_id).group_by(table.tenant_id).order_by(func.min(table.position))
        async with self._database.read(SHARED) as connection:
            return [TenantId(tenant) for (tenant,) in await connection.execute(query)]

    async def entries(self, tenant: TenantId, limit: int = 100) -> list[OutboxEntry]:
        """What the index has not yet followed for the tenant, in order."""
        table = tables.outbox.c
        query = (
            select(table.position, table.kind, table.subject, table.removed)
            .where(table.tenant_id == tenant)
            .order_by(table.position)
            .limit(limit)
        )
        async with self._database.read(tenant) as connection:
            rows = (await connection.execute(query)).all()
        return [
            OutboxEntry(position, Change(kind), subject, tuple(json.loads(removed)))
            for position, kind, subject, removed in rows
        ]

    async def newest(self, tenant: TenantId) -> int:
        """The position up to which the index must follow to hold what SQL says now; 0 where it has followed all."""
        query = select(func.max(tables.outbox.c.position)).where(tables.outbox.c.tenant_id == tenant)
        async with self._database.read(tenant) as connection:
            return int((await connection.execute(query)).scalar_one() or 0)

    async def is_followed(self, tenant: TenantId, position: int) -> bool:
        """Whether the index was verified up to this position."""
        table = tables.outbox.c
        query = select(table.position).where(table.tenant_id == tenant, table.position <= position).limit(1)
        async with self._database.read(tenant) as connection:
            return (await connection.execute(query)).one_or_none() is None

    async def awaits(self, operator: OperatorScope, document_id: str) -> bool:
        """Whether the index has yet to follow what SQL says of the document."""
        table = tables.outbox.c
        theirs = (table.kind == Change.REBUILD) | (table.subject == document_id)
        query = select(table.position).where(table.tenant_id == operator.tenant, theirs).limit(1)
        async with self._database.read(operator.tenant) as connection:
            return (await connection.execute(query)).one_or_none() is not None

    async def lag(self) -> int:
        """How many entries the index has not yet followed, over all tenants."""
        async with self._database.read(SHARED) as connection:
            return int((await connection.execute(select(func.count()).select_from(tables.outbox))).scalar_one())

    async def followed(self, tenant: TenantId, position: int) -> None:
        """The index was verified up to this position; the jobs that waited for that are done."""
        outbox, jobs = tables.outbox.c, tables.jobs.c
        async with self._database.write(tenant) as connection:
            await connection.execute(
                delete(tables.outbox).where(outbox.tenant_id == tenant, outbox.position <= position)
            )
            await connection.execute(
                update(tables.jobs)
                .where(
                    jobs.tenant_id == tenant,
                    jobs.outbox_position <= position,
                    jobs.state == JobState.STORED,
                )
                .values(state=JobState.DONE, changed_at=now())
            )

    async def request_rebuild(self, operator: OperatorScope) -> int:
        """The tenant's collection is to be made anew from SQL. Returns the position to wait for."""
        async with self._database.write(operator.tenant) as connection:
            return await note(connection, operator.tenant, Change.REBUILD, "")

    async def request_documents(self, operator: OperatorScope, document_ids: Iterable[str]) -> None:
        """What the index holds of these documents is to be written again."""
        async with self._database.write(operator.tenant) as connection:
            for document_id in document_ids:
                await note(connection, operator.tenant, Change.DOCUMENT, document_id)

    async def request_removal(self, operator: OperatorScope, point_ids: Sequence[str]) -> None:
        """These points, which belong to no document, are to go."""
        async with self._database.write(operator.tenant) as connection:
            await note(connection, operator.tenant, Change.DOCUMENT, "", point_ids)

    async def request_drop(self, collection: str) -> TenantId:
        """A collection that belongs to no tenant is to go. Returns under which name its entry waits."""
        nobody = TenantId(f"nobody {collection}")
        async with self._database.write(nobody) as connection:
            await note(connection, nobody, Change.DROP, collection)
        return nobody


async def note(
    connection: Connection, tenant: TenantId, kind: Change, subject: str, removed: Sequence[str] = ()
) -> int:
    """The entry is part of this transaction. Returns its position."""
    entry = {"tenant_id": tenant, "kind": kind, "subject": subject, "removed": json.dumps(list(removed))}
    result = await connection.execute(insert(tables.outbox).values(entry).returning(tables.outbox.c.position))
    return int(result.scalar_one())
