"""A model server on the loopback interface that behaves as a test tells it: real HTTP, badly spoken where asked.

async with model_double(streamed("Five", " days.")) as double: OpenAIAnswerer(ModelServer(double.url), "m")
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Writer = asyncio.StreamWriter
Behaviour = Callable[[Writer], Awaitable[None]]


@dataclass
class Double:
    """What it does with each question, the last of them for all that follow; what came, and who hung up."""

    behaviours: list[Behaviour]
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(
                (int(line[15:]) for line in head.lower().splitlines() if line.startswith("content-length:")), 0
            )
            body = await reader.readexactly(length)
            self.headers.append(head)
            if head.startswith("GET"):
                await replied(200, {"data": [{"id": "listed-first"}, {"id": "other"}]})(writer)
                return
            self.bodies.append(json.loads(body))
            self.asked.set()
            behaviour = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
            leaving = asyncio.create_task(reader.read())  # ends when the client hangs up
            acting = asyncio.create_task(behaviour(writer))  # type: ignore[arg-type]  # they are coroutines
            await asyncio.wait({leaving, acting}, return_when=asyncio.FIRST_COMPLETED)
            if leaving.done() and not acting.done():
                self.hung_up.set()
            for task in (leaving, acting):
                task.cancel()
            await asyncio.gather(leaving, acting, return_exceptions=True)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.hung_up.set()
        finally:
            writer.close()


@asynccontextmanager
async def model_double(*behaviours: Behaviour) -> AsyncIterator[Double]:
    """It serves while the context lasts."""
    double = Double(list(behaviours))
    server = await asyncio.start_server(double.serve, "127.0.0.1", 0)
    double.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server:
        yield double


def replied(status: int, body: object) -> Behaviour:
    """One answer, as JSON or as the bytes given."""

    async def act(writer: Writer) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        writer.write(head.encode() + b"Connection: close\r\n\r\n" + content)
        await writer.drain()

    return act


def completed(text: object, **usage: object) -> Behaviour:
    """A whole completion, as of a server that does not stream."""
    counts = usage or {"prompt_tokens": 7, "completion_tokens": 3}
    return replied(200, {"choices": [{"message": {"role": "assistant", "content": text}}], "usage": counts})


def events(*parts: bytes | float, then_hangs: bool = False) -> Behaviour:
    """A stream of these bytes; a number waits so many seconds. It ends by hanging up, or never."""

    async def act(writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        for part in parts:
            if isinstance(part, bytes):
                writer.write(part)
                await writer.drain()
            else:
                await asyncio.sleep(part)
        if then_hangs:
            await asyncio.Event().wait()

    return act


def word(text: str) -> bytes:
    """The event of one piece."""
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}, "finish_reason": None}]}).encode() + b"\n\n"


STOP = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}\n\n'
DONE = b"data: [DONE]\n\n"


def streamed(*texts: str) -> Behaviour:
    """A well-behaved stream."""
    return events(*map(word, texts), STOP, USAGE, DONE)
