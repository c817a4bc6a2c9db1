"""What the server adapter does when the server, the way to it, or an answer fails: repeat, or say so; never guess."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from rag_service.adapters.qdrant_server import BATCH, QdrantServerIndex
from rag_service.adapters.server_connection import ServerAddress, ServerConnection
from rag_service.adapters.server_requests import CollectionLayout
from rag_service.domain.errors import IndexUnavailable
from tests.contracts.chunk_index import COLLECTION, numbers, point, question
from tests.doubles.faults import Fault
from tests.doubles.one_loop import OneLoop
from tests.doubles.qdrant_rest import Double

SEARCH, POINTS = "/points/query/batch", "/points"
ATTEMPTS = 3


async def at_once(_: float) -> None:
    """In place of a wait before another attempt."""


def opened(
    double: Double,
    *,
    timeout_s: float = 5.0,
    most_at_once: int = 32,
    wait: Callable[[float], Awaitable[None]] = at_once,
    **layout: Any,
) -> QdrantServerIndex:
    connection = ServerConnection(
        ServerAddress(double.url).connect,
        timeout_s=timeout_s,
        attempts=ATTEMPTS,
        most_at_once=most_at_once,
        wait=wait,
    )
    return QdrantServerIndex(connection, CollectionLayout(**layout))


PASSING = [
    Fault.RESET, Fault.CUT_ANSWER, Fault.ANSWER_LOST, Fault.STATUS_429, Fault.STATUS_500, Fault.STATUS_503,
]  # fmt: skip
FINAL = [
    Fault.STATUS_400, Fault.STATUS_401, Fault.REDIRECT, Fault.BRANCH_LOST, Fault.RESULT_LOST, Fault.NO_JSON,
    Fault.NOT_FOUND,
]  # fmt: skip


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_tried_again_until_it_has_passed(double: Double, fault: Fault) -> None:
    async def journey() -> None:
        index = opened(double)
        double.fail(POINTS, fault, ATTEMPTS - 1)
        await index.upsert(COLLECTION, [point(1), point(2, access=["bob"])])
        double.fail(SEARCH, fault, ATTEMPTS - 1)
        found = await index.search(question("ann"), limit=5)
        assert (numbers(found.dense), numbers(found.lexical)) == ([1], [1])
        assert double.asked(SEARCH) == ATTEMPTS
        double.fail("/points/delete", fault, ATTEMPTS - 1)
        await index.delete(COLLECTION, [point(1).point_id])
        assert await index.point_ids(COLLECTION) == {point(2).point_id}
        await index.close()

    asyncio.run(journey())


@pytest.mark.parametrize("fault", [*PASSING, *FINAL])
def test_what_does_not_pass_is_said_and_never_an_empty_or_partial_answer(double: Double, fault: Fault) -> None:
    async def journey() -> None:
        index = opened(double)
        await index.upsert(COLLECTION, [point(1)])
        calls = (
            (SEARCH, lambda: index.search(question("ann"), limit=5)),
            ("/scroll", lambda: index.point_ids(COLLECTION)),
            ("/scroll", lambda: index.points_of(COLLECTION, "d")),
            (POINTS, lambda: index.read(COLLECTION, [point(1).point_id])),
            (POINTS, lambda: index.upsert(COLLECTION, [point(1)])),
            ("/delete", lambda: index.delete(COLLECTION, [point(9).point_id])),
            ("/exists", lambda: index.exists(COLLECTION)),
            ("/collections", index.collections),
            ("/exists", lambda: index.drop(COLLECTION)),
            ("/exists", index.ready),
        )
        for path, call in calls:
            if fault is Fault.BRANCH_LOST and path != SEARCH:
                continue
            double.fail(path, fault, 20)
            with pytest.raises(IndexUnavailable) as caught:
                await call()
            message = str(caught.value)
            assert not any(secret in message for secret in ("4711", "pass", "127.0.0.1", COLLECTION, "http"))
            double.faults.clear()
        assert numbers((await index.search(question("ann"), limit=5)).dense) == [1]
        await index.close()

    asyncio.run(journey())


@pytest.mark.parametrize("fault", [Fault.STATUS_400, Fault.STATUS_401, Fault.REDIRECT, Fault.BRANCH_LOST])
def test_what_would_fail_again_is_not_tried_again(double: Double, fault: Fault) -> None:
    async def journey() -> None:
        index = opened(double)
        await index.upsert(COLLECTION, [point(1)])
        double.fail(SEARCH, fault)
        with pytest.raises(IndexUnavailable):
            await index.search(question("ann"), limit=5)
        assert double.asked(SEARCH) == 1
        await index.close()

    asyncio.run(journey())


def test_an_attempt_that_hangs_is_ended_and_repeated(double: Double) -> None:
    async def journey() -> None:
        index = opened(double, timeout_s=0.3)
        await index.upsert(COLLECTION, [point(1)])
        double.fail(SEARCH, Fault.HANG)
        assert numbers((await index.search(question("ann"), limit=5)).dense) == [1]
        double.fail(SEARCH, Fault.HANG, 5)
        with pytest.raises(IndexUnavailable, match="timeout"):
            await index.search(question("ann"), limit=5)
        await index.close()

    asyncio.run(journey())


def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(double: Double) -> None:
    waits: list[float] = []

    async def noted(seconds: float) -> None:
        waits.append(seconds)

    async def journey() -> None:
        index = opened(double, wait=noted)
        await index.upsert(COLLECTION, [point(1)])
        double.retry_after = "3"
        double.fail(SEARCH, Fault.STATUS_429)
        await index.search(question("ann"), limit=5)
        assert waits == [3]
        double.retry_after = "3600"
        double.fail(SEARCH, Fault.STATUS_429)
        with pytest.raises(IndexUnavailable, match="no time is left"):
            await index.search(question("ann"), limit=5)
        assert waits == [3]
        double.retry_after = None
        double.fail(SEARCH, Fault.STATUS_429, 2)
        await index.search(question("ann"), limit=5)
        assert 0.05 <= waits[1] <= 0.1
        assert 0.2 <= waits[2] <= 0.4
        await index.close()

    asyncio.run(journey())


def test_a_server_that_is_gone_is_unavailable_and_found_again(double: Double) -> None:
    async def journey() -> None:
        gone = QdrantServerIndex(
            ServerConnection(ServerAddress("http://127.0.0.1:9").connect, attempts=2, wait=at_once),
            CollectionLayout(),
        )
        with pytest.raises(IndexUnavailable, match="ConnectError"):
            await gone.ready()
        with pytest.raises(IndexUnavailable, match="ConnectError"):
            await gone.search(question("ann"), limit=5)
        index = opened(double)
        double.fail("/", Fault.STATUS_503, ATTEMPTS)
        with pytest.raises(IndexUnavailable):
            await index.ready()
        await index.ready()
        await index.close()
        await gone.close()

    asyncio.run(journey())


@pytest.mark.parametrize("version", ["1.18.4", "0.11.0", "banana"])
def test_a_server_that_would_ignore_whose_words_count_is_refused(double: Double, version: str) -> None:
    """Before 1.19 the IDF is that of everybody's points, whatever a request says of it, and nothing complains."""

    async def journey() -> None:
        double.version = version
        index = opened(double)
        for call in (index.ready, lambda: index.search(question("ann"), limit=1)):
            with pytest.raises(IndexUnavailable, match=r"version|no Qdrant server"):
                await call()
        assert double.asked(SEARCH) == 0
        await index.close()

    asyncio.run(journey())


