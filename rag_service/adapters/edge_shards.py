"""Open shards of Qdrant Edge, by collection. Everything here blocks, and is called from one thread."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from rag_service.adapters.edge_configuration import serving
from rag_service.adapters.edge_files import stored_dimension
from rag_service.adapters.edge_requests import ACCESS, DENSE, DOCUMENT, LEXICAL, SOURCE, as_sealed, as_stored
from rag_service.domain.errors import IndexUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import qdrant_edge

    from rag_service.adapters.edge_folders import ShardFolders
    from rag_service.domain.retrieval import SealedPoint

FLUSH_EVERY = 2048
"""Points between flushes (0.1 s each), which bounds what is read again from the log after a crash."""


class Shard:
    """One open shard. What ``write`` and ``delete`` return from is in its log, and survives this process."""

    def __init__(self, engine: qdrant_edge.EdgeShard, dimension: int) -> None:
        self.engine = engine
        self.dimension = dimension
        self.used_at = time.monotonic()
        self._unflushed = 0

    def write(self, points: Sequence[SealedPoint]) -> None:
        """The points replace those of the same ids. Vectors of another dimension are refused."""
        import qdrant_edge

        if any(len(point.vector) != self.dimension for point in points):
            raise IndexUnavailable(f"vectors of this collection have {self.dimension} dimensions")
        if points:
            self.engine.update(qdrant_edge.UpdateOperation.upsert_points([as_stored(point) for point in points]))
            self._count(len(points))

    def delete(self, point_ids: Sequence[str]) -> None:
        """The points are gone; unknown ones are no error."""
        import qdrant_edge

        if point_ids:
            self.engine.update(qdrant_edge.UpdateOperation.delete_points([UUID(one) for one in point_ids]))
            self._count(len(point_ids))

    def read(self, point_ids: Iterable[str]) -> list[SealedPoint]:
        """The points as they are stored; unknown ones are left out."""
        found = self.engine.retrieve([UUID(one) for one in point_ids], with_payload=True, with_vector=True)
        return [as_sealed(record) for record in found]

    def count(self) -> int:
        """How many points there are."""
        import qdrant_edge

        return self.engine.count(qdrant_edge.CountRequest())

    def flush(self) -> None:
        """Everything is in the segments, and the log need not be read again."""
        if self._unflushed:
            self.engine.flush()
            self._unflushed = 0

    def close(self) -> None:
        """Everything is flushed and released."""
        self.flush()
        self.engine.close()

    def _count(self, written: int) -> None:
        self._unflushed += written
        if self._unflushed >= FLUSH_EVERY:
            self.flush()


@dataclass(slots=True)
class Journal:
    """The ids under which a collection changed since its files were copied. It ends with the collection's folder."""

    collection: str
    touched: set[str] = field(default_factory=set)
    is_void: bool = False


