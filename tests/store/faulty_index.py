"""A ``ChunkIndex`` that fails as asked, in front of one that works."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from rag_service.domain.errors import IndexUnavailable
from rag_service.domain.retrieval import Candidates, SealedPoint, SealedQuery
from rag_service.ports import ChunkIndex


class FaultyIndex:
    """``failing`` says how often a method is yet to raise, ``losing`` which writes are taken and not made.

    ``meanwhile`` runs once, after a method of that name has begun. ``broken`` are collections that never work.
    ``calls`` counts what was called.
    """

    def __init__(self, index: ChunkIndex) -> None:
        self._index = index
        self.failing: Counter[str] = Counter()
        self.losing: set[str] = set()
        self.broken: set[str] = set()
        self.meanwhile: dict[str, Callable[[], Awaitable[object]]] = {}
        self.calls: Counter[str] = Counter()

    async def _begin(self, method: str, collection: str) -> bool:
        """Whether the call is to be made."""
        self.calls[method] += 1
        if method in self.meanwhile:
            await self.meanwhile.pop(method)()
        if self.failing[method] > 0 or collection in self.broken:
            self.failing[method] -= 1
            raise IndexUnavailable("it was told to fail")
        return method not in self.losing

    async def upsert(self, collection: str, points: Sequence[SealedPoint]) -> None:
        if await self._begin("upsert", collection):
            await self._index.upsert(collection, points)

    async def delete(self, collection: str, point_ids: Sequence[str]) -> None:
        if await self._begin("delete", collection):
            await self._index.delete(collection, point_ids)

    async def replace(self, collection: str, points: AsyncIterator[Sequence[SealedPoint]]) -> None:
        async def begun() -> AsyncIterator[Sequence[SealedPoint]]:
            first = True
            async for some in points:
                yield some
                if first:
                    await self._begin("page of replace", collection)
                    first = False

        if await self._begin("replace", collection):
            await self._index.replace(collection, begun())
        else:
            async for _ in points:
                pass

    async def drop(self, collection: str) -> None:
        if await self._begin("drop", collection):
            await self._index.drop(collection)

    async def search(self, query: SealedQuery, *, limit: int) -> Candidates:
        await self._begin("search", query.collection)
        return await self._index.search(query, limit=limit)

    async def exists(self, collection: str) -> bool:
        await self._begin("exists", collection)
        return await self._index.exists(collection)

    async def point_ids(self, collection: str) -> frozenset[str]:
        await self._begin("point_ids", collection)
        return await self._index.point_ids(collection)

    async def points_of(self, collection: str, document: str) -> frozenset[str]:
        await self._begin("points_of", collection)
        return await self._index.points_of(collection, document)

    async def read(self, collection: str, point_ids: Sequence[str]) -> Mapping[str, SealedPoint]:
        await self._begin("read", collection)
        return await self._index.read(collection, point_ids)

    async def collections(self) -> frozenset[str]:
        return await self._index.collections()

    async def maintain(self) -> None:
        await self._index.maintain()

    async def ready(self) -> None:
        await self._index.ready()

    async def close(self) -> None:
        await self._index.close()
