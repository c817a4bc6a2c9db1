"""The life of an epoch: built beside the live one, made ready, switched to, rolled back, discarded.

All of it changes SQL alone; whoever owns the index follows. So it works beside a running service, and what was killed
is begun again where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.complete_epoch import Embed, complete
from ingestion.processes.stages import ProcessStages
from rag_service.adapters.embedders import with_model
from rag_service.authentication import operate
from rag_service.domain.errors import Conflict, FolderHeld, IndexUnavailable
from rag_service.folder import hold
from rag_service.owner.reach import reach, until_followed
from rag_service.settings import Settings
from rag_service.store.epochs import Epoch, EpochState, Views
from rag_service.store.tenants import Tenant
from rag_service.wiring import Store

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LOCK = "embedding.lock"
_ATTEMPTS = 5

Tell = Callable[[str, int, int], None]
"""Hears what is being done, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What changes a tenant's epochs: at most one a folder at a time."""

    settings: Settings
    store: Store
    tell: Tell

    async def build(self, tenant: Tenant, model: str | None, *, new_key: bool) -> Epoch:
        """An epoch with this model, or with the same one and a new key, stands beside and is ready.

        One that was begun before is gone on with. Raises ``Conflict`` where another stands beside, or nothing would
        change.
        """
        async with self._alone(), self._embedding(model) as embedding:
            views = await self.store.epochs.views(tenant.id)
            if views.live.embedding is None:
                raise Conflict("epoch", "nothing was ingested for this tenant: its first ingestion chooses the model")
            wanted = views.live.embedding if new_key and model is None else await embedding.fingerprint()
            if views.beside is None:
                if wanted == views.live.embedding and not new_key:
                    raise Conflict("epoch", "the tenant's index is of this model already; --new-key changes its key")
                await self.store.epochs.begin(operate(tenant), wanted)
                views = await self.store.epochs.views(tenant.id)
            beside = _expected(views, EpochState.BUILDING, EpochState.READY)
            if beside.embedding != wanted:
                raise Conflict("epoch", f"epoch {beside.number} stands beside, with another model; discard it first")
            embedding.of(views)
            await self._caught_up(views, embedding.embed)
            if beside.state is EpochState.BUILDING:
                await self.store.epochs.become_ready(operate(tenant), beside.number)
        return _expected(await self.store.epochs.views(tenant.id), EpochState.READY)

    async def switch(self, tenant: Tenant, *, back: bool = False) -> Views:
        """The epoch beside is live, from the next question on: the ready one, or ``back`` to the retired one.

        What came since it was built is embedded first. Raises ``Conflict`` where it is not there or never caught up,
        and ``EmbeddingMismatch`` where the service does not have its model.
        """
        wanted = EpochState.RETIRED if back else EpochState.READY
        async with self._alone(), self._embedding(None) as embedding:
            views = await self.store.epochs.views(tenant.id)
            beside = _expected(views, wanted)
            async with reach(self.settings, self.store) as desk:
                await desk.embedding(beside.embedding)  # loaded and verified, where questions are answered
            embedding.of(views)
            attempt = 0
            while True:
                unopened = await self._caught_up(views, embedding.embed)
                try:
                    return await self.store.epochs.switch(operate(tenant), beside.number, wanted, unopened)
                except Conflict:
                    attempt += 1
                    if attempt == _ATTEMPTS:
                        raise

    async def discard(self, tenant: Tenant) -> int:
        """The epoch beside is gone, its collection too. Returns its number."""
        async with self._alone():
            number = await self.store.epochs.discard(operate(tenant))
            await until_followed(self.settings, self.store, tenant.id)
        return number

    async def _caught_up(self, views: Views, embed: Embed) -> frozenset[str]:
        """Every chunk that opens has its vector in the epoch beside, in SQL and in the index, which was compared.

        Returns those that do not open.
        """
        store, operator = self.store, operate(views.live)
        beside = _expected(views, *EpochState)
        counts = await store.epochs.counts(operator)
        done, of = counts.get(beside.number, 0), counts[0]

        def tell(more: int) -> None:
            nonlocal done
            done += more
            self.tell("embedding", done, max(of, done))

        self.tell("embedding", done, of)
        unopened = await complete(store.epochs, views, embed, tell)
        self.tell("indexing", done, done)
        for _ in range(2):
            await until_followed(self.settings, store, operator.tenant, limit_s=None)
            async with reach(self.settings, store) as desk:
                held = await desk.point_ids(operator.tenant, beside=True)
            if await store.versions.chunk_ids(operator, beside.number) <= held:  # what is gone is gone there first
                return unopened
            await store.outbox.request_rebuild(operator)  # somebody was killed before the index was told
        raise IndexUnavailable("the new collection does not hold what was written to it")

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        try:
            with hold(self.store.folder, LOCK):
                yield
        except FolderHeld as held:
            raise Conflict("epoch", f"{held.holder} changes an epoch of this folder; wait for it") from None

    @asynccontextmanager
    async def _embedding(self, model: str | None) -> AsyncIterator[_Embedding]:
        settings = self.settings if model is None else with_model(self.settings, model)
        stages = ProcessStages(settings)  # its workers start when something is to be embedded
        try:
            yield _Embedding(stages)
        finally:
            await asyncio.to_thread(stages.close)


class _Embedding:
    """The workers that embed, started when first asked."""

    def __init__(self, stages: ProcessStages) -> None:
        self._stages = stages
        self._views: Views | None = None

    async def fingerprint(self) -> str:
        return await asyncio.to_thread(lambda: self._stages.fingerprint)

    def of(self, views: Views) -> None:
        """From here on the configured model of the epoch beside embeds."""
        self._views = views

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """A row of unit length for each text."""
        if self._views is None:
            return await self._stages.embed(texts)
        seen = _expected(self._views, *EpochState).tenant
        own = await asyncio.to_thread(self._stages.of, seen.id, seen.embedding)
        return await own.embed(texts)


def _expected(views: Views, *states: EpochState) -> Epoch:
    if views.beside is None or views.beside.state not in states:
        standing = f"epoch {views.beside.number} is {views.beside.state}" if views.beside else "none stands beside"
        raise Conflict("epoch", f"there is no epoch that is {' or '.join(states)}: {standing}")
    return views.beside
