"""The index follows the log: in order, as often as it takes, and nothing counts as followed before it was seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rag_service import follow
from rag_service.adapters.memory_index import MemoryIndex
from rag_service.adapters.qdrant_edge import QdrantEdgeIndex
from rag_service.authentication import operate
from rag_service.compare_points import differences
from rag_service.domain.errors import IndexUnavailable
from rag_service.domain.identity import Principal, TenantId
from rag_service.domain.retrieval import SealedPoint
from rag_service.follow import IndexFollower, sealed_points
from rag_service.ports import ChunkIndex
from rag_service.store.tenants import Tenant
from rag_service.wiring import Store
from tests.databases import tamper
from tests.store.faulty_index import FaultyIndex

Run = Callable[[Any], Any]
Open = Callable[..., Any]

FILES = {
    "quays_md": "# Quays\n\nThe north quay closes at nine. Ships over ninety metres moor at the south quay.\n",
    "cranes_md": "# Cranes\n\nCrane four lifts forty tonnes. It is inspected every spring by the insurer.\n",
    "pilots_md": "# Pilots\n\nA pilot boards at the outer buoy. Two are on call every night.\n",
}


@dataclass
class Harbour:
    """One tenant with three documents in SQL, and an index that holds nothing of them yet."""

    store: Store
    tenant: Tenant
    index: FaultyIndex
    follower: IndexFollower

    @property
    def collection(self) -> str:
        return self.tenant.keys.index.collection

    async def documents(self) -> list[str]:
        return await self.store.versions.document_ids(operate(self.tenant))

    async def share(self, document_id: str, *principals: str) -> None:
        readers = [Principal.parse(one) for one in principals]
        await self.store.versions.set_access(operate(self.tenant), self.tenant.keys, document_id, readers)

    async def delete(self, document_id: str) -> None:
        await self.store.versions.delete(operate(self.tenant), document_id)

    async def expected(self) -> dict[str, SealedPoint]:
        """What SQL says that the index is to hold."""
        points = {}
        for document_id in await self.documents():
            stored, principals = await self.store.versions.points(operate(self.tenant), self.tenant.keys, document_id)
            sealed = sealed_points(self.tenant.keys.index, document_id, stored, principals)
            points |= {one.point_id: one for one in sealed}
        return points

    async def is_in_line(self) -> bool:
        """Whether the index holds exactly what SQL says, to the last token."""
        expected, held = await self.expected(), await self.index.point_ids(self.collection)
        found = await self.index.read(self.collection, sorted(held))
        return expected.keys() == held and not any(differences(one, found[name]) for name, one in expected.items())

    async def lags(self) -> bool:
        return bool(await self.store.outbox.entries(self.tenant.id))


@asynccontextmanager
async def opened_index(kind: str, path: Path) -> AsyncIterator[ChunkIndex]:
    index: ChunkIndex = MemoryIndex() if kind == "memory" else QdrantEdgeIndex(path)
    try:
        yield index
    finally:
        await index.close()


@pytest.fixture(params=["memory", "edge"])
def open_harbour(request: pytest.FixtureRequest, open_companies: Open, tmp_path: Path) -> Open:
    """Documents in SQL, as the pipeline writes them, before an index that is new."""

    @asynccontextmanager
    async def opened(*, followed: bool = True) -> AsyncIterator[Harbour]:
        async with open_companies("harbour") as (company,):
            await company.ingest(tmp_path / "docs", **FILES)
            store = company.service.store
            tenant = await store.tenants.by_name("harbour")
            await company.service.follower.catch_up(tenant.id)
            async with opened_index(request.param, tmp_path / "other") as real:
                index = FaultyIndex(real)
                follower = IndexFollower(store.epochs, store.versions, store.outbox, index)
                if followed:
                    await follower.start(tenant)
                yield Harbour(store, tenant, index, follower)

    return opened


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(3000):
        if await condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never became true")


@asynccontextmanager
async def following(follower: IndexFollower) -> AsyncIterator[None]:
    task = asyncio.create_task(follower.follow())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def test_an_index_whose_files_were_lost_is_made_anew(run: Run, open_harbour: Open) -> None:
    async def scenario() -> None:
        async with open_harbour(followed=False) as harbour:
            assert not await harbour.is_in_line()
            await harbour.follower.start(harbour.tenant)
            assert await harbour.is_in_line()
            assert len(await harbour.expected()) == 3
            harbour.index.calls.clear()
            await harbour.follower.start(harbour.tenant)
            assert not harbour.index.calls["replace"], "what is there is not made again"

    run(scenario())


def test_changes_are_followed_in_whatever_order_they_came(run: Run, open_harbour: Open) -> None:
    async def scenario() -> None:
        async with open_harbour() as harbour:
            first, second, third = await harbour.documents()
            await harbour.share(first, "user:ann")
            await harbour.delete(second)
            await harbour.share(first, "group:pilots", "user:bea")
            await harbour.share(third, "user:cid")
            await harbour.delete(third)
            await harbour.follower.catch_up(harbour.tenant.id)
            assert await harbour.is_in_line()
            assert len(await harbour.expected()) == 1
            assert not await harbour.lags()

    run(scenario())


def test_entries_may_be_applied_again(run: Run, open_harbour: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are after a crash between the index and the note that it has followed."""

    async def crash(*_: object) -> None:
        raise KeyboardInterrupt

    async def scenario() -> None:
        async with open_harbour() as harbour:
            first, second, _ = await harbour.documents()
            await harbour.share(first, "user:ann")
            await harbour.delete(second)
            for _ in range(2):
                with monkeypatch.context() as patch:
                    patch.setattr(harbour.store.outbox, "followed", crash)
                    with pytest.raises(KeyboardInterrupt):
                        await harbour.follower.catch_up(harbour.tenant.id)
                assert await harbour.is_in_line()
                assert await harbour.lags()
            await harbour.follower.catch_up(harbour.tenant.id)
            assert await harbour.is_in_line()
            assert not await harbour.lags()

    run(scenario())


