"""What holds for every answer, whatever happened inside: no defect tells its text, and no cache keeps an answer."""

from __future__ import annotations

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag_service.web.problems import problem_response

_log = structlog.get_logger()


class Outermost:
    """The layer around all others.

    An exception that nobody expected may quote a statement and its values. Of it the log gets the type, and the server,
    which would write all of it, gets nothing. Answers under ``/v1/`` are told to be stored nowhere: a signed request
    carries no ``Authorization``, without which a shared cache may take its answer for anybody's (RFC 9111, 3.5).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def tell(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                if scope["path"].startswith("/v1/"):
                    MutableHeaders(scope=message)["Cache-Control"] = "no-store"
            await send(message)

        try:
            await self._app(scope, receive, tell)
        except Exception as error:  # noqa: BLE001  # of whatever kind: this is where its text ends
            _log.error("request_failed", error=type(error).__name__)
            if not has_begun:  # else the server sees that the answer is not complete, and ends the connection
                await problem_response(500, "internal-error", "the service met a defect")(scope, receive, tell)
