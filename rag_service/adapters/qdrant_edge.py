"""A ``ChunkIndex`` on Qdrant Edge: the engine of Qdrant in this process, a shard (a folder) a collection.

The folder holds rotated vectors, keyed term ids and keyed tokens, and nothing that can be read. Whoever constructs
this adapter holds the lock on its root folder: two processes never share one.

What a shard deletes stays in its segments and its write-ahead log until those are rewritten; erasure must rewrite
them (``drop`` does, for a whole collection).
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections import OrderedDict, defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from rag_service.adapters.edge_requests import (
    ACCESS,
    DENSE,
    DOCUMENT,
    LEXICAL,
    SOURCE,
    as_hits,
    as_stored,
    dense_branch,
    lexical_branch,
)
from rag_service.domain.errors import IndexUnavailable
from rag_service.domain.retrieval import Candidates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import qdrant_edge

    from rag_service.domain.retrieval import SealedPoint, SealedQuery

BATCH = 128
"""Points an engine call. The engine holds the interpreter's lock for about 20 ms a batch, and searches wait."""
FLUSH_EVERY = 2048
"""Points between flushes (0.1 s each), which bounds what is read again from the log after a crash."""
_COLLECTION = re.compile(r"[0-9a-f]{8,64}")
_T = TypeVar("_T")


