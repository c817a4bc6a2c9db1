"""The index follows the log: it is brought in line with SQL, entry by entry, in order."""

from __future__ import annotations

import asyncio

import structlog

from rag_service.authentication import operate
from rag_service.domain.errors import IntegrityError
from rag_service.lexical import saturated_frequencies
from rag_service.ports import ChunkIndex
from rag_service.store.tenants import Tenant
from rag_service.store.versions import Versions

_log = structlog.get_logger()


class IndexFollower:
    """Applies the outbox to the index. Every entry may be applied again without harm, so a crash loses nothing."""

    def __init__(self, versions: Versions, index: ChunkIndex) -> None:
        self._versions = versions
        self._index = index
        self._one_at_a_time = asyncio.Lock()

    async def catch_up(self, tenant: Tenant) -> None:
        """The index holds exactly the live chunks of every document in the tenant's outbox."""
        operator = operate(tenant)
        async with self._one_at_a_time:
            while entries := await self._versions.outbox(operator):
                for document_id in dict.fromkeys(entry.document_id for entry in entries):
                    await self._write_document(tenant, document_id)
                removed = [point for entry in entries for point in entry.removed]
                await self._index.delete(tenant.keys.index.collection, removed)
                await self._versions.followed(operator, entries[-1].position)

    async def rebuild(self, tenant: Tenant) -> None:
        """The collection is made anew from SQL, without embedding again.

        Every document is in the outbox before the old collection goes, so that a crash only postpones the rest.
        """
        await self._versions.note_all(operate(tenant))
        await self._index.drop(tenant.keys.index.collection)
        await self.catch_up(tenant)

    async def start(self, tenant: Tenant) -> None:
        """The index is in line with SQL, also where its files were lost."""
        is_lost = not await self._index.exists(tenant.keys.index.collection)
        if is_lost and await self._versions.chunk_ids(operate(tenant)):
            await self.rebuild(tenant)
        else:
            await self.catch_up(tenant)

    async def _write_document(self, tenant: Tenant, document_id: str) -> None:
        """The index holds the document's live chunks under its present access list, made from SQL alone."""
        keys = tenant.keys.index
        try:
            stored, principals = await self._versions.points(operate(tenant), tenant.keys, document_id)
        except IntegrityError:
            _log.error("broken_seal", document=document_id)  # it could not be opened for an answer either
            return
        points = [
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
        if points:
            await self._index.upsert(keys.collection, points)
