"""The desk of another process, through the socket in the data folder."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from rag_service.domain.answer import Answer
from rag_service.domain.errors import IndexUnavailable, OwnerUnreachable
from rag_service.domain.identity import TenantId
from rag_service.domain.retrieval import SealedPoint
from rag_service.folder import DataFolder
from rag_service.owner import wire
from rag_service.owner.address import address, is_listening
from rag_service.owner.token import operator_token
from rag_service.store.outbox import Outbox

T = TypeVar("T")
FOLLOWED_WITHIN_S = 60.0
_HELLO_S = 10.0
_LOOK_EVERY_S = 0.1


@dataclass
class OwnerGone(OwnerUnreachable):
    """The holder ended before it answered: the folder may be free by now."""

    problem: str = "ended before it answered"


@asynccontextmanager
async def remote_desk(folder: DataFolder, outbox: Outbox, holder: str, patience_s: float) -> AsyncIterator[RemoteDesk]:
    """The desk of the holder, which has answered once.

    Raises:
        OwnerGone: nobody takes connections.
        OwnerUnreachable: somebody does, and does not answer.
    """
    with address(folder) as path:
        transport = httpx.AsyncHTTPTransport(uds=path)
        async with httpx.AsyncClient(transport=transport, trust_env=False, base_url="http://owner") as client:
            desk = RemoteDesk(client, folder, outbox, holder, patience_s)
            await desk.hello()
            yield desk


class RemoteDesk:
    """``Desk`` over HTTP. Errors are raised as the holder met them."""

    def __init__(
        self, client: httpx.AsyncClient, folder: DataFolder, outbox: Outbox, holder: str, patience_s: float
    ) -> None:
        self._client = client
        self._folder = folder
        self._outbox = outbox
        self._holder = holder
        self._patience_s = patience_s

    async def hello(self) -> None:
        """The holder lives, and takes our token."""
        await self._call("/hello", {}, patience_s=_HELLO_S)

    async def ask(
        self,
        question: str,
        *,
        tenant: str,
        user: str,
        groups: Sequence[str],
        limit: int,
        schema: Mapping[str, Any] | None = None,
    ) -> Answer:
        """The holder's answer."""
        form = dict(schema) if schema is not None else None
        asked = wire.Question(question, tenant, user, tuple(groups), limit, form)
        return self._told(wire.ANSWER, await self._call("/ask", asked))

    async def embedding(self, wanted: str | None = None) -> str:
        """The fingerprint of the holder's model."""
        return self._told(wire.NAME, await self._call("/embedding", wanted or ""))

    async def collections(self) -> frozenset[str]:
        """Every collection of the holder's index."""
        names = self._told(wire.NAMES, await self._call("/collections", {}))
        return frozenset(names)

    async def point_ids(self, tenant: TenantId, *, beside: bool = False) -> frozenset[str]:
        """The ids in the tenant's collection."""
        ids = self._told(wire.NAMES, await self._call("/point-ids", wire.OfTenant(tenant, beside)))
        return frozenset(ids)

    async def rankings(
        self, question: str, *, tenant: str, user: str, groups: Sequence[str], limit: int
    ) -> tuple[wire.Ranking, wire.Ranking]:
        """What the holder finds."""
        probe = wire.Probe(question, tenant, user, tuple(groups), limit)
        return self._told(wire.RANKINGS, await self._call("/rankings", probe))

    async def points(
        self, tenant: TenantId, point_ids: Sequence[str], *, beside: bool = False
    ) -> Mapping[str, SealedPoint]:
        """These points, a page a request."""
        found: dict[str, SealedPoint] = {}
        for start in range(0, len(point_ids), wire.MOST_POINTS):
            page = wire.PointsOfTenant(tenant, tuple(point_ids[start : start + wire.MOST_POINTS]), beside)
            found |= wire.decoded_points(await self._call("/points", page))
        return found

    async def catch_up(self, tenant: TenantId) -> None:
        """The holder has followed the outbox."""
        position = await self._outbox.newest(tenant)
        until = time.monotonic() + FOLLOWED_WITHIN_S
        while not await self._outbox.is_followed(tenant, position):
            if not is_listening(self._folder):
                raise OwnerGone(self._holder)
            if time.monotonic() > until:
                raise IndexUnavailable(f"{self._holder} has not brought it up to date in {FOLLOWED_WITHIN_S:.0f} s")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _call(self, path: str, asked: object, *, patience_s: float | None = None) -> bytes:
        body = wire.encoded(asked)
        headers = {"Authorization": operator_token(self._folder, "POST", path, body)}
        try:
            response = await self._client.post(
                path, content=body, headers=headers, timeout=patience_s or self._patience_s
            )
        except httpx.TimeoutException:
            raise OwnerUnreachable(self._holder) from None
        except httpx.TransportError:
            raise OwnerGone(self._holder) from None
        if response.is_success:
            return response.content
        if error := wire.decoded_error(response.content):
            raise error
        refused = response.status_code == httpx.codes.UNAUTHORIZED
        problem = "refused this operator's token" if refused else "met a defect, and says in its log which"
        raise OwnerUnreachable(self._holder, problem)

    def _told(self, kind: TypeAdapter[T], body: bytes) -> T:
        try:
            return kind.validate_json(body)
        except ValidationError:
            raise OwnerUnreachable(self._holder, "answers as another version would") from None
