"""Requests as bytes on the wire, handed to an application in this process as an HTTP server would hand them over.

A client library would tidy paths and headers up before they are sent: what is probed is what a stranger can type.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from eval.access.oracle import Asker, State

Message = MutableMapping[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]
Headers = tuple[tuple[str, str], ...]

ASKING: ContextVar[tuple[Asker, list[State]] | None] = ContextVar("asking", default=None)
"""Who asks, and the states that hold meanwhile: for whoever watches the inner doors. The application knows nothing of
it."""


@dataclass(frozen=True, slots=True)
class Request:
    """``path`` is percent-encoded, as sent; ``query`` is what follows the question mark."""

    method: str
    path: str
    query: str = ""
    headers: Headers = ()
    body: bytes = b""

    @property
    def target(self) -> str:
        return f"{self.method} {self.path}{'?' if self.query else ''}{self.query}"


@dataclass(frozen=True, slots=True)
class Response:
    """``failure`` is the type of an exception that the application let through."""

    status: int
    headers: Headers
    body: bytes = field(repr=False)
    failure: str | None = None

    @property
    def text(self) -> str:
        """Headers and body, as what is looked for may stand in either."""
        return "\n".join([*(f"{name}: {value}" for name, value in self.headers), self.body.decode(errors="replace")])

    def json(self) -> Any:
        return json.loads(self.body)


def path_of(template: str, values: Mapping[str, str]) -> str:
    """The route's path with each value as one percent-encoded segment."""
    return template.format(**{name: quote(value, safe="") for name, value in values.items()})


def with_json(method: str, path: str, content: object) -> Request:
    return Request(method, path, headers=(("Content-Type", "application/json"),), body=json.dumps(content).encode())


def with_form(path: str, file: tuple[str, bytes], fields: Sequence[tuple[str, str]]) -> Request:
    """A multipart upload (RFC 7578)."""
    mark = "probe-boundary-5c1f"
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{file[0]}"\r\n\r\n'
    body = b"".join([*parts, head.encode(), file[1], f"\r\n--{mark}--\r\n".encode()])
    return Request("POST", path, headers=(("Content-Type", f"multipart/form-data; boundary={mark}"),), body=body)


async def send(app: Application, request: Request, credential: Headers = (), *, client: str = "127.0.0.1") -> Response:
    """The application's response. What it raises is a response as well, of status 500."""
    headers = [("Host", "service"), *credential, *request.headers]
    if request.body:
        headers.append(("Content-Length", str(len(request.body))))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": request.method,
        "path": unquote(request.path),
        "raw_path": request.path.encode(),
        "root_path": "",
        "query_string": request.query.encode(),
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers],
        "client": (client, 50_000),
        "server": ("service", 80),
    }
    sent = [{"type": "http.request", "body": request.body, "more_body": False}]
    begun: Message = {}
    body = bytearray()

    async def receive() -> Message:
        if sent:
            return sent.pop()
        await asyncio.Event().wait()  # the connection stays open; whoever waits for its end is cancelled
        raise AssertionError

    async def take(message: Message) -> None:
        if message["type"] == "http.response.start":
            begun.update(message)
        elif message["type"] == "http.response.body":
            body.extend(message.get("body", b""))

    failure = None
    try:
        await app(scope, receive, take)
    except Exception as error:  # noqa: BLE001  # whatever it is, the probe is answered by a defect
        failure = type(error).__name__
    told = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in begun.get("headers", ()))
    return Response(begun.get("status", 500), told, bytes(body), failure)
