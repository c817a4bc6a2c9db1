"""Epochs in SQL: one beside, a switch in one step that loses nothing, keys that open in no other place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from rag_service.authentication import operate
from rag_service.domain.errors import Conflict, IntegrityError
from rag_service.store import tables
from rag_service.store.epochs import Epochs, EpochState
from rag_service.store.lacking_vectors import Made
from rag_service.store.tenants import Tenant
from tests.store.queued import VAULT, Queued, queued

Scenario = Callable[[Queued, Epochs, Tenant], Awaitable[None]]
UNIT = np.ones(1, np.float32)


@pytest.fixture
def within(tmp_path: Path) -> Callable[[Scenario], None]:
    """Runs a scenario over a tenant with one document, bound to a model."""

    def run(scenario: Scenario) -> None:
        async def whole() -> None:
            async with queued(tmp_path) as q:
                tenant = await q.tenant("acme")
                await q.tenants.set_embedding(tenant, "first")
                await stored(q, tenant, "a.md")
                await scenario(q, Epochs(q.database, VAULT, q.tenants), await q.tenants.by_name("acme"))

        asyncio.run(whole())

    return run


async def stored(q: Queued, tenant: Tenant, source: str) -> None:
    await q.accept(tenant, source)
    await q.store(tenant, await q.claim())


async def filled(epochs: Epochs, tenant: Tenant) -> None:
    """Every chunk has its vector beside, and the index is taken to have followed."""
    views = await epochs.views(tenant.id)
    page = await epochs.lacking(operate(tenant), views)
    await epochs.add(operate(tenant), views, [Made(one, UNIT) for one in page], [])


def test_a_version_that_was_embedded_for_another_epoch_than_the_live_one_is_not_stored(
    within: Callable[[Scenario], None],
) -> None:
    async def scenario(q: Queued, epochs: Epochs, tenant: Tenant) -> None:
        await q.accept(tenant, "b.md")
        claim = await q.claim()
        await epochs.begin(operate(tenant), "second")
        await filled(epochs, tenant)
        await epochs.become_ready(operate(tenant), 2)
        views = await epochs.switch(operate(tenant), 2, EpochState.READY)
        assert (views.live.keys.index.epoch, views.live.embedding) == (2, "second")
        with pytest.raises(Conflict, match="try again"):
            await q.store(tenant, claim)  # with the keys that it began with
        assert await q.versions.live(operate(tenant), tenant.keys, "b.md") is None
        await q.store(views.live, claim)
        assert (await epochs.counts(operate(tenant))) == {0: 2, 1: 1, 2: 2}

    within(scenario)


def test_an_epoch_is_not_switched_to_before_it_is_ready_and_lacks_nothing(within: Callable[[Scenario], None]) -> None:
    async def scenario(q: Queued, epochs: Epochs, tenant: Tenant) -> None:
        operator = operate(tenant)
        await epochs.begin(operator, "second")
        with pytest.raises(Conflict, match="stands beside already"):
            await epochs.begin(operator, "third")
        await filled(epochs, tenant)
        with pytest.raises(Conflict):  # it is building
            await epochs.switch(operator, 2, EpochState.READY)
        await epochs.become_ready(operator, 2)
        await stored(q, tenant, "b.md")
        with pytest.raises(Conflict, match="lacks 1 "):
            await epochs.switch(operator, 2, EpochState.READY)
        await filled(epochs, tenant)
        await q.outbox.request_rebuild(operator)
        with pytest.raises(Conflict, match="1 changes wait"):
            await epochs.switch(operator, 2, EpochState.READY)
        await q.outbox.followed(tenant.id, await q.outbox.newest(tenant.id))
        views = await epochs.switch(operator, 2, EpochState.READY)
        assert views.beside is not None
        assert (views.beside.number, views.beside.state) == (1, EpochState.RETIRED)
        with pytest.raises(Conflict):  # what is retired is rolled back to, and not switched to
            await epochs.switch(operator, 1, EpochState.READY)

    within(scenario)


def test_an_epoch_whose_model_was_altered_in_sql_does_not_open(within: Callable[[Scenario], None]) -> None:
    async def scenario(q: Queued, epochs: Epochs, tenant: Tenant) -> None:
        await epochs.begin(operate(tenant), "second")
        async with q.database.write(tenant.id) as connection:
            theirs = tables.epochs.c.tenant_id == tenant.id
            await connection.execute(update(tables.epochs).where(theirs).values(embedding="first"))
        with pytest.raises(IntegrityError):
            await epochs.views(tenant.id)

    within(scenario)


def test_an_epoch_that_bears_the_number_of_a_discarded_one_opens_none_of_its_vectors(
    within: Callable[[Scenario], None],
) -> None:
    async def scenario(q: Queued, epochs: Epochs, tenant: Tenant) -> None:
        first = await epochs.begin(operate(tenant), "second")
        await epochs.discard(operate(tenant))
        second = await epochs.begin(operate(tenant), "second")
        assert first.number == second.number
        keys = (first.tenant.keys.index, second.tenant.keys.index)
        assert keys[0].vector_part != keys[1].vector_part
        assert keys[0].collection != keys[1].collection

    within(scenario)
