"""What a request may weigh, and how long its body may take."""

from __future__ import annotations

import asyncio
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag_service.web.problems import problem_response

MAX_BODY_BYTES = 256 * 1024
BODY_WITHIN_S = 30.0
_UPLOAD = re.compile(r"/v1/tenants/[^/]+/documents")


class BodyLimit:
    """Refuses a larger body with 413, whether or not it announces its length, and one that takes longer with 408.

    Nobody knows yet who sends it, so nothing but its bytes is kept, in however many pieces they come.
    """

    def __init__(self, app: ASGIApp, within_s: float = BODY_WITHIN_S) -> None:
        self._app = app
        self._within_s = within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_upload(scope) or not may_have_body(scope):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._within_s):
                body = await _body(receive)
        except TimeoutError:
            slow = problem_response(408, "body-too-slow", "the body took too long", {"Connection": "close"})
            await slow(scope, receive, send)
            return
        if body is None:
            return  # whoever asked is gone
        if len(body) > MAX_BODY_BYTES:
            large = problem_response(413, "body-too-large", f"a body may have {MAX_BODY_BYTES} bytes")
            await large(scope, receive, send)
            return
        whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]
        del body

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, replay, send)


async def _body(receive: Receive) -> bytearray | None:
    """The body, or of a larger one the beginning that shows it; ``None`` where the client went away."""
    body = bytearray()
    more = True
    while more and len(body) <= MAX_BODY_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def is_upload(scope: Scope) -> bool:
    """The one route that takes more: it reads its body itself, counting, after it knows who calls."""
    return scope["method"] == "POST" and bool(_UPLOAD.fullmatch(scope["path"]))


def may_have_body(scope: Scope) -> bool:
    """Whether the method is one whose body anything looks at."""
    return scope["method"] not in {"GET", "HEAD", "OPTIONS"}
