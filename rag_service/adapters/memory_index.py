"""A ``ChunkIndex`` in memory: exact, small, and the yardstick that other indexes are compared with."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

from rag_service.domain.retrieval import Candidates, Hit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from rag_service.domain.retrieval import SealedPoint, SealedQuery


class MemoryIndex:
    """``ports.ChunkIndex`` by brute force. Nothing outlives the process."""

    def __init__(self) -> None:
        self._collections: dict[str, dict[str, SealedPoint]] = {}

    async def upsert(self, collection: str, points: Sequence[SealedPoint]) -> None:
        """The points replace those of the same ids."""
        self._collections.setdefault(collection, {}).update({point.point_id: point for point in points})

    async def delete(self, collection: str, point_ids: Sequence[str]) -> None:
        """The points are gone; unknown ones are no error."""
        stored = self._collections.get(collection, {})
        for point_id in point_ids:
            stored.pop(point_id, None)

    async def exists(self, collection: str) -> bool:
        """Whether the collection was written in this process."""
        return collection in self._collections

    async def search(self, query: SealedQuery, *, limit: int) -> Candidates:
        """Every readable point is scored in both branches; equal scores stand in the order of their ids."""
        readable = [
            point
            for point in self._collections.get(query.collection, {}).values()
            if not query.access.isdisjoint(point.access)
        ]
        wanted = [
            point
            for point in readable
            if (query.documents is None or point.document in query.documents)
            and (query.sources is None or point.source in query.sources)
        ]
        return Candidates(dense=_by_cosine(query, wanted, limit), lexical=_by_bm25(query, wanted, readable, limit))

    async def point_ids(self, collection: str) -> frozenset[str]:
        """Every point of the collection."""
        return frozenset(self._collections.get(collection, {}))

    async def points_of(self, collection: str, document: str) -> frozenset[str]:
        """The points that carry this document token."""
        stored = self._collections.get(collection, {}).values()
        return frozenset(point.point_id for point in stored if point.document == document)

    async def read(self, collection: str, point_ids: Sequence[str]) -> Mapping[str, SealedPoint]:
        """The points as they were given; unknown ones are left out."""
        stored = self._collections.get(collection, {})
        return {point_id: stored[point_id] for point_id in point_ids if point_id in stored}

    async def replace(self, collection: str, points: AsyncIterator[Sequence[SealedPoint]]) -> None:
        """The collection holds exactly these points, and is gone where there are none."""
        made = {point.point_id: point async for some in points for point in some}
        self._collections.pop(collection, None)
        if made:
            self._collections[collection] = made

    async def collections(self) -> frozenset[str]:
        """Every collection that was written in this process."""
        return frozenset(self._collections)

    async def maintain(self) -> None:
        """Nothing needs upkeep."""

    async def drop(self, collection: str) -> None:
        """The collection is gone."""
        self._collections.pop(collection, None)

    async def ready(self) -> None:
        """It always is."""

    async def close(self) -> None:
        """Nothing needs to be released."""


def _by_cosine(query: SealedQuery, points: Sequence[SealedPoint], limit: int) -> tuple[Hit, ...]:
    """Cosine similarity; the vectors are of unit length."""
    import numpy as np

    if not points:
        return ()
    scores = np.stack([point.vector for point in points]) @ np.asarray(query.vector)
    return _best({point.point_id: float(score) for point, score in zip(points, scores, strict=True)}, limit)


def _by_bm25(
    query: SealedQuery, points: Sequence[SealedPoint], readable: Sequence[SealedPoint], limit: int
) -> tuple[Hit, ...]:
    """The points that share a term, with the IDF ``ln(1 + (N - n + 0.5) / (n + 0.5))`` of the readable points.

    Filters do not change the IDF: the weight of a word follows from what the asker may read, not from what they
    happen to look at.
    """
    asked: dict[int, float] = defaultdict(float)
    for term, weight in zip(query.term_ids, query.term_weights, strict=True):
        asked[term] += weight
    holders = {term: sum(term in point.term_ids for point in readable) for term in asked}
    weights = {
        term: asked[term] * math.log(1 + (len(readable) - held + 0.5) / (held + 0.5)) for term, held in holders.items()
    }
    scores = {
        point.point_id: _overlap(weights, point) for point in points if not asked.keys().isdisjoint(point.term_ids)
    }
    return _best(scores, limit)


def _overlap(weights: Mapping[int, float], point: SealedPoint) -> float:
    terms = zip(point.term_ids, point.term_weights, strict=True)
    return sum(weights[term] * frequency for term, frequency in terms if term in weights)


def _best(scores: Mapping[str, float], limit: int) -> tuple[Hit, ...]:
    ranked = sorted(scores.items(), key=lambda scored: (-scored[1], scored[0]))
    return tuple(Hit(point_id, score) for point_id, score in ranked[:limit])
