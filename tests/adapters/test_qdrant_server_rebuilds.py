"""Sides and aliases: what a rebuild leaves where it fails, dies, or a node of a cluster lags behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from rag_service.adapters.qdrant_server import QdrantServerIndex
from rag_service.adapters.server_connection import ServerAddress, ServerConnection
from rag_service.adapters.server_requests import CollectionLayout
from rag_service.domain.errors import IndexUnavailable
from rag_service.domain.retrieval import SealedPoint
from tests.contracts.chunk_index import COLLECTION, OTHER, numbers, point, question
from tests.doubles.faults import Fault
from tests.doubles.qdrant_rest import Double

ALIAS = f"rag_{COLLECTION}"
ATTEMPTS = 3


def opened(double: Double) -> QdrantServerIndex:
    connection = ServerConnection(ServerAddress(double.url).connect, attempts=ATTEMPTS)
    return QdrantServerIndex(connection, CollectionLayout())


async def stream(*batches: Sequence[SealedPoint]) -> AsyncIterator[Sequence[SealedPoint]]:
    for batch in batches:
        yield batch


async def broken_stream() -> AsyncIterator[Sequence[SealedPoint]]:
    yield [point(8)]
    raise RuntimeError("the source of the points died")


def test_a_rebuild_that_fails_leaves_what_was_there_and_nothing_beside(double: Double) -> None:
    async def journey() -> None:
        index = opened(double)
        await index.upsert(COLLECTION, [point(1)])
        with pytest.raises(RuntimeError):
            await index.replace(COLLECTION, broken_stream())
        with pytest.raises(RuntimeError):
            await index.replace(OTHER, broken_stream())
        assert numbers((await index.search(question("ann"), limit=5)).dense) == [1]
        assert await index.collections() == {COLLECTION}
        assert double.collections.names() == [f"{ALIAS}-a"]
        await index.close()

    asyncio.run(journey())


def test_a_switch_whose_answer_is_lost_costs_neither_side_and_upkeep_removes_the_idle_one(double: Double) -> None:
    async def journey() -> None:
        index = opened(double)
        await index.upsert(COLLECTION, [point(1)])
        double.fail("/collections/aliases", Fault.ANSWER_LOST, ATTEMPTS)
        with pytest.raises(IndexUnavailable):
            await index.replace(COLLECTION, stream([point(2)]))
        again = opened(double)  # after a restart nobody remembers
        assert numbers((await again.search(question("ann"), limit=5)).dense) == [2]
        assert len(double.collections.names()) == 2
        await again.maintain()
        assert double.collections.names() == [f"{ALIAS}-b"]
        assert await again.point_ids(COLLECTION) == {point(2).point_id}
        await index.close()
        await again.close()

    asyncio.run(journey())


def test_searches_see_the_old_points_until_the_switch_and_the_new_ones_after_it(double: Double) -> None:
    async def journey() -> None:
        index = opened(double)
        await index.upsert(COLLECTION, [point(1), point(2)])

        async def watched() -> AsyncIterator[Sequence[SealedPoint]]:
            for number in (3, 4):
                yield [point(number)]
                seen.append(sorted(numbers((await index.search(question("ann"), limit=5)).dense)))

        seen: list[list[int]] = []
        await index.replace(COLLECTION, watched())
        assert seen == [[1, 2], [1, 2]]
        assert sorted(numbers((await index.search(question("ann"), limit=5)).dense)) == [3, 4]
        assert double.collections.names() == [f"{ALIAS}-b"]
        await index.replace(COLLECTION, stream())
        assert not await index.exists(COLLECTION)
        assert await index.point_ids(COLLECTION) == frozenset()
        await index.close()

    asyncio.run(journey())


def test_what_a_dead_rebuild_left_is_never_taken_up(double: Double) -> None:
    async def journey() -> None:
        index = opened(double)
        await index.upsert(COLLECTION, [point(1)])
        double.collections.aliases.clear()  # as if the process had died between filling the side and leading to it
        assert not await index.exists(COLLECTION)
        again = opened(double)
        await again.upsert(COLLECTION, [point(2)])
        assert await again.point_ids(COLLECTION) == {point(2).point_id}
        await index.close()
        await again.close()

    asyncio.run(journey())


def test_a_node_that_has_not_heard_of_a_switch_costs_no_live_side(double: Double) -> None:
    async def journey() -> None:
        index = opened(double)
        await index.upsert(COLLECTION, [point(1)])
        await index.replace(COLLECTION, stream([point(2)]))
        now = dict(double.collections.aliases)
        double.collections.aliases[ALIAS] = f"{ALIAS}-a"  # what a late node would answer
        for call in (index.maintain, lambda: index.replace(COLLECTION, stream([point(3)]))):
            with pytest.raises(IndexUnavailable, match="do not agree"):
                await call()
        double.collections.aliases.update(now)
        assert await index.point_ids(COLLECTION) == {point(2).point_id}
        await index.close()

    asyncio.run(journey())
