"""Open shards of Qdrant Edge, by collection. Everything here blocks, and is called from one thread."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING
from uuid import UUID

from rag_service.adapters.edge_requests import ACCESS, DENSE, DOCUMENT, LEXICAL, SOURCE, as_stored
from rag_service.domain.errors import IndexUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import qdrant_edge

    from rag_service.adapters.edge_folders import ShardFolders
    from rag_service.domain.retrieval import SealedPoint

FLUSH_EVERY = 2048
"""Points between flushes (0.1 s each), which bounds what is read again from the log after a crash."""


class Shard:
    """One open shard. What ``write`` and ``delete`` return from is in its log, and survives this process."""

    def __init__(self, engine: qdrant_edge.EdgeShard) -> None:
        self.engine = engine
        self._unflushed = 0

    def write(self, points: Sequence[SealedPoint]) -> None:
        """The points replace those of the same ids."""
        import qdrant_edge

        self.engine.update(qdrant_edge.UpdateOperation.upsert_points([as_stored(point) for point in points]))
        self._unflushed += len(points)
        if self._unflushed >= FLUSH_EVERY:
            self.flush()

    def delete(self, point_ids: Sequence[str]) -> None:
        """The points are gone; unknown ones are no error."""
        import qdrant_edge

        if point_ids:
            self.engine.update(qdrant_edge.UpdateOperation.delete_points([UUID(one) for one in point_ids]))

    def flush(self) -> None:
        """Everything is in the segments, and the log need not be read again."""
        self.engine.flush()
        self._unflushed = 0

    def close(self) -> None:
        """Everything is flushed and released."""
        self.flush()
        self.engine.close()


class OpenShards:
    """At most ``max_open`` shards, those that were not used for longest closed first."""

    def __init__(self, folders: ShardFolders, *, dimension: int, max_open: int, search_threads: int) -> None:
        self._folders = folders
        self._dimension = dimension
        self._max_open = max_open
        self._search_threads = search_threads
        self._open: OrderedDict[str, Shard] = OrderedDict()

    def find(self, collection: str) -> Shard | None:
        """The collection's shard, opened if need be; None where nothing was ever written."""
        if collection in self._open:
            self._open.move_to_end(collection)
            return self._open[collection]
        return self._admit(collection) if self._folders.of(collection).exists() else None

    def find_or_make(self, collection: str) -> Shard:
        """The collection's shard; a new one is made aside, so that a crash leaves no half of one in its place."""
        found = self.find(collection)
        if found is None:
            made = self._folders.new(collection)
            self.make(made).close()
            self._folders.take_place(made, collection)
            found = self._admit(collection)
        return found

    def make(self, folder: Path) -> Shard:
        """A new shard in an empty folder. What is filtered by is indexed before anything is loaded."""
        import qdrant_edge

        engine = qdrant_edge.EdgeShard.create(str(folder), self._configuration())
        for field in (ACCESS, DOCUMENT, SOURCE):
            engine.update(qdrant_edge.UpdateOperation.create_field_index(field, qdrant_edge.PayloadSchemaType.Keyword))
        return Shard(engine)

    def load(self, folder: Path) -> Shard:
        """The shard of a folder, which is seen to be whole."""
        import qdrant_edge

        # The engine takes a folder without segments for a new shard, and would answer that nothing was ever found.
        if not any(folder.glob("segments/*/segment.json")):
            raise IndexUnavailable("a collection has lost its files and must be rebuilt")
        engine = qdrant_edge.EdgeShard.load(str(folder), self._configuration())
        # Likewise it makes a lost vector storage anew, empty. Every point of ours has both vectors.
        complete = qdrant_edge.Filter(must=[qdrant_edge.HasVectorCondition(name) for name in (DENSE, LEXICAL)])
        if engine.count(qdrant_edge.CountRequest(filter=complete)) != engine.info().points_count:
            engine.close()
            raise IndexUnavailable("a collection has lost its vectors and must be rebuilt")
        return Shard(engine)

    def close(self, collection: str) -> None:
        """The collection is not open."""
        if collection in self._open:
            self._open.pop(collection).close()

    def close_all(self) -> None:
        for collection in list(self._open):
            self.close(collection)

    def _admit(self, collection: str) -> Shard:
        while len(self._open) >= self._max_open:
            self.close(next(iter(self._open)))
        self._open[collection] = self.load(self._folders.of(collection))
        return self._open[collection]

    def _configuration(self) -> qdrant_edge.EdgeConfig:
        """Dot product, which is the cosine of unit vectors; IDF at query time; writes are logged first."""
        import qdrant_edge

        return qdrant_edge.EdgeConfig(
            vectors={DENSE: qdrant_edge.EdgeVectorParams(size=self._dimension, distance=qdrant_edge.Distance.Dot)},
            sparse_vectors={LEXICAL: qdrant_edge.EdgeSparseVectorParams(modifier=qdrant_edge.Modifier.Idf)},
            max_search_threads=self._search_threads,
            wal_enabled=True,
        )