def test_a_write_that_is_only_queued_is_no_write(double: Double) -> None:
    async def journey() -> None:
        index = opened(double)
        await index.upsert(COLLECTION, [point(1)])
        double.fail(POINTS, Fault.ONLY_QUEUED)
        with pytest.raises(IndexUnavailable, match="queued"):
            await index.upsert(COLLECTION, [point(2)])
        double.fail("/points/delete", Fault.ONLY_QUEUED)
        with pytest.raises(IndexUnavailable, match="queued"):
            await index.delete(COLLECTION, [point(1).point_id])
        await index.close()

    asyncio.run(journey())


def test_a_large_upsert_goes_in_batches_that_are_waited_for_in_order(double: Double) -> None:
    async def journey() -> None:
        index = opened(double)
        await index.upsert(COLLECTION, [point(n) for n in range(2 * BATCH + 1)])
        assert len(await index.point_ids(COLLECTION)) == 2 * BATCH + 1
        writes = [query for method, path, query, _ in double.requests if (method, path[-7:]) == ("PUT", POINTS)]
        assert len(writes) == 1 + 3  # the first finds no collection
        assert all("wait=true" in query and "ordering=strong" in query for query in writes)
        await index.close()

    asyncio.run(journey())


def test_no_more_calls_are_under_way_than_are_allowed(double: Double) -> None:
    async def journey() -> None:
        index = opened(double, most_at_once=2)
        await index.upsert(COLLECTION, [point(1)])
        await asyncio.gather(*(index.search(question("ann"), limit=1) for _ in range(20)))
        assert double.most_under_way == 2
        await index.close()

    asyncio.run(journey())


def test_a_closed_index_says_so(double: Double) -> None:
    async def journey() -> None:
        index = opened(double)
        await index.ready()
        await index.close()
        await index.close()
        with pytest.raises(IndexUnavailable, match="closed"):
            await index.search(question("ann"), limit=1)

    asyncio.run(journey())


def test_an_index_is_used_from_one_event_loop(double: Double) -> None:
    index = opened(double)
    with OneLoop() as first:
        first.run(index.ready())
        with pytest.raises(IndexUnavailable, match="another event loop"):
            asyncio.run(index.ready())
        first.run(index.close())
