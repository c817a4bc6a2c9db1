"""What a request may weigh."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag_service.web.problems import problem_response

MAX_BODY_BYTES = 256 * 1024
_UPLOAD = re.compile(r"/v1/tenants/[^/]+/documents")


class BodyLimit:
    """Refuses a larger body with 413, whether or not it announces its length; nothing of it is kept."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_upload(scope):
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []
        size = 0
        more = may_have_body(scope)
        while more:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if size > MAX_BODY_BYTES:
                await problem_response(413, "body-too-large", f"a body may have {MAX_BODY_BYTES} bytes")(
                    scope, receive, send
                )
                return
            more = message["type"] == "http.request" and message.get("more_body", False)
        waiting = iter(messages)

        async def replay() -> Message:
            return next(waiting, None) or await receive()

        await self._app(scope, replay, send)


def is_upload(scope: Scope) -> bool:
    """The one route that takes more: it reads its body itself, counting, after it knows who calls."""
    return scope["method"] == "POST" and bool(_UPLOAD.fullmatch(scope["path"]))


def may_have_body(scope: Scope) -> bool:
    """Whether the method is one whose body anything looks at."""
    return scope["method"] not in {"GET", "HEAD", "OPTIONS"}
