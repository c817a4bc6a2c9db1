"""A ``ChunkIndex`` on Qdrant Edge: the engine of Qdrant in this process, a shard (a folder) a collection.

The folder holds rotated vectors, keyed term ids and keyed tokens, and nothing that can be read. Whoever constructs
this adapter holds the lock on its root folder: two processes never share one.

What a shard deletes stays in its segments until ``maintain`` finds much of it, and in its write-ahead log; erasure
must rewrite both (``drop`` and ``replace`` do, for a whole collection).
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from rag_service.adapters.edge_folders import ShardFolders, is_collection
from rag_service.adapters.edge_requests import as_hits, dense_branch, document_filter, lexical_branch
from rag_service.adapters.edge_shards import OpenShards
from rag_service.adapters.edge_thread import EngineThread
from rag_service.adapters.edge_upkeep import Upkeep
from rag_service.domain.errors import IndexUnavailable
from rag_service.domain.retrieval import Candidates

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from rag_service.adapters.edge_shards import Shard
    from rag_service.domain.retrieval import SealedPoint, SealedQuery

BATCH = 128
"""Points an engine call. The engine holds the interpreter's lock for about 20 ms a batch, and searches wait."""
_T = TypeVar("_T")


class QdrantEdgeIndex:
    """``ports.ChunkIndex`` over shards under ``root``; at most ``max_open`` of them are open at a time.

    ``maintain`` closes what was not used for ``idle_s`` seconds, and optimizes what has ``optimize_after`` points in
    no graph, or ``vacuum_after`` dead ones where that is a large share. An open shard of few points holds 16 MiB.
    """

    def __init__(
        self,
        root: Path,
        *,
        max_open: int = 32,
        search_threads: int = 2,
        optimize_after: int = 20_000,
        vacuum_after: int = 1_000,
        idle_s: float = 300.0,
    ) -> None:
        self._folders = ShardFolders(root)
        self._shards = OpenShards(self._folders, max_open=max_open, search_threads=search_threads)
        self._thread = EngineThread(first=self._folders.recover)
        self._upkeep = Upkeep(
            self._thread,
            self._folders,
            self._shards,
            optimize_after=optimize_after,
            vacuum_after=vacuum_after,
            idle_s=idle_s,
        )

    async def upsert(self, collection: str, points: Sequence[SealedPoint]) -> None:
        """The points are in the write-ahead log, and visible. They survive the death of this process.

        Raises:
            IndexUnavailable: the engine failed. Earlier batches may be in; repeating the call is safe.
        """
        for batch in self._batches(points):
            await self._upkeep.writable(collection)
            await self._call("upsert", collection, partial(self._shards.write, points=batch))

    async def delete(self, collection: str, point_ids: Sequence[str]) -> None:
        """The points are found no more. Unknown ones are no error."""
        await self._upkeep.writable(collection)
        await self._call("delete", collection, partial(self._shards.delete, point_ids=point_ids))

    async def search(self, query: SealedQuery, *, limit: int) -> Candidates:
        """Both branches, each under the access list and the filters, in one engine call."""
        return await self._call("search", query.collection, partial(self._search, query, limit))

    async def exists(self, collection: str) -> bool:
        """Whether the collection has a folder."""
        return await self._call("exists", collection, lambda name: self._folders.of(name).exists())

    async def point_ids(self, collection: str) -> frozenset[str]:
        """Every point of the collection."""
        return await self._call("point_ids", collection, self._point_ids)

    async def points_of(self, collection: str, document: str) -> frozenset[str]:
        """The points that carry this document token."""
        return await self._call("points_of", collection, partial(self._point_ids, carrying=document))

    async def read(self, collection: str, point_ids: Sequence[str]) -> Mapping[str, SealedPoint]:
        """The points as they are stored (terms in ascending order); unknown ones are left out."""
        return await self._call("read", collection, partial(self._read, point_ids))

    async def replace(self, collection: str, points: AsyncIterator[Sequence[SealedPoint]]) -> None:
        """The collection holds exactly these points: a shard made beside takes the place of the old one.

        Where there are none, it is gone: of what dimension the next points are, they say themselves.
        """
        folder = await self._call("replace", collection, self._folders.new)
        beside: Shard | None = None
        try:
            try:
                async for some in points:
                    for batch in self._batches(some):
                        if beside is None:
                            made = partial(self._shards.make, folder, len(batch[0].vector))
                            beside = await self._thread.run("replace", made)
                        await self._thread.run("replace", partial(beside.write, batch))
            finally:
                if beside is not None:
                    await self._thread.run("replace", beside.close)
            if beside is None:
                await self.drop(collection)
            else:
                await self._call("replace", collection, partial(self._take_place, folder))
        finally:
            with suppress(IndexUnavailable):  # it was closed meanwhile: the next to open it clears up
                await self._thread.run("replace", partial(self._folders.discard, folder))

    async def collections(self) -> frozenset[str]:
        """Every collection that has a folder."""
        return await self._thread.run("collections", self._folders.names)

    async def maintain(self) -> None:
        """Idle shards are closed, and graphs that are due are built; writes wait for moments only.

        May be called while another call goes on, which then has the graphs to itself, and may be cancelled.
        """
        await self._upkeep.run()

    async def drop(self, collection: str) -> None:
        """The collection's folder is gone, its log included."""
        await self._call("drop", collection, self._shards.remove)

    async def ready(self) -> None:
        """The engine's thread answers. Raises ``IndexUnavailable`` once it is closed."""
        await self.collections()

    async def close(self) -> None:
        """Every shard is flushed and closed; any later call raises ``IndexUnavailable``."""
        self._upkeep.stop()
        await self._thread.close(self._shards.close_all)

    def _batches(self, points: Sequence[SealedPoint]) -> list[Sequence[SealedPoint]]:
        return [points[start : start + BATCH] for start in range(0, len(points), BATCH)]

    async def _call(self, operation: str, collection: str, work: Callable[[str], _T]) -> _T:
        if not is_collection(collection):
            raise ValueError("a collection is named by 8 to 64 lower-case hex digits")
        return await self._thread.run(operation, partial(work, collection))

    def _search(self, query: SealedQuery, limit: int, collection: str) -> Candidates:
        import qdrant_edge

        shard = self._shards.find(collection)
        if shard is None or not query.access:
            return Candidates((), ())
        branches = [dense_branch(query, limit)]
        if query.term_ids:
            branches.append(lexical_branch(query, limit))
        dense, *lexical = shard.engine.query_batch(qdrant_edge.QueryBatchRequest(branches))
        return Candidates(as_hits(dense), as_hits(lexical[0]) if lexical else ())

    def _point_ids(self, collection: str, carrying: str | None = None) -> frozenset[str]:
        """The ids of all points, or of those that carry a document token."""
        import qdrant_edge

        narrowed = None if carrying is None else document_filter(carrying)
        shard = self._shards.find(collection)
        found: set[str] = set()
        offset = None
        while shard is not None:
            page, offset = shard.engine.scroll(
                qdrant_edge.ScrollRequest(
                    offset=offset, limit=4096, filter=narrowed, with_payload=False, with_vector=False
                )
            )
            found.update(str(record.id) for record in page)
            if offset is None:
                break
        return frozenset(found)

    def _read(self, point_ids: Sequence[str], collection: str) -> dict[str, SealedPoint]:
        shard = self._shards.find(collection)
        if shard is None:
            return {}
        return {point.point_id: point for point in shard.read(point_ids)}

    def _take_place(self, folder: Path, collection: str) -> None:
        if before := self._shards.take_place(folder, collection):
            self._folders.discard(before)