@pytest.mark.parametrize("lost", ["upsert", "delete", "replace"])
def test_a_write_that_the_index_loses_is_not_followed(lost: str, run: Run, open_harbour: Open) -> None:
    async def scenario() -> None:
        async with open_harbour() as harbour:
            first, second, _ = await harbour.documents()
            match lost:
                case "upsert":
                    await harbour.share(first, "user:ann")  # the ids stay, and only their access list is new
                case "delete":
                    await harbour.delete(second)
                case "replace":
                    held = sorted(await harbour.index.point_ids(harbour.collection))
                    await harbour.index.delete(harbour.collection, held[:1])
                    await harbour.store.outbox.request_rebuild(operate(harbour.tenant))
            harbour.index.losing = {lost}
            for _ in range(2):
                with pytest.raises(IndexUnavailable):
                    await harbour.follower.catch_up(harbour.tenant.id)
                assert await harbour.lags()
            harbour.index.losing = set()
            await harbour.follower.catch_up(harbour.tenant.id)
            assert await harbour.is_in_line()
            assert not await harbour.lags()

    run(scenario())


@pytest.mark.parametrize("step", ["upsert", "read", "points_of"])
def test_what_fails_is_tried_until_it_is_done(
    step: str, run: Run, open_harbour: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_LONGEST_WAIT_S", 0.01)

    async def scenario() -> None:
        async with open_harbour() as harbour:
            [first, *_] = await harbour.documents()
            await harbour.share(first, "user:ann")
            harbour.index.failing[step] = 3

            async def is_done() -> bool:
                return not await harbour.lags()

            async with following(harbour.follower):
                await eventually(is_done)
            assert harbour.index.failing[step] == 0
            assert await harbour.is_in_line()

    run(scenario())


@pytest.mark.parametrize("trouble", ["fails", "hangs"])
def test_a_tenant_whose_index_is_in_trouble_holds_up_no_other(trouble: str, run: Run, open_harbour: Open) -> None:
    async def scenario() -> None:
        async with open_harbour() as harbour:
            other = await harbour.store.tenants.create("other", "identifiers")
            [first, *_] = await harbour.documents()
            await harbour.share(first, "user:ann")
            await harbour.store.outbox.request_rebuild(operate(other))
            if trouble == "fails":
                harbour.index.broken = {harbour.collection}
            else:
                harbour.index.meanwhile["upsert"] = asyncio.Event().wait

            async def other_is_followed() -> bool:
                return bool(await harbour.store.outbox.is_followed(other.id, 10**9))

            async with following(harbour.follower):
                await eventually(other_is_followed)
            assert await harbour.lags()

    run(scenario())


def test_a_broken_index_of_one_tenant_lets_the_service_start(run: Run, open_harbour: Open) -> None:
    async def scenario() -> None:
        async with open_harbour(followed=False) as harbour:
            harbour.index.broken = {harbour.collection}
            await harbour.follower.start(harbour.tenant)
            harbour.index.broken = set()
            await harbour.follower.start(harbour.tenant)
            assert await harbour.is_in_line()

    run(scenario())


def test_waits_stay_bounded_however_often_it_failed() -> None:
    lag = follow._Lag()
    for _ in range(5000):
        lag.fail()
    other = follow._Lag(failures=40)
    other.fail()
    assert abs(lag.not_before - other.not_before) < 1.0


def test_a_change_during_a_rebuild_is_not_overwritten(run: Run, open_harbour: Open) -> None:
    async def scenario() -> None:
        async with open_harbour() as harbour:
            first, _, third = await harbour.documents()

            async def change() -> None:
                await harbour.share(first, "user:ann")  # its page is written already
                await harbour.delete(third)  # its page is yet to come

            await harbour.store.outbox.request_rebuild(operate(harbour.tenant))
            harbour.index.meanwhile["page of replace"] = change
            await harbour.follower.catch_up(harbour.tenant.id)
            assert not harbour.index.meanwhile, "the change was to come during the rebuild"
            assert await harbour.lags(), "what came meanwhile is followed for itself"
            await harbour.follower.catch_up(harbour.tenant.id)
            assert await harbour.is_in_line()
            assert not await harbour.lags()

    run(scenario())


def test_a_rebuild_that_stops_on_the_way_leaves_what_was_there(run: Run, open_harbour: Open) -> None:
    async def scenario() -> None:
        async with open_harbour() as harbour:
            await harbour.store.outbox.request_rebuild(operate(harbour.tenant))
            harbour.index.failing["page of replace"] = 1
            with pytest.raises(IndexUnavailable):
                await harbour.follower.catch_up(harbour.tenant.id)
            assert await harbour.is_in_line()
            assert await harbour.lags()
            await harbour.follower.catch_up(harbour.tenant.id)
            assert await harbour.is_in_line()

    run(scenario())


@pytest.mark.parametrize("moment", ["upsert", "read", "points_of"])
def test_a_change_during_a_documents_write_is_followed_next(moment: str, run: Run, open_harbour: Open) -> None:
    async def scenario() -> None:
        async with open_harbour() as harbour:
            first, second, _ = await harbour.documents()

            async def change() -> None:
                await harbour.share(first, "user:bea")
                await harbour.delete(second)

            await harbour.share(first, "user:ann")
            await harbour.share(second, "user:ann")
            harbour.index.meanwhile[moment] = change
            await harbour.follower.catch_up(harbour.tenant.id)
            await harbour.follower.catch_up(harbour.tenant.id)
            assert await harbour.is_in_line()
            assert not await harbour.lags()

    run(scenario())


@pytest.mark.parametrize("moment", ["upsert", "read", "points_of", "page of replace"])
def test_a_tenant_deleted_during_a_write_leaves_nothing(moment: str, run: Run, open_harbour: Open) -> None:
    async def scenario() -> None:
        async with open_harbour() as harbour:
            [first, *_] = await harbour.documents()
            if moment == "page of replace":
                await harbour.store.outbox.request_rebuild(operate(harbour.tenant))
            else:
                await harbour.share(first, "user:ann")
            harbour.index.meanwhile[moment] = lambda: harbour.store.tenants.delete(harbour.tenant)
            await harbour.follower.catch_up(harbour.tenant.id)
            await harbour.follower.catch_up(harbour.tenant.id)
            assert harbour.collection not in await harbour.index.collections()
            assert not await harbour.lags()

    run(scenario())


def test_a_collection_that_does_not_go_is_dropped_again(run: Run, open_harbour: Open) -> None:
    async def scenario() -> None:
        async with open_harbour() as harbour:
            await harbour.store.tenants.delete(harbour.tenant)
            harbour.index.losing = {"drop"}
            with pytest.raises(IndexUnavailable):
                await harbour.follower.catch_up(harbour.tenant.id)
            assert await harbour.lags()
            harbour.index.losing = set()
            await harbour.follower.catch_up(harbour.tenant.id)
            assert harbour.collection not in await harbour.index.collections()
            assert not await harbour.lags()

    run(scenario())


@pytest.mark.parametrize("moment", ["upsert", "delete", "page of replace"])
def test_a_follower_that_is_stopped_on_the_way_goes_on_later(moment: str, run: Run, open_harbour: Open) -> None:
    async def scenario() -> None:
        async with open_harbour() as harbour:
            first, second, _ = await harbour.documents()
            await harbour.share(first, "user:ann")
            await harbour.delete(second)
            if moment == "page of replace":
                await harbour.store.outbox.request_rebuild(operate(harbour.tenant))
            reached = asyncio.Event()

            async def stand_still() -> None:
                reached.set()
                await asyncio.Event().wait()

            harbour.index.meanwhile[moment] = stand_still
            async with following(harbour.follower):
                await asyncio.wait_for(reached.wait(), 30)
            assert await harbour.lags()
            await harbour.follower.catch_up(harbour.tenant.id)
            assert await harbour.is_in_line()

    run(scenario())


async def plant_stray(harbour: Harbour, document_id: str) -> SealedPoint:
    """A point that the index holds, and SQL does not know."""
    stray = harbour.tenant.keys.index.seal_point(
        point_id="00000000-0000-4000-8000-000000000001",
        vector=next(iter((await harbour.expected()).values())).vector,
        terms={"stray": 1.0},
        access=[],
        document_id=document_id,
        source="nowhere",
    )
    await harbour.index.upsert(harbour.collection, [stray])
    return stray


def test_what_a_document_no_longer_has_goes_though_no_entry_names_it(run: Run, open_harbour: Open) -> None:
    async def scenario() -> None:
        async with open_harbour() as harbour:
            [first, *_] = await harbour.documents()
            await plant_stray(harbour, first)
            await harbour.share(first, "user:ann")
            await harbour.follower.catch_up(harbour.tenant.id)
            assert await harbour.is_in_line()

    run(scenario())


def test_points_that_an_entry_names_go_even_under_another_document(run: Run, open_harbour: Open) -> None:
    """An orphan carries a token that no document of SQL has: only its id finds it."""

    async def scenario() -> None:
        async with open_harbour() as harbour:
            stray = await plant_stray(harbour, "nothing")
            await harbour.store.outbox.request_removal(operate(harbour.tenant), [stray.point_id])
            await harbour.follower.catch_up(harbour.tenant.id)
            assert await harbour.is_in_line()

    run(scenario())


def test_a_document_with_a_broken_seal_is_left_out_and_holds_nothing_up(
    run: Run, open_harbour: Open, settings: Any
) -> None:
    async def scenario() -> None:
        async with open_harbour() as harbour:
            first, second, _ = await harbour.documents()
            of_first = (
                "UPDATE vectors SET sealed_vector = ? WHERE chunk_id IN (SELECT id FROM chunks WHERE document_id = ?)"
            )
            tamper(settings.data_dir, of_first, bytes(64), first)
            await harbour.store.outbox.request_rebuild(operate(harbour.tenant))
            await harbour.share(second, "user:ann")
            await harbour.follower.catch_up(harbour.tenant.id)
            assert not await harbour.lags()
            token = harbour.tenant.keys.index.document_token
            assert not await harbour.index.points_of(harbour.collection, token(first))
            assert await harbour.index.points_of(harbour.collection, token(second))

    run(scenario())


def test_the_queue_tells_how_far_the_index_is(run: Run, open_harbour: Open) -> None:
    async def scenario() -> None:
        async with open_harbour() as harbour:
            outbox, tenant = harbour.store.outbox, harbour.tenant.id
            assert await outbox.newest(tenant) == 0
            [first, *_] = await harbour.documents()
            await harbour.share(first, "user:ann")
            position = await outbox.newest(tenant)
            assert not await outbox.is_followed(tenant, position)
            assert await outbox.is_followed(TenantId("another"), position)
            await harbour.follower.catch_up(tenant)
            assert await outbox.is_followed(tenant, position)

    run(scenario())