class OpenShards:
    """At most ``max_open`` shards, those that were not used for longest closed first."""

    def __init__(self, folders: ShardFolders, *, max_open: int, search_threads: int) -> None:
        self._folders = folders
        self._max_open = max_open
        self._search_threads = search_threads
        self._open: OrderedDict[str, Shard] = OrderedDict()
        self._journals: dict[str, Journal] = {}

    def write(self, collection: str, points: Sequence[SealedPoint]) -> None:
        """The points are in the collection, which is made for vectors such as theirs if need be."""
        if not points:
            return
        shard = self._find_or_make(collection, len(points[0].vector))
        self._folders.require_room()
        self._note(collection, (point.point_id for point in points))
        shard.write(points)

    def delete(self, collection: str, point_ids: Sequence[str]) -> None:
        """The points are gone; unknown ones are no error."""
        if shard := self.find(collection):
            self._note(collection, (str(UUID(one)) for one in point_ids))
            shard.delete(point_ids)

    def find(self, collection: str) -> Shard | None:
        """The collection's shard, opened if need be; None where nothing was ever written."""
        if collection in self._open:
            self._open.move_to_end(collection)
            self._open[collection].used_at = time.monotonic()
            return self._open[collection]
        return self._admit(collection) if self._folders.of(collection).exists() else None

    def make(self, folder: Path, dimension: int) -> Shard:
        """A new shard in an empty folder for such vectors. What is filtered by is indexed before anything is loaded."""
        import qdrant_edge

        engine = qdrant_edge.EdgeShard.create(str(folder), serving(dimension, self._search_threads))
        for token in (ACCESS, DOCUMENT, SOURCE):
            engine.update(qdrant_edge.UpdateOperation.create_field_index(token, qdrant_edge.PayloadSchemaType.Keyword))
        engine.flush()
        return Shard(engine, dimension)

    def load(self, folder: Path) -> Shard:
        """The shard of a folder, which is seen to be whole."""
        import qdrant_edge

        # The engine takes a folder without segments for a new shard, and would answer that nothing was ever found.
        dimension = stored_dimension(folder)
        engine = qdrant_edge.EdgeShard.load(str(folder), serving(dimension, self._search_threads))
        # Likewise it makes a lost vector storage anew, empty. Every point of ours has both vectors.
        complete = qdrant_edge.Filter(must=[qdrant_edge.HasVectorCondition(name) for name in (DENSE, LEXICAL)])
        if engine.count(qdrant_edge.CountRequest(filter=complete)) != engine.info().points_count:
            engine.close()
            raise IndexUnavailable("a collection has lost its vectors and must be rebuilt")
        return Shard(engine, dimension)

    def names(self) -> list[str]:
        """The collections that are open."""
        return list(self._open)

    def flushed_count(self, collection: str) -> int | None:
        """How many points there are, after a flush; None where the collection is not open."""
        shard = self._open.get(collection)
        if shard is None:
            return None
        shard.flush()
        return shard.count()

    def begin_journal(self, collection: str) -> Journal:
        """The collection's files are complete without its log; what changes from now on is noted."""
        shard = self.find(collection)
        if shard is None:
            raise IndexUnavailable("a collection is gone")
        shard.engine.flush()  # also of what was read from the log when it was opened
        self._journals[collection] = Journal(collection)
        return self._journals[collection]

    def carry_over(self, journal: Journal, target: Shard, limit: int) -> bool:
        """``limit`` of the points that changed are in ``target`` as they are now. Returns whether there are more."""
        source = self._journaled(journal)
        some = [journal.touched.pop() for _ in range(min(limit, len(journal.touched)))]
        points = source.read(some)
        target.write(points)
        target.delete(sorted(set(some) - {point.point_id for point in points}))
        return bool(journal.touched)

    def compare(self, journal: Journal, target: Shard) -> None:
        """Raises where ``target`` holds more points than the collection, or fewer."""
        if journal.touched or target.count() != self._journaled(journal).count():
            raise IndexUnavailable("an optimized copy does not hold what the collection holds")

    def take_place_after(self, journal: Journal, made: Path) -> Path | None:
        """``made`` is the collection, unless it changed in between."""
        self._journaled(journal)
        if journal.touched:
            raise IndexUnavailable("a collection was written to while its copy took its place")
        before = self.take_place(made, journal.collection)
        self.find(journal.collection)
        return before

    def take_place(self, made: Path, collection: str) -> Path | None:
        """``made`` is the collection. Returns what is left of the folder before it."""
        self.forget(collection)
        self.close(collection)
        return self._folders.take_place(made, collection)

    def remove(self, collection: str) -> None:
        """The collection's folder is gone."""
        self.forget(collection)
        self.close(collection)
        self._folders.remove(collection)

    def forget(self, collection: str) -> None:
        """Nothing is noted any more."""
        if journal := self._journals.pop(collection, None):
            journal.is_void = True

    def close_idle(self, idle_s: float) -> bool:
        """One shard that was not used for so long is closed. Returns whether there was one."""
        for collection, shard in self._open.items():
            if time.monotonic() - shard.used_at >= idle_s:
                self.close(collection)
                return True
        return False

    def close(self, collection: str) -> None:
        """The collection is not open."""
        if collection in self._open:
            self._open.pop(collection).close()

    def close_all(self) -> None:
        for collection in list(self._open):
            self.close(collection)

    def _find_or_make(self, collection: str, dimension: int) -> Shard:
        """The collection's shard; a new one is made aside, so that a crash leaves no half of one in its place."""
        found = self.find(collection)
        if found is None:
            made = self._folders.new(collection)
            self.make(made, dimension).close()
            self._folders.take_place(made, collection)
            found = self._admit(collection)
        return found

    def _journaled(self, journal: Journal) -> Shard:
        shard = None if journal.is_void else self.find(journal.collection)
        if shard is None:
            raise IndexUnavailable("a collection was replaced or dropped")
        return shard

    def _note(self, collection: str, point_ids: Iterable[str]) -> None:
        """Before they change: of what fails halfway, too, it is carried over what is there."""
        if journal := self._journals.get(collection):
            journal.touched.update(point_ids)

    def _admit(self, collection: str) -> Shard:
        while len(self._open) >= self._max_open:
            self.close(next(iter(self._open)))
        self._folders.require_room()
        self._open[collection] = self.load(self._folders.of(collection))
        return self._open[collection]
