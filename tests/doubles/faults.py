"""What can go wrong between a client and a server: an ASGI application behind faults that a test asks for."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

Scope, Receive, Send = dict[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Fault(Enum):
    """What a request meets in place of its answer, or on the way of its answer back."""

    RESET = auto()
    HANG = auto()
    CUT_ANSWER = auto()
    ANSWER_LOST = auto()  # the request was carried out, and the connection is lost before the answer
    NO_JSON = auto()
    NOT_FOUND = auto()
    REDIRECT = auto()
    BRANCH_LOST = auto()
    RESULT_LOST = auto()
    ONLY_QUEUED = auto()
    STATUS_400 = 400
    STATUS_401 = 401
    STATUS_429 = 429
    STATUS_500 = 500
    STATUS_503 = 503


@dataclass(kw_only=True)
class Traffic:
    """The requests that came (method, path, query, headers), and the faults that the next ones meet."""

    requests: list[tuple[str, str, str, dict[str, str]]] = field(default_factory=list)
    faults: list[tuple[str, Fault]] = field(default_factory=list)
    retry_after: str | None = "0"
    under_way: int = 0
    most_under_way: int = 0

    def fail(self, path_ends: str, fault: Fault, times: int = 1) -> None:
        """The next requests whose path ends so meet this fault."""
        self.faults += [(path_ends, fault)] * times

    def next_fault(self, path: str) -> Fault | None:
        for place, (ending, fault) in enumerate(self.faults):
            if path.endswith(ending):
                del self.faults[place]
                return fault
        return None

    def asked(self, path_ends: str) -> int:
        """How often a path that ends so was asked for."""
        return sum(path.endswith(path_ends) for _, path, _, _ in self.requests)


class Faulty:
    """The application behind whatever fault is next for a path. ``cut`` breaks the connection of a request."""

    def __init__(self, traffic: Traffic, app: App, cut: Callable[[Scope], None]) -> None:
        self._traffic = traffic
        self._app = app
        self._cut = cut

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._traffic.under_way += 1
        self._traffic.most_under_way = max(self._traffic.most_under_way, self._traffic.under_way)
        is_answered = False

        async def counted(message: Any) -> None:
            nonlocal is_answered
            if not is_answered and message["type"] == "http.response.body":  # once sent, the next may come
                is_answered = True
                self._traffic.under_way -= 1
            await send(message)

        try:
            await self._served(scope, receive, counted)
        finally:
            self._traffic.under_way -= not is_answered

    async def _served(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self._traffic.requests.append((scope["method"], scope["path"], scope["query_string"].decode(), headers))
        fault = self._traffic.next_fault(scope["path"])
        if fault is None:
            await self._app(scope, receive, send)
        elif fault is Fault.RESET:
            self._cut(scope)
        elif fault is Fault.HANG:
            while (await receive())["type"] != "http.disconnect":  # until the client gives up
                pass
        elif fault in (Fault.CUT_ANSWER, Fault.ANSWER_LOST, Fault.BRANCH_LOST, Fault.RESULT_LOST, Fault.ONLY_QUEUED):
            status, body = await self._carried_out(scope, receive)
            if fault is Fault.ANSWER_LOST:
                self._cut(scope)
                return
            await _answer(send, status, _spoilt(fault, body), said=len(body) if fault is Fault.CUT_ANSWER else None)
            if fault is Fault.CUT_ANSWER:
                self._cut(scope)
        elif fault is Fault.NO_JSON:
            await _answer(send, 200, b'{"result": [{"poi')
        elif fault is Fault.NOT_FOUND:
            await _answer(send, 404, b"<h1>404 page not found</h1>")
        elif fault is Fault.REDIRECT:
            await _answer(send, 307, b"", location="http://192.0.2.1:6333/elsewhere")
        else:
            error = json.dumps({"status": {"error": "secret-id-4711 at http://user:pass@host"}}).encode()
            wait = self._traffic.retry_after if fault is Fault.STATUS_429 else None
            await _answer(send, fault.value, error, retry_after=wait)

    async def _carried_out(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        """Status and body of the true answer."""
        status, body = 0, b""

        async def keep(message: Any) -> None:
            nonlocal status, body
            status = message.get("status", status)
            body += message.get("body", b"")

        await self._app(scope, receive, keep)
        return status, body


def _spoilt(fault: Fault, body: bytes) -> bytes:
    if fault is Fault.CUT_ANSWER:
        return body[: len(body) // 2]
    answer = json.loads(body)
    if fault is Fault.BRANCH_LOST:
        answer["result"] = answer["result"][:-1]
    elif fault is Fault.ONLY_QUEUED:
        answer["result"]["status"] = "acknowledged"
    else:
        answer["result"] = None
    return json.dumps(answer).encode()


async def _answer(send: Send, status: int, body: bytes, *, said: int | None = None, **headers: str | None) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    named |= {"content-length": str(len(body) if said is None else said), "content-type": "application/json"}
    raw = [(name.encode(), value.encode()) for name, value in named.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": said is not None})
