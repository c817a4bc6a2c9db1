"""Calls to a Qdrant server: encrypted, bounded in number and time, repeated where another attempt may succeed."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import structlog

from rag_service.domain.errors import IndexUnavailable, InvalidSetting
from rag_service.networks import is_this_machine

if TYPE_CHECKING:
    from pathlib import Path

    from qdrant_client import AsyncQdrantClient

OLDEST = (1, 19)
"""The first server that weighs words by a corpus of our choosing. An older one ignores that part of the request, and
would weigh them by what the asker may not read."""
WRITE_PATIENCE = 6
"""How much longer than a search a write may take: it waits for replicas, and a new collection for consensus."""
_LONGEST_CALL_S = 600
"""Of the client. Every attempt is given less by ``ServerConnection``."""
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 5.0
_RETRIED = frozenset({408, 425, 429})
_T = TypeVar("_T")
_log = structlog.get_logger()
_random = random.SystemRandom()


class AbsentError(Exception):
    """The server, or something before it, says that what was named is not there."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where the server is, and how it is spoken to."""

    url: str
    api_key: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    allows_plain_http: bool = False

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise InvalidSetting("RAG_QDRANT_URL", "must look like https://host:6333")
        if parts.username is not None or parts.password is not None:
            raise InvalidSetting("RAG_QDRANT_URL", "must hold no password; the key belongs in RAG_QDRANT_API_KEY")
        if parts.scheme == "http" and not (self.allows_plain_http or is_this_machine(parts.hostname)):
            raise InvalidSetting("RAG_QDRANT_URL", "must be https, or RAG_QDRANT_PLAIN_HTTP must allow otherwise")
        if self.ca_file is not None and not self.ca_file.is_file():
            raise InvalidSetting("RAG_QDRANT_CA_FILE", "there is no such file")

    def connect(self) -> AsyncQdrantClient:
        """A client that has not connected yet. It follows no redirect and obeys no proxy variable."""
        from httpx import Limits
        from qdrant_client import AsyncQdrantClient

        is_encrypted = urlsplit(self.url).scheme == "https"
        return AsyncQdrantClient(
            url=self.url,
            prefer_grpc=False,
            timeout=_LONGEST_CALL_S,
            # Not as ``api_key``: the library would warn of plain HTTP, which was allowed above or refused.
            headers={"api-key": self.api_key} if self.api_key else None,
            check_compatibility=False,  # it would ask in a thread of its own, with the environment's proxies
            limits=Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=30.0),
            verify=ssl.create_default_context(cafile=self.ca_file) if is_encrypted else False,
            trust_env=False,
            follow_redirects=False,
        )


class ServerConnection:
    """One client, made at the first call and used from one event loop. ``timeout_s`` bounds one attempt at a search.

    Every call may be repeated without harm, and is: on a lost connection, a timeout, 429 (as late as the server
    asks) and 5xx, with growing waits that differ at random, within twice the time that one attempt may take.
    """

    def __init__(
        self,
        connect: Callable[[], AsyncQdrantClient],
        *,
        timeout_s: float = 10.0,
        attempts: int = 4,
        most_at_once: int = 32,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._connect = connect
        self._wait = wait
        self.timeout_s = timeout_s
        self._attempts = attempts
        self._places = asyncio.Semaphore(most_at_once)
        self._checking = asyncio.Lock()
        self._connecting = asyncio.Lock()
        self._client: AsyncQdrantClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_checked = False
        self._is_closed = False

    async def call(
        self, operation: str, work: Callable[[AsyncQdrantClient], Awaitable[_T]], *, patience: float = 1.0
    ) -> _T:
        """What ``work`` returned, perhaps at a later attempt.

        Raises:
            AbsentError: the answer is that something is not there; the caller finds out what.
            IndexUnavailable: no attempt succeeded. The message names the operation and the kind of failure only.
        """
        async with self._places:
            if not self._is_checked:
                async with self._checking:
                    await self._check_version()
            return await self._attempt(operation, work, patience)

    async def check(self) -> None:
        """The server answers, and is recent enough. Raises ``IndexUnavailable``."""
        async with self._checking:
            self._is_checked = False
            await self._check_version()

    async def close(self) -> None:
        """Connections are released; any later call raises ``IndexUnavailable``."""
        self._is_closed = True
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    async def _attempt(self, operation: str, work: Callable[[AsyncQdrantClient], Awaitable[_T]], patience: float) -> _T:
        seconds = self.timeout_s * patience
        give_up_at = asyncio.get_running_loop().time() + 2 * seconds
        for attempt in range(1, self._attempts + 1):
            client = await self._connected()
            try:
                async with asyncio.timeout(seconds):
                    return await work(client)
            except (IndexUnavailable, AbsentError):
                raise
            except Exception as error:  # noqa: BLE001  # the library lets through whatever its parts raise
                kind, wait_s = _understood(error, attempt)
            if kind == "absent":
                raise AbsentError
            # Messages of the library quote ids and addresses: only the kind of failure goes on.
            if wait_s is None or attempt == self._attempts:
                raise IndexUnavailable(f"{operation} failed at the server ({kind})")
            if asyncio.get_running_loop().time() + wait_s > give_up_at:
                raise IndexUnavailable(f"{operation} failed at the server ({kind}, and no time is left)")
            _log.info("index_call_repeated", operation=operation, failure=kind, attempt=attempt)
            await self._wait(wait_s)
        raise IndexUnavailable(f"{operation} was not attempted")

    async def _connected(self) -> AsyncQdrantClient:
        async with self._connecting:
            if self._is_closed:
                raise IndexUnavailable("it was closed")
            loop = asyncio.get_running_loop()
            if self._client is None:  # in a thread: loading the library takes seconds, in which others are served
                self._client, self._loop = await asyncio.to_thread(self._connect), loop
            if self._loop is not loop:  # its sockets belong to the first loop, and would fail in ways hard to read
                raise IndexUnavailable("its connections belong to another event loop")
            return self._client

    async def _check_version(self) -> None:
        if self._is_checked:
            return
        try:
            found = await self._attempt("version", lambda client: client.info(), 1.0)
            major, minor = (int(part) for part in found.version.split(".")[:2])
        except (AbsentError, ValueError):
            raise IndexUnavailable("what answers at the address is no Qdrant server") from None
        if (major, minor) < OLDEST:
            raise IndexUnavailable(f"the server is version {major}.{minor}, and 1.19 is the oldest that will do")
        self._is_checked = True


def _understood(error: Exception, attempt: int) -> tuple[str, float | None]:
    """The kind of failure, and the seconds to wait before another attempt; None where none would help."""
    from httpx import TransportError
    from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
    from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

    wait_s = _random.uniform(0.5, 1.0) * min(_FIRST_WAIT_S * 4 ** (attempt - 1), _LONGEST_WAIT_S)
    if isinstance(error, ResourceExhaustedResponse):
        return "429", max(wait_s, error.retry_after_s)
    if isinstance(error, UnexpectedResponse):
        status = error.status_code or 0
        if status == 404:
            return "absent", None
        return str(status), wait_s if status in _RETRIED or status >= 500 else None
    if isinstance(error, ResponseHandlingException):
        cause = type(error.source).__name__
        return cause, wait_s if isinstance(error.source, TransportError) else None
    if isinstance(error, TimeoutError):
        return "timeout", wait_s
    # The library's own engine says it so; so does a body that is no JSON, which asking again settles.
    return ("absent" if isinstance(error, ValueError) else type(error).__name__), None
