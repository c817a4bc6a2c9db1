"""The shipped indexes keep the contract, and agree with each other."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import pytest

from rag_service.adapters.memory_index import MemoryIndex
from rag_service.adapters.qdrant_edge import QdrantEdgeIndex
from rag_service.domain.retrieval import SealedPoint, SealedQuery
from tests.contracts.chunk_index import COLLECTION, ChunkIndexContract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rag_service.domain.document import Vector
    from rag_service.domain.retrieval import Hit


class TestMemoryIndex(ChunkIndexContract):
    @pytest.fixture
    def index(self) -> MemoryIndex:
        return MemoryIndex()


class TestQdrantEdgeIndex(ChunkIndexContract):
    @pytest.fixture
    def index(self, tmp_path: Path) -> Iterator[QdrantEdgeIndex]:
        index = QdrantEdgeIndex(tmp_path / "index")
        yield index
        asyncio.run(index.close())


DIMENSION = 16
SIZE = 400


def random_unit(rng: np.random.Generator) -> Vector:
    vector = rng.normal(size=DIMENSION).astype(np.float32)
    return vector / np.linalg.norm(vector)


def random_point(rng: np.random.Generator, number: int) -> SealedPoint:
    terms = np.unique(np.minimum(rng.zipf(1.4, size=30), 2000)).tolist()
    return SealedPoint(
        point_id=str(UUID(int=number)),
        vector=random_unit(rng),
        term_ids=terms,
        term_weights=rng.uniform(0.3, 2.2, len(terms)).tolist(),
        access=[f"t{token}" for token in rng.choice(8, size=2, replace=False)],
        document=f"d{number // 10}",
        source=f"s{number % 3}",
    )


def random_query(rng: np.random.Generator) -> SealedQuery:
    terms = np.unique(np.minimum(rng.zipf(1.4, size=8), 2000)).tolist()
    return SealedQuery(
        collection=COLLECTION,
        vector=random_unit(rng),
        term_ids=terms,
        term_weights=[1.0] * len(terms),
        access=frozenset(f"t{token}" for token in rng.choice(8, size=2, replace=False)),
        documents=frozenset(f"d{n}" for n in range(30)) if rng.random() < 0.3 else None,
        sources=frozenset({"s1"}) if rng.random() < 0.3 else None,
    )


def assert_same(expected: tuple[Hit, ...], found: tuple[Hit, ...]) -> None:
    assert [hit.point_id for hit in found] == [hit.point_id for hit in expected]
    assert [hit.score for hit in found] == pytest.approx([hit.score for hit in expected], abs=1e-4)


def test_edge_agrees_with_brute_force_through_changes_deletions_and_reopening(tmp_path: Path) -> None:
    rng = np.random.default_rng(20)
    memory, edge = MemoryIndex(), QdrantEdgeIndex(tmp_path)

    async def compare(edge: QdrantEdgeIndex) -> None:
        for _ in range(25):
            query = random_query(rng)
            expected, found = await memory.search(query, limit=50), await edge.search(query, limit=50)
            assert_same(expected.dense, found.dense)
            assert_same(expected.lexical, found.lexical)

    async def journey() -> None:
        points = [random_point(rng, number) for number in range(SIZE)]
        changed = [replace(random_point(rng, number), access=["t0", "t7"]) for number in range(0, SIZE, 7)]
        gone = [str(UUID(int=number)) for number in range(0, SIZE, 3)]
        for index in (memory, edge):
            await index.upsert(COLLECTION, points)
        await compare(edge)
        for index in (memory, edge):
            await index.upsert(COLLECTION, changed)
            await index.delete(COLLECTION, gone)
        await compare(edge)
        await edge.close()
        reopened = QdrantEdgeIndex(tmp_path)
        await compare(reopened)
        assert await reopened.point_ids(COLLECTION) == await memory.point_ids(COLLECTION)
        await reopened.close()

    asyncio.run(journey())
