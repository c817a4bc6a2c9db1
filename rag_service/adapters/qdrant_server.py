"""A ``ChunkIndex`` on a Qdrant server or cluster: an alias, and the physical collection that it leads to, a collection.

The server holds rotated vectors, keyed term ids and keyed tokens, and nothing that can be read. One process at a
time writes to it for an installation: the one that holds the data folder.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from rag_service.adapters.server_collections import ServerCollections, require_applied
from rag_service.adapters.server_connection import WRITE_PATIENCE, ServerConnection
from rag_service.adapters.server_requests import CollectionLayout, as_hits, as_sealed, as_stored, document_filter
from rag_service.domain.errors import IndexUnavailable
from rag_service.domain.retrieval import Candidates

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from qdrant_client import AsyncQdrantClient, models

    from rag_service.domain.retrieval import SealedPoint, SealedQuery

BATCH = 128
"""Points a request: about a megabyte, far below what the server accepts."""
PAGE = 2048
"""Ids a request."""
_NOBODY = "0" * 8


class QdrantServerIndex:
    """``ports.ChunkIndex`` over a server. ``connection`` says where it is, ``layout`` how collections are made."""

    def __init__(self, connection: ServerConnection, layout: CollectionLayout) -> None:
        self._connection = connection
        self._layout = layout
        self._collections = ServerCollections(connection, layout)

    async def upsert(self, collection: str, points: Sequence[SealedPoint]) -> None:
        """The points are on the replicas that must acknowledge them, and visible.

        Raises:
            IndexUnavailable: a batch was not acknowledged. Earlier ones are in; repeating the call is safe.
        """
        self._layout.alias(collection)
        for batch in self._batches(points):
            if not await self._upsert(collection, batch):
                await self._collections.begin(collection, len(batch[0].vector))
                if not await self._upsert(collection, batch):
                    raise IndexUnavailable("upsert: a collection vanished while it was written")

    async def delete(self, collection: str, point_ids: Sequence[str]) -> None:
        """The points are found no more. Unknown ones are no error."""
        self._layout.alias(collection)
        for start in range(0, len(point_ids), PAGE):
            erase = partial(_erase, point_ids[start : start + PAGE])
            await self._collections.found("delete", collection, erase, patience=WRITE_PATIENCE)

    async def search(self, query: SealedQuery, *, limit: int) -> Candidates:
        """Both branches, each under the access list and the filters, in one request."""
        self._layout.alias(query.collection)
        if not query.access:
            return Candidates((), ())
        answers = await self._collections.found("search", query.collection, partial(self._ask, query, limit))
        if answers is None:
            return Candidates((), ())
        dense, *lexical = (as_hits(answer, limit) for answer in answers)
        return Candidates(dense, lexical[0] if lexical else ())

    async def exists(self, collection: str) -> bool:
        """Whether the collection's alias leads to a physical one."""
        return await self._collections.is_there(collection)

    async def point_ids(self, collection: str) -> frozenset[str]:
        """Every point of the collection."""
        return await self._ids(collection, None)

    async def points_of(self, collection: str, document: str) -> frozenset[str]:
        """The points that carry this document token."""
        return await self._ids(collection, document)

    async def read(self, collection: str, point_ids: Sequence[str]) -> Mapping[str, SealedPoint]:
        """The points as they are stored (terms in ascending order); unknown ones are left out."""
        self._layout.alias(collection)
        found: dict[str, SealedPoint] = {}
        for start in range(0, len(point_ids), BATCH):
            fetch = partial(self._fetch, point_ids[start : start + BATCH])
            records = await self._collections.found("read", collection, fetch)
            found.update((point.point_id, point) for point in map(as_sealed, records or ()))
        return found

    async def replace(self, collection: str, points: AsyncIterator[Sequence[SealedPoint]]) -> None:
        """The collection holds exactly these points: its other side is built, and the alias moved to it at once.

        Where there are none, it is gone: of what dimension the next points are, they say themselves.
        """
        async with self._collections.building(collection):
            live = await self._collections.live_side(collection)
            beside = next(side for side in self._layout.sides(collection) if side != live)
            is_made = False
            try:
                async for some in points:
                    for batch in self._batches(some):
                        if not is_made:
                            await self._collections.make(beside, len(batch[0].vector))
                            is_made = True
                        await self._collections.write(beside, partial(_write, batch))
            except BaseException:
                with suppress(IndexUnavailable):  # upkeep finds it again
                    await self._collections.remove(beside)
                raise
            if not is_made:
                await self._collections.empty(collection)
                return
            # Whether a move that failed took place is not known: both sides stay, and upkeep removes the idle one.
            await self._collections.lead(collection, beside)
            if live is not None:
                with suppress(IndexUnavailable):  # the collection is right already
                    await self._collections.remove(live)

    async def collections(self) -> frozenset[str]:
        """Every collection of this prefix, half-built ones included."""
        return await self._collections.names()

    async def drop(self, collection: str) -> None:
        """Both sides are gone, and the alias with the live one."""
        await self._collections.drop(collection)

    async def maintain(self) -> None:
        """What a crash or a lost answer left behind is gone. The server optimizes by itself."""
        await self._collections.tidy()

    async def ready(self) -> None:
        """The server is recent enough, answers, and takes our key. Raises ``IndexUnavailable``."""
        await self._connection.check()
        await self._collections.is_there(_NOBODY)

    async def close(self) -> None:
        """Connections are released; any later call raises ``IndexUnavailable``."""
        await self._connection.close()

    def _batches(self, points: Sequence[SealedPoint]) -> Iterator[Sequence[SealedPoint]]:
        if len({len(point.vector) for point in points}) > 1:
            raise ValueError("vectors of one collection have one dimension")
        return (points[start : start + BATCH] for start in range(0, len(points), BATCH))

    async def _upsert(self, collection: str, batch: Sequence[SealedPoint]) -> bool:
        """Whether there was a collection to write to."""
        written = await self._collections.found("upsert", collection, partial(_write, batch), patience=WRITE_PATIENCE)
        return written is not None

    async def _ask(
        self, query: SealedQuery, limit: int, client: AsyncQdrantClient, name: str
    ) -> list[models.QueryResponse]:
        branches = self._layout.branches(query, limit)
        seconds = max(1, int(self._connection.timeout_s))
        agreed = self._layout.consistency()
        answers = await client.query_batch_points(name, branches, consistency=agreed, timeout=seconds)
        if len(answers) != len(branches):
            raise IndexUnavailable("search: the server answered another number of branches than it was asked")
        return answers

    async def _fetch(self, point_ids: Sequence[str], client: AsyncQdrantClient, name: str) -> list[models.Record]:
        agreed = self._layout.consistency()
        return await client.retrieve(name, list(point_ids), with_payload=True, with_vectors=True, consistency=agreed)

    async def _ids(self, collection: str, document: str | None) -> frozenset[str]:
        """The ids of all points, or of those that carry a document token, page by page."""
        self._layout.alias(collection)
        found: set[str] = set()
        offset: Any = None
        while True:
            turned = await self._collections.found("point_ids", collection, partial(self._page, document, offset))
            if turned is None:
                return frozenset()
            page, offset = turned
            before = len(found)
            found.update(str(record.id) for record in page)
            if offset is None:
                return frozenset(found)
            if len(found) == before:
                raise IndexUnavailable("point_ids: the server gives the same page again and again")

    async def _page(
        self, document: str | None, offset: Any, client: AsyncQdrantClient, name: str
    ) -> tuple[list[models.Record], Any]:
        return await client.scroll(
            name,
            scroll_filter=None if document is None else document_filter(document),
            limit=PAGE,
            offset=offset,
            with_payload=False,
            with_vectors=False,
            consistency=self._layout.consistency(),
        )


async def _write(points: Sequence[SealedPoint], client: AsyncQdrantClient, name: str) -> bool:
    """The points are applied, after all earlier writes: a reordered one could bring back a wider access list."""
    from qdrant_client import models

    stored = [as_stored(point) for point in points]
    require_applied(await client.upsert(name, stored, wait=True, ordering=models.WriteOrdering.STRONG))
    return True


async def _erase(point_ids: Sequence[str], client: AsyncQdrantClient, name: str) -> bool:
    from qdrant_client import models

    gone = models.PointIdsList(points=list(point_ids))
    require_applied(await client.delete(name, gone, wait=True, ordering=models.WriteOrdering.STRONG))
    return True
