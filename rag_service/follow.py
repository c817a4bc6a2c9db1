"""The index follows the log: it is brought in line with SQL, entry by entry, in order."""

from __future__ import annotations

import asyncio

from rag_service.authentication import operate
from rag_service.lexical import saturated_frequencies
from rag_service.ports import ChunkIndex
from rag_service.store.documents import Documents
from rag_service.store.tenants import Tenant
from rag_service.store.versions import Versions


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

    async def rebuild(self, tenant: Tenant, documents: Documents) -> int:
        """The collection is made anew from SQL, without embedding again; returns the number of documents."""
        async with self._one_at_a_time:
            await self._index.drop(tenant.keys.index.collection)
            metas = await documents.all(operate(tenant), tenant.keys)
            for meta in metas:
                await self._write_document(tenant, meta.document_id)
        return len(metas)

    async def _write_document(self, tenant: Tenant, document_id: str) -> None:
        """The index holds the document's live chunks under its present access list, made from SQL alone."""
        keys = tenant.keys.index
        stored, principals = await self._versions.points(operate(tenant), tenant.keys, document_id)
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
