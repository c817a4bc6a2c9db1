"""The desk of the folder's holder: what needs its models or its index."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rag_service.authentication import act_as
from rag_service.domain.answer import Answer
from rag_service.domain.errors import NotFound
from rag_service.domain.identity import TenantId
from rag_service.domain.retrieval import SealedPoint
from rag_service.owner import wire
from rag_service.query.answer_schema import AnswerSchema
from rag_service.query.ask import Found, ask, search
from rag_service.query.retrieve import Filters
from rag_service.wiring import Service


class Desk(Protocol):
    """What whoever holds the master key may ask, alike in this process and through the socket of another.

    Whatever only changes SQL needs no desk: the holder follows the outbox (``rag_service.owner.reach``).
    """

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
        """The answer that this user of the tenant would get. Raises as ``rag_service.query.ask`` does."""
        ...

    async def embedding(self, wanted: str | None = None) -> str:
        """The fingerprint of the embedding model, once its files were verified: that of new tenants, or the wanted one.

        Raises ``EmbeddingMismatch`` where no configured model has the wanted fingerprint.
        """
        ...

    async def collections(self) -> frozenset[str]:
        """Every collection that the index holds, whoever owns it."""
        ...

    async def point_ids(self, tenant: TenantId, *, beside: bool = False) -> frozenset[str]:
        """Every point that the index holds for the tenant, in its live epoch or the one beside. Raises ``NotFound``."""
        ...

    async def rankings(
        self, question: str, *, tenant: str, user: str, groups: Sequence[str], limit: int
    ) -> tuple[wire.Ranking, wire.Ranking]:
        """What this user finds in the live epoch, and in the one beside. Raises ``NotFound`` where there is none."""
        ...

    async def points(
        self, tenant: TenantId, point_ids: Sequence[str], *, beside: bool = False
    ) -> Mapping[str, SealedPoint]:
        """The points as the index stores them; unknown ids are left out. Raises ``NotFound``."""
        ...

    async def catch_up(self, tenant: TenantId) -> None:
        """The index was seen to hold what SQL says of the tenant when this was called. Raises ``IndexUnavailable``."""
        ...


class LocalDesk:
    """The desk in the process that holds the folder."""

    def __init__(self, service: Service) -> None:
        self._service = service

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
        """The answer, from what this user may read."""
        store = self._service.store
        caller = await act_as(await store.tenants.by_name(tenant), user, groups, groups_of=store.groups)
        form = AnswerSchema.parse(schema) if schema is not None else None
        return await ask(question, Filters(), caller, self._service.query_parts, limit=limit, schema=form)

    async def embedding(self, wanted: str | None = None) -> str:
        """The fingerprint of a model that is loaded by now."""
        models = self._service.models
        found = await asyncio.to_thread(lambda: models.embedder_of(wanted) if wanted else models.embedder)
        return found.fingerprint

    async def collections(self) -> frozenset[str]:
        """Every collection of the index."""
        return await self._service.index.collections()

    async def point_ids(self, tenant: TenantId, *, beside: bool = False) -> frozenset[str]:
        """The ids in the tenant's collection."""
        return await self._service.index.point_ids(await self._collection(tenant, beside=beside))

    async def rankings(
        self, question: str, *, tenant: str, user: str, groups: Sequence[str], limit: int
    ) -> tuple[wire.Ranking, wire.Ranking]:
        """By the path that a search takes."""
        store, parts = self._service.store, self._service.query_parts
        views = await store.epochs.views((await store.tenants.by_name(tenant)).id)
        if views.beside is None:
            raise NotFound("epoch")
        callers = [
            await act_as(view, user, groups, groups_of=store.groups) for view in (views.live, views.beside.tenant)
        ]
        live, beside = [await search(question, Filters(), caller, parts, limit=limit) for caller in callers]
        return _ranking(live), _ranking(beside)

    async def points(
        self, tenant: TenantId, point_ids: Sequence[str], *, beside: bool = False
    ) -> Mapping[str, SealedPoint]:
        """These points of the tenant's collection."""
        return await self._service.index.read(await self._collection(tenant, beside=beside), point_ids)

    async def catch_up(self, tenant: TenantId) -> None:
        """The follower has followed."""
        await self._service.follower.catch_up(tenant)

    async def _collection(self, tenant: TenantId, *, beside: bool) -> str:
        views = await self._service.store.epochs.views(tenant)
        if beside and views.beside is None:
            raise NotFound("epoch")
        return views.all[-1 if beside else 0].keys.index.collection


def _ranking(found: Found) -> wire.Ranking:
    return wire.Ranking(
        tuple(one.chunk_id for one in found.passages),
        tuple(one.document_id for one in found.passages),
        tuple(one.source for one in found.passages),
    )
