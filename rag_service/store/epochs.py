"""Epochs of a tenant's index: the live one, and at most one beside it with an index key and a model of its own.

One beside is built, becomes ready, and is switched to; what was live until then is retired, and kept to be rolled back
to. All that changes is written for both. A tenant seen in an epoch is a ``Tenant`` with that epoch's index key and
model: whatever reads chunks or the index takes it as it takes any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select, update

from rag_service.crypto.keys import KeyVault
from rag_service.domain.errors import Conflict, NotFound
from rag_service.domain.identity import OperatorScope, TenantId
from rag_service.store import tables
from rag_service.store.database import Connection, Database, now
from rag_service.store.lacking_vectors import (
    Lacking,
    Made,
    lacking_vectors,
    missing_vectors,
    opened_lacking,
    sealed_row,
)
from rag_service.store.outbox import Change, note
from rag_service.store.tenants import Tenant, Tenants


class EpochState(StrEnum):
    """What an epoch beside the live one is good for: nothing yet, to be switched to, to be rolled back to."""

    BUILDING = "building"
    READY = "ready"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Epoch:
    """An epoch beside the live one. ``tenant`` is its tenant as seen in it."""

    number: int
    state: EpochState
    tenant: Tenant
    created_at: datetime

    @property
    def embedding(self) -> str:
        """The fingerprint of the model its vectors are made with."""
        return self.tenant.embedding or ""


@dataclass(frozen=True, slots=True)
class Views:
    """A tenant as seen in its live epoch, and in the one beside, of the same moment."""

    live: Tenant
    beside: Epoch | None

    @property
    def all(self) -> tuple[Tenant, ...]:
        return (self.live,) if self.beside is None else (self.live, self.beside.tenant)


class Epochs:
    """Which epochs tenants' indexes have, and the one step from one to another."""

    def __init__(self, database: Database, vault: KeyVault, tenants: Tenants) -> None:
        self._database = database
        self._vault = vault
        self._tenants = tenants

    async def views(self, tenant: TenantId) -> Views:
        """The tenant in its epochs, by one statement: a switch falls before or after it. Raises ``NotFound``."""
        async with self._database.read(tenant) as connection:
            row = (await connection.execute(_views(tenant))).one_or_none()
        if row is None:
            raise NotFound("tenant")
        return self._opened(row)

    async def begin(self, operator: OperatorScope, embedding: str) -> Epoch:
        """An epoch beside the live one, with a fresh index key, empty and building.

        Raises ``Conflict`` where one stands beside already.
        """
        async with self._database.write(operator.tenant) as connection:
            views = await self._locked(connection, operator.tenant)
            if views.beside is not None:
                raise Conflict("epoch", f"epoch {views.beside.number} stands beside already; discard it first")
            number = views.live.keys.index.epoch + 1
            row = {
                "tenant_id": operator.tenant,
                "epoch": number,
                "index_key": self._vault.new_index_key(operator.tenant, number, embedding),
                "embedding": embedding,
                "state": EpochState.BUILDING,
                "created_at": now(),
            }
            await connection.execute(insert(tables.epochs).values(row))
        return _beside(await self.views(operator.tenant))

    async def become_ready(self, operator: OperatorScope, number: int) -> None:
        """The epoch that was building may be switched to. Raises ``Conflict`` where it is gone."""
        epochs = tables.epochs.c
        building = (epochs.tenant_id == operator.tenant) & (epochs.epoch == number)
        async with self._database.write(operator.tenant) as connection:
            changed = await connection.execute(
                update(tables.epochs)
                .where(building, epochs.state == EpochState.BUILDING)
                .values(state=EpochState.READY)
            )
            if not changed.rowcount:
                raise Conflict("epoch", f"epoch {number} is not being built any more")

    async def switch(
        self, operator: OperatorScope, number: int, expected: EpochState, unopened: Collection[str] = ()
    ) -> Views:
        """The epoch is live, and the one that was live stands beside it, retired: in one transaction, for whatever is
        asked or stored after it.

        ``unopened`` are chunks whose seals are broken: they can be found in no epoch.

        Raises ``Conflict`` where the epoch is not of the expected state, or not caught up: a chunk has no vector in it,
        or the index has yet to hold what it has.
        """
        async with self._database.write(operator.tenant) as connection:
            views = await self._locked(connection, operator.tenant)
            beside = views.beside
            if beside is None or (beside.number, beside.state) != (number, expected):
                raise Conflict("epoch", f"no epoch {number} stands beside that is {expected}")
            missing = {one for (one,) in await connection.execute(missing_vectors(operator.tenant, number))}
            lag = tables.outbox.c
            unwritten = (
                select(func.count())
                .select_from(tables.outbox)
                .where(lag.tenant_id == operator.tenant, lag.kind.in_((Change.BESIDE, Change.REBUILD)))
            )
            lagging = (await connection.execute(unwritten)).scalar_one()
            if lagging or not missing <= set(unopened):
                raise Conflict("epoch", f"epoch {number} lacks {len(missing)} passages, and {lagging} changes wait")
            await self._exchange(connection, operator.tenant, beside)
        return await self.views(operator.tenant)

    async def discard(self, operator: OperatorScope) -> int:
        """The epoch beside is gone, with its key and its vectors; the index is to drop its collection.

        Returns its number. Raises ``NotFound`` where none stands beside.
        """
        async with self._database.write(operator.tenant) as connection:
            beside = (await self._locked(connection, operator.tenant)).beside
            if beside is None:
                raise NotFound("epoch")
            for table in (tables.vectors, tables.epochs):
                of_epoch = (table.c.tenant_id == operator.tenant) & (table.c.epoch == beside.number)
                await connection.execute(delete(table).where(of_epoch))
            await note(connection, operator.tenant, Change.DROP, beside.tenant.keys.index.collection)
        return beside.number

    async def lacking(
        self, operator: OperatorScope, views: Views, after: tuple[str, str] = ("", ""), limit: int = 256
    ) -> list[Lacking]:
        """The next chunks behind ``after`` that have no vector in the epoch beside, by document and id."""
        beside, live = _beside(views), views.live.keys
        async with self._database.read(operator.tenant) as connection:
            query = lacking_vectors(operator.tenant, beside.number, live.index.epoch, after).limit(limit)
            rows = (await connection.execute(query)).all()
        is_same_model = views.live.embedding == beside.embedding
        return await asyncio.to_thread(lambda: [opened_lacking(row, live, with_vector=is_same_model) for row in rows])

    async def add(self, operator: OperatorScope, views: Views, made: Sequence[Made], whole: Collection[str]) -> None:
        """The epoch beside has these vectors, but for chunks that are gone; the index is to follow the ``whole``
        documents.

        Raises ``Conflict`` where the epoch is not the one beside any more.
        """
        beside = _beside(views)
        rows = await asyncio.to_thread(lambda: [sealed_row(one, beside.tenant.keys) for one in made])
        async with self._database.write(operator.tenant) as connection:
            now_beside = (await self._locked(connection, operator.tenant)).beside
            if now_beside is None or now_beside.tenant.keys.index.collection != beside.tenant.keys.index.collection:
                raise Conflict("epoch", f"epoch {beside.number} does not stand beside any more")
            if rows:
                wanted = tables.chunks.c.id.in_([str(row["chunk_id"]) for row in rows])
                query = missing_vectors(operator.tenant, beside.number).where(wanted)
                missing = {chunk_id for (chunk_id,) in await connection.execute(query)}
                if left := [row for row in rows if row["chunk_id"] in missing]:
                    await connection.execute(insert(tables.vectors), left)
            for document_id in sorted(whole):
                await note(connection, operator.tenant, Change.BESIDE, document_id)

    async def counts(self, operator: OperatorScope) -> dict[int, int]:
        """How many vectors each epoch has; of the tenant's chunks there are as many as key 0 says."""
        vectors, chunks = tables.vectors.c, tables.chunks.c
        by_epoch = select(vectors.epoch, func.count()).where(vectors.tenant_id == operator.tenant)
        of_tenant = select(func.count()).select_from(tables.chunks).where(chunks.tenant_id == operator.tenant)
        async with self._database.read(operator.tenant) as connection:
            rows = await connection.execute(by_epoch.group_by(vectors.epoch))
            found = {int(epoch): int(count) for epoch, count in rows}
            return found | {0: int((await connection.execute(of_tenant)).scalar_one())}

    async def _locked(self, connection: Connection, tenant: TenantId) -> Views:
        """As ``views``, in a transaction of the tenant's one writer."""
        row = (await connection.execute(_views(tenant))).one_or_none()
        if row is None:
            raise NotFound("tenant")
        return self._opened(row)

    async def _exchange(self, connection: Connection, tenant: TenantId, beside: Epoch) -> None:
        tenants, epochs = tables.tenants.c, tables.epochs.c
        row = (await connection.execute(_views(tenant))).one()
        retired = {
            "tenant_id": tenant,
            "epoch": row.index_epoch,
            "index_key": row.index_key,
            "embedding": row.embedding or "",
            "state": EpochState.RETIRED,
            "created_at": now(),
        }
        live = {"index_epoch": beside.number, "index_key": row.beside_key, "embedding": beside.embedding}
        of_beside = (epochs.tenant_id == tenant) & (epochs.epoch == beside.number)
        await connection.execute(delete(tables.epochs).where(of_beside))
        await connection.execute(insert(tables.epochs).values(retired))
        await connection.execute(update(tables.tenants).where(tenants.id == tenant).values(live))

    def _opened(self, row: Row[Any]) -> Views:
        live = self._tenants.opened(row)
        if row.beside_epoch is None:
            return Views(live, None)
        seen = self._tenants.opened_in(row, row.beside_key, row.beside_epoch, row.beside_embedding)
        return Views(live, Epoch(row.beside_epoch, EpochState(row.beside_state), seen, row.beside_at))


def _views(tenant: TenantId) -> Select[Any]:
    epochs = tables.epochs.c
    beside: Sequence[Any] = (
        epochs.epoch.label("beside_epoch"),
        epochs.index_key.label("beside_key"),
        epochs.embedding.label("beside_embedding"),
        epochs.state.label("beside_state"),
        epochs.created_at.label("beside_at"),
    )
    return (
        select(*tables.tenants.c, *beside)
        .join_from(tables.tenants, tables.epochs, epochs.tenant_id == tables.tenants.c.id, isouter=True)
        .where(tables.tenants.c.id == tenant)
    )


def _beside(views: Views) -> Epoch:
    if views.beside is None:
        raise NotFound("epoch")
    return views.beside