class QdrantEdgeIndex:
    """``ports.ChunkIndex`` over shards under ``root``; at most ``max_open`` of them are open at a time.

    The engine holds the interpreter's lock during each call, so more threads would gain nothing: one thread makes
    all calls, in order, and the event loop stays free between them.
    """

    def __init__(self, root: Path, *, dimension: int, max_open: int = 32, search_threads: int = 2) -> None:
        self._root = root
        self._dimension = dimension
        self._max_open = max_open
        self._search_threads = search_threads
        self._open: OrderedDict[str, qdrant_edge.EdgeShard] = OrderedDict()
        self._unflushed: dict[str, int] = defaultdict(int)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="index")
        self._closed = False

    async def upsert(self, collection: str, points: Sequence[SealedPoint]) -> None:
        """The points are in the write-ahead log, and visible. They survive the death of this process.

        Raises:
            IndexUnavailable: the engine failed. Earlier batches may be in; repeating the call is safe.
        """
        if any(len(point.vector) != self._dimension for point in points):
            raise ValueError(f"vectors of this index have {self._dimension} dimensions")
        for start in range(0, len(points), BATCH):
            await self._call("upsert", collection, partial(self._upsert, points[start : start + BATCH]))

    async def delete(self, collection: str, point_ids: Sequence[str]) -> None:
        """The points are found no more. Unknown ones are no error."""
        await self._call("delete", collection, partial(self._delete, point_ids))

    async def search(self, query: SealedQuery, *, limit: int) -> Candidates:
        """Both branches, each under the access list and the filters, in one engine call."""
        return await self._call("search", query.collection, partial(self._search, query, limit))

    async def exists(self, collection: str) -> bool:
        """Whether the collection has a folder."""
        return await self._call("exists", collection, lambda name: (self._root / name).exists())

    async def point_ids(self, collection: str) -> frozenset[str]:
        """Every point of the collection."""
        return await self._call("point_ids", collection, self._point_ids)

    async def drop(self, collection: str) -> None:
        """The collection's folder is gone, its log included."""
        await self._call("drop", collection, self._drop)

    async def close(self) -> None:
        """Every shard is flushed and closed; any later call raises ``IndexUnavailable``."""
        if not self._closed:
            await self._run("close", self._close_all)
            self._closed = True
            self._thread.shutdown()

    async def _call(self, operation: str, collection: str, work: Callable[[str], _T]) -> _T:
        if not _COLLECTION.fullmatch(collection):
            raise ValueError("a collection is named by 8 to 64 lower-case hex digits")
        return await self._run(operation, partial(work, collection))

    async def _run(self, operation: str, work: Callable[[], _T]) -> _T:
        if self._closed:
            raise IndexUnavailable("it was closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except IndexUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  # the engine raises bare Exception
            # Its messages may quote ids and paths: only the kind of failure goes on.
            raise IndexUnavailable(f"{operation} failed in the engine ({type(error).__name__})") from None
        except BaseException as error:
            if type(error).__module__ != "pyo3_runtime":  # a panic of the engine is no Exception
                raise
            raise IndexUnavailable(f"{operation} ended in a panic of the engine") from None

    def _upsert(self, points: Sequence[SealedPoint], collection: str) -> None:
        import qdrant_edge

        shard = self._shard(collection) or self._create(collection)
        shard.update(qdrant_edge.UpdateOperation.upsert_points([as_stored(point) for point in points]))
        self._unflushed[collection] += len(points)
        if self._unflushed[collection] >= FLUSH_EVERY:
            self._flush(collection, shard)

    def _delete(self, point_ids: Sequence[str], collection: str) -> None:
        import qdrant_edge

        shard = self._shard(collection)
        if shard is not None and point_ids:
            shard.update(qdrant_edge.UpdateOperation.delete_points([UUID(point_id) for point_id in point_ids]))

    def _search(self, query: SealedQuery, limit: int, collection: str) -> Candidates:
        import qdrant_edge

        shard = self._shard(collection)
        if shard is None or not query.access:
            return Candidates((), ())
        branches = [dense_branch(query, limit)]
        if query.term_ids:
            branches.append(lexical_branch(query, limit))
        dense, *lexical = shard.query_batch(qdrant_edge.QueryBatchRequest(branches))
        return Candidates(as_hits(dense), as_hits(lexical[0]) if lexical else ())

    def _point_ids(self, collection: str) -> frozenset[str]:
        import qdrant_edge

        shard = self._shard(collection)
        found: set[str] = set()
        offset = None
        while shard is not None:
            page, offset = shard.scroll(
                qdrant_edge.ScrollRequest(offset=offset, limit=4096, with_payload=False, with_vector=False)
            )
            found.update(str(record.id) for record in page)
            if offset is None:
                break
        return frozenset(found)

    def _drop(self, collection: str) -> None:
        if collection in self._open:
            self._close(collection)
        if (self._root / collection).exists():
            shutil.rmtree(self._root / collection)

    def _shard(self, collection: str) -> qdrant_edge.EdgeShard | None:
        """The collection's shard, opened if need be; None where nothing was ever written."""
        if collection in self._open:
            self._open.move_to_end(collection)
            return self._open[collection]
        return self._load(collection) if (self._root / collection).exists() else None

    def _load(self, collection: str) -> qdrant_edge.EdgeShard:
        """The shard, open; those that were not used for longest are closed to make room."""
        import qdrant_edge

        # The engine takes a folder without segments for a new shard, and would answer that nothing was ever found.
        if not any((self._root / collection).glob("segments/*/segment.json")):
            raise IndexUnavailable("a collection has lost its files and must be rebuilt")
        while len(self._open) >= self._max_open:
            self._close(next(iter(self._open)))
        shard = qdrant_edge.EdgeShard.load(str(self._root / collection), self._configuration())
        # Likewise it makes a lost vector storage anew, empty. Every point of ours has both vectors.
        complete = qdrant_edge.Filter(must=[qdrant_edge.HasVectorCondition(name) for name in (DENSE, LEXICAL)])
        if shard.count(qdrant_edge.CountRequest(filter=complete)) != shard.info().points_count:
            shard.close()
            raise IndexUnavailable("a collection has lost its vectors and must be rebuilt")
        self._open[collection] = shard
        return shard

    def _create(self, collection: str) -> qdrant_edge.EdgeShard:
        """A new shard, made aside and renamed, so that a crash leaves no half of one in its place."""
        import qdrant_edge

        aside = self._root / f".new-{collection}"
        if aside.exists():
            shutil.rmtree(aside)
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside.mkdir(mode=0o700)
        shard = qdrant_edge.EdgeShard.create(str(aside), self._configuration())
        for field in (ACCESS, DOCUMENT, SOURCE):
            shard.update(qdrant_edge.UpdateOperation.create_field_index(field, qdrant_edge.PayloadSchemaType.Keyword))
        shard.flush()
        shard.close()
        aside.rename(self._root / collection)
        return self._load(collection)

    def _configuration(self) -> qdrant_edge.EdgeConfig:
        """Dot product, which is the cosine of unit vectors; IDF at query time; writes are logged first."""
        import qdrant_edge

        return qdrant_edge.EdgeConfig(
            vectors={DENSE: qdrant_edge.EdgeVectorParams(size=self._dimension, distance=qdrant_edge.Distance.Dot)},
            sparse_vectors={LEXICAL: qdrant_edge.EdgeSparseVectorParams(modifier=qdrant_edge.Modifier.Idf)},
            max_search_threads=self._search_threads,
            wal_enabled=True,
        )

    def _flush(self, collection: str, shard: qdrant_edge.EdgeShard) -> None:
        shard.flush()
        self._unflushed.pop(collection, None)

    def _close(self, collection: str) -> None:
        shard = self._open.pop(collection)
        self._flush(collection, shard)
        shard.close()

    def _close_all(self) -> None:
        for collection in list(self._open):
            self._close(collection)
