"""The server adapter keeps the contract over the library's own engine, over the wire, and over a real server."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from qdrant_client import AsyncQdrantClient

from rag_service.adapters.memory_index import MemoryIndex
from rag_service.adapters.qdrant_server import QdrantServerIndex
from rag_service.adapters.server_connection import ServerAddress, ServerConnection
from rag_service.adapters.server_requests import CollectionLayout
from rag_service.domain.retrieval import SealedPoint
from tests.contracts.chunk_index import COLLECTION, ChunkIndexContract, point
from tests.contracts.test_chunk_index import assert_same, random_point, random_query
from tests.doubles.one_loop import InOneLoop, OneLoop
from tests.doubles.qdrant_rest import Double

# Read at import: tests themselves see no variable of the developer's shell. The test guard lets only loopback through.
REAL_URL = os.environ.get("RAG_TEST_QDRANT_URL", "")
REAL_KEY = os.environ.get("RAG_TEST_QDRANT_API_KEY")


def needs_qdrant(test: Any) -> Any:
    """Marked, and skipped where no real server was named."""
    reason = "needs a real Qdrant server, on this machine, at RAG_TEST_QDRANT_URL"
    return pytest.mark.needs_qdrant(pytest.mark.skipif(not REAL_URL, reason=reason)(test))


def opened(url: str, *, api_key: str | None = None, **layout: Any) -> QdrantServerIndex:
    """An index on the server at ``url``."""
    address = ServerAddress(url, api_key=api_key)
    return QdrantServerIndex(ServerConnection(address.connect), CollectionLayout(**layout))


@pytest.fixture
def loop() -> Iterator[OneLoop]:
    with OneLoop() as loop:
        yield loop


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect")
class TestOverTheLibrarysOwnEngine(ChunkIndexContract):
    @pytest.fixture
    def index(self, loop: OneLoop) -> Any:
        connection = ServerConnection(lambda: AsyncQdrantClient(":memory:"))
        return InOneLoop(QdrantServerIndex(connection, CollectionLayout()), loop)


class TestOverTheWire(ChunkIndexContract):
    @pytest.fixture
    def index(self, loop: OneLoop, double: Double) -> Iterator[Any]:
        index = opened(double.url)
        yield InOneLoop(index, loop)
        loop.run(index.close())


@pytest.mark.parametrize("is_quantized", [False, True])
def test_over_the_wire_it_agrees_with_brute_force_through_changes_deletions_and_a_rebuild(
    double: Double, is_quantized: bool
) -> None:
    asyncio.run(compare_with_brute_force(double.url, is_quantized=is_quantized))


async def compare_with_brute_force(url: str, **layout: Any) -> None:
    """Both indexes go through the same changes, and give the same hits and the same points."""
    rng = np.random.default_rng(21)
    address = ServerAddress(url, api_key=REAL_KEY if url == REAL_URL else None)
    server = QdrantServerIndex(ServerConnection(address.connect), CollectionLayout(**layout))
    memory = MemoryIndex()
    points = [random_point(rng, number) for number in range(300)]
    changed = [replace(random_point(rng, number), access=["t0", "t7"]) for number in range(0, 300, 7)]
    rebuilt = [random_point(rng, number) for number in range(100, 250)]

    async def compare() -> None:
        for _ in range(15):
            query = random_query(rng)
            expected, found = await memory.search(query, limit=20), await server.search(query, limit=20)
            assert_same(expected.dense, found.dense)
            assert_same(expected.lexical, found.lexical)
        ids = await memory.point_ids(COLLECTION)
        assert await server.point_ids(COLLECTION) == ids
        there = await server.read(COLLECTION, sorted(ids))
        for point_id, kept in (await memory.read(COLLECTION, sorted(ids))).items():
            assert (there[point_id].vector == kept.vector).all()
            assert (there[point_id].access, there[point_id].document) == (kept.access, kept.document)

    async def stream() -> AsyncIterator[Sequence[SealedPoint]]:
        for start in range(0, len(rebuilt), 40):
            yield rebuilt[start : start + 40]

    for index in (memory, server):
        await index.upsert(COLLECTION, points)
    await compare()
    for index in (memory, server):
        await index.upsert(COLLECTION, changed)
        await index.delete(COLLECTION, [point.point_id for point in points[::3]])
    await compare()
    for index in (memory, server):
        await index.replace(COLLECTION, stream())
    await compare()
    for collection in await server.collections():
        await server.drop(collection)
    await server.close()


def own_prefix() -> str:
    return f"ragtest_{secrets.token_hex(4)}_"


@needs_qdrant
class TestOverARealServer(ChunkIndexContract):
    @pytest.fixture
    def index(self, loop: OneLoop) -> Iterator[Any]:
        index = opened(REAL_URL, api_key=REAL_KEY, prefix=own_prefix())
        yield InOneLoop(index, loop)
        for collection in loop.run(index.collections()):
            loop.run(index.drop(collection))
        loop.run(index.close())


@needs_qdrant
@pytest.mark.parametrize("is_quantized", [False, True])
def test_a_real_server_agrees_with_brute_force(is_quantized: bool) -> None:
    asyncio.run(compare_with_brute_force(REAL_URL, is_quantized=is_quantized, prefix=own_prefix()))


@needs_qdrant
def test_a_real_server_keeps_replicas_and_quantization_as_configured() -> None:
    async def journey() -> None:
        prefix = own_prefix()
        index = opened(REAL_URL, api_key=REAL_KEY, prefix=prefix, replicas=2, is_quantized=True, is_on_disk=True)
        await index.ready()
        await index.upsert(COLLECTION, [point(1)])
        client = ServerAddress(REAL_URL, api_key=REAL_KEY).connect()
        found = await client.get_collection(f"{prefix}{COLLECTION}")
        params = found.config.params
        assert (params.shard_number, params.replication_factor, params.write_consistency_factor) == (1, 2, 2)
        assert found.config.quantization_config.scalar.type == "int8"
        assert params.vectors["dense"].on_disk
        assert params.sparse_vectors["lexical"].modifier == "idf"
        assert {name: field.data_type for name, field in found.payload_schema.items()} == dict.fromkeys(
            "ads", "keyword"
        )
        await client.close()
        await index.drop(COLLECTION)
        await index.close()

    asyncio.run(journey())
