"""What a body may weigh and how long it may take, before anybody knows who sends it."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from rag_service.web.limits import MAX_BODY_BYTES, BodyLimit

Run = Callable[[Any], Any]
QUERY: Scope = {"type": "http", "method": "POST", "path": "/v1/tenants/acme/query", "headers": []}


class Reader:
    """An application that reads its whole body, and what lay in memory when it began to."""

    def __init__(self) -> None:
        self.got: list[Message] = []
        self.held = 0

    async def __call__(self, _scope: Scope, receive: Receive, _send: Send) -> None:
        self.held = tracemalloc.get_traced_memory()[0]
        self.got.append(await receive())


async def sent(app: BodyLimit, pieces: Iterator[Message]) -> list[Message]:
    """What the client is answered who sends these pieces and then nothing more."""
    answer: list[Message] = []

    async def receive() -> Message:
        piece = next(pieces, None)
        return piece if piece is not None else await asyncio.get_running_loop().create_future()

    async def send(message: Message) -> None:
        answer.append(message)

    await app(QUERY, receive, send)
    return answer


def single_bytes(count: int) -> Iterator[Message]:
    return ({"type": "http.request", "body": b"a", "more_body": left > 1} for left in range(count, 0, -1))


def test_a_body_in_single_bytes_is_kept_as_its_bytes_alone(run: Run) -> None:
    reader = Reader()
    tracemalloc.start()
    try:
        assert run(sent(BodyLimit(reader), single_bytes(MAX_BODY_BYTES))) == []
    finally:
        tracemalloc.stop()
    assert reader.got == [{"type": "http.request", "body": b"a" * MAX_BODY_BYTES, "more_body": False}]
    assert reader.held < 4 * MAX_BODY_BYTES


def test_one_byte_more_is_refused_and_nobody_reads_it(run: Run) -> None:
    reader = Reader()
    start, _body = run(sent(BodyLimit(reader), single_bytes(MAX_BODY_BYTES + 1)))
    assert (start["status"], reader.got) == (413, [])


def test_a_body_that_does_not_end_in_time_is_a_408_and_the_end_of_the_connection(run: Run) -> None:
    reader = Reader()
    first = iter([{"type": "http.request", "body": b"{", "more_body": True}])
    start, body = run(asyncio.wait_for(sent(BodyLimit(reader, within_s=0.0), first), 2))  # else it waits for ever
    assert (start["status"], reader.got) == (408, [])
    assert (b"connection", b"close") in start["headers"]
    assert json.loads(body["body"])["type"] == "urn:rag-service:problem:body-too-slow"


def test_nobody_is_answered_who_went_away(run: Run) -> None:
    reader = Reader()
    pieces: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    assert (run(sent(BodyLimit(reader), iter(pieces))), reader.got) == ([], [])
