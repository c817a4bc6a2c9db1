"""Any model behind an OpenAI-compatible server, over plain HTTP: its stream is read, bounded and cut by us.

No software kit of the vendor stands between, so that closing a draft closes the connection, which is what stops a
model, and so that no log of it can hold a key or a prompt.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rag_service.adapters.event_stream import MOST_BYTES, BadReply, Progress, event_lines, parsed, piece_of, whole
from rag_service.domain.errors import InvalidSetting, ModelUnavailable
from rag_service.networks import is_this_machine
from rag_service.ports import Piece, Prompt
from rag_service.query.prompt import messages

if TYPE_CHECKING:
    from httpx import AsyncClient, Response

_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_NOT_UNDERSTOOD = frozenset({400, 405, 415, 422, 501})
"""What a server answers that knows no streams, or not all that we ask about them."""
_LONGEST_NAME = 200
_JITTER = 0.5


@dataclass(frozen=True, slots=True)
class ModelServer:
    """An OpenAI-compatible server, and how long to wait for it. Raises ``InvalidSetting``."""

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    answer_tokens: int = 400
    total_s: float = 60.0
    connect_s: float = 5.0
    first_token_s: float = 30.0
    stall_s: float = 15.0
    allows_plain_http: bool = False
    pauses_s: tuple[float, ...] = (0.25, 1.0)
    """Between one try and the next; there are as many more tries as pauses."""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.base_url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
            raise InvalidSetting("RAG_LLM_BASE_URL", "must look like http://127.0.0.1:8080/v1")
        if parts.username is not None or parts.password is not None:
            raise InvalidSetting("RAG_LLM_BASE_URL", "must hold no password: there is RAG_LLM_API_KEY")
        if parts.scheme == "http" and not (self.allows_plain_http or is_this_machine(host)):
            raise InvalidSetting("RAG_LLM_BASE_URL", "must be https, or RAG_LLM_PLAIN_HTTP must allow otherwise")

    def connect(self) -> AsyncClient:
        """A client of it. It follows no redirect, which would take the key along, and no proxy of the environment."""
        from httpx import AsyncClient, Timeout

        headers = {"Accept": "text/event-stream, application/json", "Accept-Encoding": "identity"}
        if self.api_key is not None:
            headers["Authorization"] = f"Bearer {self.api_key}"
        return AsyncClient(
            base_url=self.base_url.rstrip("/"),
            headers=headers,
            timeout=Timeout(self.total_s, connect=self.connect_s),
            follow_redirects=False,
            trust_env=False,
        )


class _AskAgain(Exception):
    """This try failed, before anything came, in a way that the next may not."""


class OpenAIAnswerer:
    """Asks one model of one server: ``model``, or else the first that the server lists.

    The connection is made at the first question.
    """

    def __init__(self, server: ModelServer, model: str | None = None) -> None:
        self._server = server
        self._model = model
        self._client: AsyncClient | None = None
        self._streams = True

    @property
    def model(self) -> str:
        return self._model or "the server's first model"

    async def write(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """The model's text, untouched. Tries again only as long as nothing came.

        Raises:
            ModelUnavailable: with a word for the reason. It may come after some pieces.
        """
        until = asyncio.get_running_loop().time() + self._server.total_s
        for pause in (*self._server.pauses_s, None):
            try:
                async with aclosing(self._tried(prompt, until)) as pieces:
                    async for piece in pieces:
                        yield piece
            except _AskAgain as failure:
                if pause is None or asyncio.get_running_loop().time() + pause > until:
                    raise ModelUnavailable(self.model, str(failure)) from None
                await asyncio.sleep(pause * (1 + _JITTER * random.random()))  # noqa: S311  # spreads, hides nothing
            else:
                return

    async def close(self) -> None:
        """No connection is left open. A later question opens one again."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _tried(self, prompt: Prompt, until: float) -> AsyncGenerator[Piece, None]:
        """One try, or two where the server does not understand streams."""
        from httpx import HTTPError, InvalidURL, StreamError

        came = False
        try:
            async with aclosing(self._asked(prompt, until)) as pieces:
                async for piece in pieces:
                    came = True
                    yield piece
        except BadReply as failure:
            raise ModelUnavailable(self.model, str(failure)) from None
        except TimeoutError:
            late = asyncio.get_running_loop().time() >= until
            raise ModelUnavailable(self.model, "too_slow" if late else "stalled" if came else "silent") from None
        except (HTTPError, StreamError, InvalidURL, OSError) as error:
            reason = f"connection_{type(error).__name__}"
            raise ModelUnavailable(self.model, reason) if came else _AskAgain(reason) from None

    async def _asked(self, prompt: Prompt, until: float) -> AsyncGenerator[Piece, None]:
        model = await self._named(until)
        streams = self._streams
        response = await self._sent(prompt, model, until, streams=streams)
        if streams and response.status_code in _NOT_UNDERSTOOD:
            await response.aclose()
            response = await self._sent(prompt, model, until, streams=False)
            self._streams = response.status_code != 200
        try:
            _check(response)
            if "event-stream" not in response.headers.get("content-type", ""):
                yield whole(await self._body(response, until))
                return
            async with aclosing(self._streamed(response, until)) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            await response.aclose()

    async def _streamed(self, response: Response, until: float) -> AsyncGenerator[Piece, None]:
        """The pieces as they come. An end that the model did not make is a failure: the last sentence may be half."""
        progress, patience = Progress(), self._server.first_token_s
        async with aclosing(event_lines(response.aiter_raw())) as lines:
            while True:
                async with asyncio.timeout_at(min(until, asyncio.get_running_loop().time() + patience)):
                    data = await anext(lines, None)
                if data is None:
                    break
                if piece := piece_of(data, progress):
                    yield piece
                    patience = self._server.stall_s
                if data == b"[DONE]":
                    break
        if not progress.is_completion:
            raise BadReply("no_completion")
        if not progress.has_ended:
            raise BadReply("ended_early")

    async def _sent(self, prompt: Prompt, model: str, until: float, *, streams: bool) -> Response:
        client = self._connected()
        request = client.build_request("POST", "/chat/completions", json=self._body_for(prompt, model, streams=streams))
        # One that does not stream has sent nothing until the model is done.
        patience = self._server.first_token_s if streams else self._server.total_s
        async with asyncio.timeout_at(min(until, asyncio.get_running_loop().time() + patience)):
            return await client.send(request, stream=True)

    def _body_for(self, prompt: Prompt, model: str, *, streams: bool) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": one.role, "content": one.content} for one in messages(prompt)],
            "temperature": 0.0,
            "seed": 0,
            "max_tokens": self._server.answer_tokens,
        }
        if streams:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        if prompt.schema is not None:
            wanted = {"name": "answer", "strict": True, "schema": dict(prompt.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        return body

    async def _named(self, until: float) -> str:
        """The model to ask for: the first that the server lists, where none was named."""
        if self._model is None:
            async with asyncio.timeout_at(min(until, asyncio.get_running_loop().time() + self._server.first_token_s)):
                response = await self._connected().send(self._connected().build_request("GET", "/models"), stream=True)
            try:
                _check(response)
                listed = parsed(await self._body(response, until)).get("data")
            finally:
                await response.aclose()
            first = listed[0] if isinstance(listed, list) and listed else None
            name = first.get("id") if isinstance(first, dict) else None
            if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME:
                raise BadReply("no_model")
            self._model = name
        return self._model

    async def _body(self, response: Response, until: float) -> bytes:
        body = b""
        async with asyncio.timeout_at(until):
            async for some in response.aiter_raw():
                body += some
                if len(body) > MOST_BYTES:
                    raise BadReply("endless_answer")
        return body

    def _connected(self) -> AsyncClient:
        if self._client is None:
            self._client = self._server.connect()
        return self._client


def _check(response: Response) -> None:
    """Raises where the status is no success."""
    if response.status_code in _TRY_AGAIN:
        raise _AskAgain(f"status_{response.status_code}")
    if response.status_code != 200:
        raise BadReply(f"status_{response.status_code}")
