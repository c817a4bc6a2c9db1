"""The index follows the log: it is brought in line with SQL, entry by entry, in order, until it is seen to be so."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

import structlog

from rag_service.authentication import operate
from rag_service.crypto.index_keys import IndexKeys
from rag_service.domain.errors import IndexUnavailable, IntegrityError, NotFound
from rag_service.domain.identity import TenantId
from rag_service.domain.retrieval import SealedPoint
from rag_service.lexical import saturated_frequencies
from rag_service.ports import ChunkIndex
from rag_service.store.outbox import Change, Outbox, OutboxEntry
from rag_service.store.tenants import Tenant, Tenants
from rag_service.store.versions import Versions

_log = structlog.get_logger()
_LOOK_EVERY_S = 0.1
_LONGEST_WAIT_S = 30.0


class IndexFollower:
    """Applies the outbox to the index. Every entry may be applied again without harm, so a crash loses nothing."""

    def __init__(self, tenants: Tenants, versions: Versions, outbox: Outbox, index: ChunkIndex) -> None:
        self._tenants = tenants
        self._versions = versions
        self._outbox = outbox
        self._index = index
        self._one_at_a_time: defaultdict[TenantId, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def catch_up(self, tenant_id: TenantId) -> None:
        """The index was seen to hold exactly what SQL says of everything in the tenant's outbox.

        Raises ``IndexUnavailable`` where the index cannot be written, or does not hold what was written.
        """
        async with self._one_at_a_time[tenant_id]:
            while entries := await self._outbox.entries(tenant_id):
                try:
                    tenant = await self._tenants.by_id(tenant_id)
                except NotFound:
                    await self._drop(entries)
                else:
                    await self._apply(tenant, entries)
                await self._outbox.followed(tenant_id, entries[-1].position)

    async def follow(self) -> None:
        """Catches up for as long as the service runs. What fails is tried again, later each time, and never dropped."""
        failures = 0
        while True:
            try:
                for tenant_id in await self._outbox.waiting():
                    await self.catch_up(tenant_id)
                failures = 0
            except Exception as error:  # noqa: BLE001  # whatever stops it once must not stop it for good
                failures += 1
                _log.error("index_lags", error=type(error).__name__, failures=failures)
            await asyncio.sleep(min(_LOOK_EVERY_S * 2**failures, _LONGEST_WAIT_S))

    async def start(self, tenant: Tenant) -> None:
        """The index is in line with SQL, also where its files were lost."""
        is_lost = not await self._index.exists(tenant.keys.index.collection)
        if is_lost and await self._versions.document_ids(operate(tenant)):
            await self._outbox.request_rebuild(operate(tenant))
        await self.catch_up(tenant.id)

    async def _apply(self, tenant: Tenant, entries: Sequence[OutboxEntry]) -> None:
        if any(one.kind is Change.REBUILD for one in entries):
            await self._index.replace(tenant.keys.index.collection, self._every_point(tenant))
            return  # made from what SQL says now, so the other entries are in it
        for document_id in dict.fromkeys(one.subject for one in entries if one.kind is Change.DOCUMENT):
            await self._write_document(tenant, document_id)
        removed = [point for entry in entries for point in entry.removed]
        if removed:
            await self._index.delete(tenant.keys.index.collection, removed)

    async def _write_document(self, tenant: Tenant, document_id: str) -> None:
        """The index holds the document's live chunks under its present access list and nothing else of it."""
        keys = tenant.keys.index
        points = await self._sealed(tenant, document_id)
        if points:
            await self._index.upsert(keys.collection, points)
        written = {point.point_id for point in points}
        found = await self._index.points_of(keys.collection, keys.document_token(document_id))
        if found - written:
            await self._index.delete(keys.collection, sorted(found - written))
        if written - found:
            raise IndexUnavailable("it does not hold what was written to it")

    async def _every_point(self, tenant: Tenant) -> AsyncIterator[Sequence[SealedPoint]]:
        for document_id in await self._versions.document_ids(operate(tenant)):
            yield await self._sealed(tenant, document_id)

    async def _sealed(self, tenant: Tenant, document_id: str) -> list[SealedPoint]:
        """The document's points, made from SQL alone; none of one whose seal is broken, which no answer opens either."""
        keys: IndexKeys = tenant.keys.index
        try:
            stored, principals = await self._versions.points(operate(tenant), tenant.keys, document_id)
        except IntegrityError:
            _log.error("broken_seal", document=document_id)
            return []
        return [
            keys.seal_point(
                point_id=point.chunk_id,
                vector=point.vector,
                terms=saturated_frequencies(point.lexical_text),
                access=principals,
                document_id=document_id,
                source=point.source,
            )
            for point in stored
        ]

    async def _drop(self, entries: Sequence[OutboxEntry]) -> None:
        """The tenant is gone: what is left of it in the index is its collection."""
        for entry in entries:
            if entry.kind is Change.DROP:
                await self._index.drop(entry.subject)
