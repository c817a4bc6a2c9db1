"""The queue: fair, in order within a source, and fenced against whoever lost the right to a job."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from rag_service.authentication import operate
from rag_service.domain.errors import Conflict, LeaseLost, NotFound
from rag_service.domain.jobs import KEPT, JobState
from rag_service.store import jobs, tables
from rag_service.store.claims import Claim
from rag_service.store.database import SHARED, now
from rag_service.store.jobs import MOST_ATTEMPTS
from rag_service.store.tenants import Tenant
from tests.databases import opened, rows
from tests.store.queued import Clock, Queued, over, queued, raises

Run = Callable[[Any], Any]
Scenario = Callable[[Queued], Awaitable[None]]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    clock.install(monkeypatch)
    return clock


@pytest.fixture
def within(tmp_path: Path) -> Callable[[Scenario], None]:
    """Runs a scenario on a queue of its own."""

    def run(scenario: Scenario) -> None:
        async def main() -> None:
            async with queued(tmp_path) as q:
                await scenario(q)

        asyncio.run(main())

    return run


Within = Callable[[Scenario], None]


async def fill(
    q: Queued, tenant: Tenant, count: int, source: Callable[[int], str] = str, parent: str | None = None
) -> None:
    """Many waiting jobs, without their content."""
    moment = now()
    values = {"state": "queued", "stage": "", "size": 1, "attempts": 0, "not_before": moment, "content_token": ""}
    rows = [
        {**values, "id": f"{tenant.id}-{number}", "tenant_id": tenant.id, "document_id": "d", "created_at": moment,
         "changed_at": moment, "source_token": source(number), "parent_id": parent}
        for number in range(count)
    ]  # fmt: skip
    async with q.database.write(SHARED) as connection:
        await connection.execute(insert(tables.jobs), rows)


@contextmanager
def counted_steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """How many hundreds of steps SQLite's machine took, over connections that are opened meanwhile."""
    steps = 0

    def one_more() -> int:
        nonlocal steps
        steps += 1
        return 0

    real: Callable[..., sqlite3.Connection] = sqlite3.connect

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = real(*arguments, **options)
        connection.set_progress_handler(one_more, 100)
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", connect)
        yield lambda: steps


class TestFairness:
    def test_a_tenant_with_twenty_thousand_jobs_keeps_no_other_waiting(self, within: Within) -> None:
        async def scenario(q: Queued) -> None:
            big, small = await q.tenant("big"), await q.tenant("small")
            await fill(q, big, 20_000)
            assert (await q.claim()).tenant == big.id
            await q.accept(small, "only.md")
            assert (await q.claim()).tenant == small.id

        within(scenario)

    @pytest.mark.sqlite
    def test_and_claiming_does_not_go_through_them(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        async def steps_of_a_claim(path: Path, waiting: int) -> int:
            async with queued(path) as q:
                await fill(q, await q.tenant("big"), waiting)
                await q.accept(await q.tenant("small"), "only.md")
            with counted_steps(monkeypatch) as steps:
                async with queued(path) as q:
                    await q.queue.states()  # both connections are open
                    before = steps()
                    for _ in range(4):
                        await q.claim()
                    return steps() - before

        for name in ("few", "many"):
            (tmp_path / name).mkdir()
        few = asyncio.run(steps_of_a_claim(tmp_path / "few", 50))
        many = asyncio.run(steps_of_a_claim(tmp_path / "many", 20_000))
        assert 0 < few < 100
        assert many <= 2 * few

    def test_archives_are_opened_only_while_little_of_what_came_in_them_waits(
        self, within: Within, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each of them may become hundreds of times what it is where it waits."""
        monkeypatch.setattr(jobs, "_MOST_MEMBERS", 3)

        async def scenario(q: Queued) -> None:
            tenant, other = await q.tenant("acme"), await q.tenant("bolt")
            archives = [(await q.accept(tenant, f"{number}.zip")).job_id for number in range(2)]
            await fill(q, tenant, 4, parent="a container")
            claims = [await q.claim() for _ in range(3)]
            assert [one.job_id for one in claims] == [f"{tenant.id}-0", f"{tenant.id}-1", archives[0]]
            await q.accept(other, "only.md")
            assert (await q.claim()).tenant == other.id

        within(scenario)

    def test_tenants_are_served_by_turns_whoever_came_first(self, within: Within) -> None:
        async def scenario(q: Queued) -> None:
            tenants = [await q.tenant(name) for name in ("ann", "bob", "cid")]
            for tenant in tenants:
                for number in range(4):
                    await q.accept(tenant, str(number))
            served = []
            for _ in range(12):
                claim = await q.claim()
                served.append(claim.tenant)
                await q.end(next(one for one in tenants if one.id == claim.tenant), claim)
            assert served[:3] * 4 == served
            assert len(set(served[:3])) == 3

        within(scenario)

    def test_who_has_fewer_jobs_under_way_is_next(self, within: Within) -> None:
        async def scenario(q: Queued) -> None:
            ann, bob = await q.tenant("ann"), await q.tenant("bob")
            for number in range(3):
                await q.accept(ann, str(number))
                await q.accept(bob, str(number))
            first, second = await q.claim(), await q.claim()
            assert {first.tenant, second.tenant} == {ann.id, bob.id}
            await q.end(ann if second.tenant == ann.id else bob, second)
            assert (await q.claim()).tenant == second.tenant, "though it was served last"

        within(scenario)

    def test_a_tenant_whose_jobs_all_wait_for_something_gives_its_turn_away(self, within: Within, clock: Clock) -> None:
        async def scenario(q: Queued) -> None:
            clock.pass_by(1)
            ann, bob = await q.tenant("ann"), await q.tenant("bob")
            await q.accept(ann, "a", "1")
            await q.accept(ann, "a", "2")
            assert await q.queue.give_back(await q.claim()) is JobState.QUEUED
            await q.accept(bob, "b")
            assert (await q.claim()).tenant == bob.id
            assert await q.queue.claim() is None

        within(scenario)


class TestOrder:
    """Two uploads of one source: the one that was accepted last is what stays."""

    def test_the_second_waits_for_the_first(self, within: Within) -> None:
        async def scenario(q: Queued) -> None:
            acme = await q.tenant("acme")
            first = await q.accept(acme, "a", "first")
            second = await q.accept(acme, "a", "second")
            other = await q.accept(acme, "b", "other")
            claims = [await q.claim(), await q.claim()]
            assert [one.job_id for one in claims] == [first.job_id, other.job_id]
            assert await q.queue.claim() is None
            assert await q.store(acme, claims[0]) == 1
            claim = await q.claim()
            assert claim.job_id == second.job_id
            assert await q.store(acme, claim) == 2
            assert await q.live_text(acme, "a") == "second"

        within(scenario)

    def test_also_while_the_first_waits_to_be_tried_again(self, within: Within, clock: Clock) -> None:
        async def scenario(q: Queued) -> None:
            acme = await q.tenant("acme")
            first, second = await q.accept(acme, "a", "first"), await q.accept(acme, "a", "second")
            await q.queue.give_back(await q.claim())
            assert await q.queue.claim() is None
            clock.pass_by(300)
            again = await q.claim()
            assert (again.job_id, again.attempt) == (first.job_id, 2)
            await q.store(acme, again)
            assert (await q.claim()).job_id == second.job_id

        within(scenario)

    @pytest.mark.parametrize("ends", ["refused", "failed", "cancelled"])
    def test_and_follows_when_the_first_came_to_nothing(self, within: Within, ends: str) -> None:
        async def scenario(q: Queued) -> None:
            acme = await q.tenant("acme")
            first, second = await q.accept(acme, "a", "first"), await q.accept(acme, "a", "second")
            claim = await q.claim()
            if ends == "refused":
                await q.end(acme, claim)
            elif ends == "failed":
                await q.fail(acme, claim)
            else:
                await q.jobs.cancel(operate(acme), claim.job_id)
            claim = await q.claim()
            assert claim.job_id == second.job_id
            assert claim.document_id == first.document_id
            assert await q.store(acme, claim) == 1

        within(scenario)

    @pytest.mark.parametrize("meanwhile", [JobState.STORED, JobState.UNCHANGED])
    def test_a_dead_letter_never_replaces_what_was_accepted_after_it(self, within: Within, meanwhile: JobState) -> None:
        async def scenario(q: Queued) -> None:
            acme = await q.tenant("acme")
            first = await q.accept(acme, "a", "first")
            await q.fail(acme, await q.claim())
            await q.accept(acme, "a", "second")
            claim = await q.claim()
            await raises(Conflict, q.jobs.retry(operate(acme), first.job_id))
            if meanwhile is JobState.STORED:
                await q.store(acme, claim)
            else:
                await q.end(acme, claim, JobState.UNCHANGED)
            await raises(Conflict, q.jobs.retry(operate(acme), first.job_id))
            assert await q.state(acme, first.job_id) is JobState.CANCELLED
            await raises(NotFound, q.uploads.open(operate(acme), acme.keys, first.job_id))

        within(scenario)

    def test_one_that_is_tried_again_never_runs_beside_a_later_one(self, within: Within) -> None:
        """However it came to wait while a later one runs: here the queue is set so by hand."""

        async def scenario(q: Queued) -> None:
            acme = await q.tenant("acme")
            first = await q.accept(acme, "a", "first")
            await q.fail(acme, await q.claim())
            await q.accept(acme, "a", "second")
            claim = await q.claim()
            async with q.database.write(SHARED) as connection:
                again = tables.jobs.update().where(tables.jobs.c.id == first.job_id)
                await connection.execute(again.values(state=JobState.QUEUED, not_before=now()))
            assert await q.queue.claim() is None
            await q.store(acme, claim)
            assert await q.queue.claim() is None
            assert await q.live_text(acme, "a") == "second"

        within(scenario)

    def test_a_dead_letter_that_is_tried_again_makes_no_second_document(self, within: Within) -> None:
        async def scenario(q: Queued) -> None:
            acme = await q.tenant("acme")
            first = await q.accept(acme, "a", "first")
            await q.fail(acme, await q.claim())
            second = await q.accept(acme, "a", "second")
            await q.end(acme, await q.claim())  # refused
            await q.jobs.retry(operate(acme), first.job_id)
            assert await q.store(acme, await q.claim()) == 1
            third = await q.accept(acme, "a", "third")
            assert await q.store(acme, await q.claim()) == 2
            assert {first.document_id, second.document_id, third.document_id} == {first.document_id}

        within(scenario)


class TestFencing:
    """Whoever lost a job can neither store it nor end it nor give it back."""

    async def _lost(self, q: Queued, acme: Tenant, clock: Clock, how: str) -> tuple[Claim, Claim | None]:
        await q.accept(acme, "a", "text")
        stale = await q.claim()
        if how == "expired":
            clock.pass_by(61)
            return stale, await q.claim()
        if how == "released":
            await q.queue.release_all()
            return stale, await q.claim()
        if how == "given back":
            await q.queue.interrupt(stale)
            return stale, await q.claim()
        await q.jobs.cancel(operate(acme), stale.job_id)
        return stale, None

    @pytest.mark.parametrize("how", ["expired", "released", "given back", "cancelled"])
    def test_a_lost_job_is_out_of_reach(self, within: Within, clock: Clock, how: str) -> None:
        async def scenario(q: Queued) -> None:
            acme = await q.tenant("acme")
            stale, fresh = await self._lost(q, acme, clock, how)
            before = await q.job(acme, stale.job_id)
            if fresh is not None:  # its content is still there
                await raises(LeaseLost, q.store(acme, stale))
            await raises(LeaseLost, q.end(acme, stale))
            assert await q.queue.give_back(stale) is None
            await q.queue.interrupt(stale)
            assert await q.queue.heartbeat({stale.lease: "chunk"}) == {stale.lease}
            assert await q.job(acme, stale.job_id) == before
            assert await q.live_text(acme, "a") is None
            if fresh is not None:
                assert await q.queue.heartbeat({fresh.lease: "embed"}) == frozenset()
                assert (await q.job(acme, fresh.job_id)).stage == "embed"
                assert await q.store(acme, fresh) == 1
                await raises(LeaseLost, q.end(acme, fresh))

        within(scenario)

    def test_nothing_of_a_version_is_kept_when_the_lease_was_lost(self, within: Within, tmp_path: Path) -> None:
        async def scenario(q: Queued) -> None:
            acme = await q.tenant("acme")
            await q.accept(acme, "a", "one")
            await q.store(acme, await q.claim())
            await q.accept(acme, "a", "two")
            stale = await q.claim()
            await q.queue.release_all()
            before = counts(tmp_path)
            await raises(LeaseLost, q.store(acme, stale))
            assert counts(tmp_path) == before
            assert await q.live_text(acme, "a") == "one"

        within(scenario)

    def test_heartbeats_keep_a_lease(self, within: Within, clock: Clock) -> None:
        async def scenario(q: Queued) -> None:
            await q.accept(await q.tenant("acme"), "a")
            claim = await q.claim()
            for _ in range(5):
                clock.pass_by(50)
                assert await q.queue.heartbeat({claim.lease: "parse"}) == frozenset()
                assert await q.queue.claim() is None
            assert await q.queue.heartbeat({}) == frozenset()

        within(scenario)

    def test_a_document_that_is_deleted_stays_so_though_a_job_for_it_runs(self, within: Within) -> None:
        async def scenario(q: Queued) -> None:
            acme = await q.tenant("acme")
            first = await q.accept(acme, "a", "one")
            await q.store(acme, await q.claim())
            await q.accept(acme, "a", "two")
            claim = await q.claim()
            waiting = await q.accept(acme, "a", "three")
            dead = await q.accept(acme, "a", "four")
            async with q.database.write(SHARED) as connection:
                await connection.execute(
                    tables.jobs.update().where(tables.jobs.c.id == dead.job_id).values(state="failed")
                )
            content = await q.uploads.open(operate(acme), acme.keys, claim.job_id)
            await q.versions.delete(operate(acme), first.document_id)
            assert content
            for job_id in (claim.job_id, waiting.job_id, dead.job_id):
                assert await q.state(acme, job_id) is JobState.CANCELLED
                await raises(NotFound, q.uploads.open(operate(acme), acme.keys, job_id))
            assert await q.queue.heartbeat({claim.lease: "embed"}) == {claim.lease}
            await raises(LeaseLost, q.end(acme, claim, JobState.UNCHANGED))
            assert await q.queue.claim() is None

        within(scenario)

    def test_a_tenant_that_is_deleted_leaves_nothing_to_do(self, within: Within, tmp_path: Path) -> None:
        async def scenario(q: Queued) -> None:
            acme, bolt = await q.tenant("acme"), await q.tenant("bolt")
            await q.accept(acme, "a")
            await q.accept(acme, "b")
            claim = await q.claim()
            await q.accept(bolt, "a")
            await q.tenants.delete(acme)
            assert (await q.claim()).tenant == bolt.id
            assert await q.queue.claim() is None
            await raises(LeaseLost, q.queue.end(claim, JobState.UNCHANGED, b""))
            assert await q.queue.give_back(claim) is None
            await q.queue.interrupt(claim)

        within(scenario)
        assert counts(tmp_path)["jobs"] == counts(tmp_path)["spool"] == 1


class TestTryingAgain:
    def test_later_each_time_and_at_last_a_dead_letter_that_keeps_its_content(
        self, within: Within, clock: Clock
    ) -> None:
        async def scenario(q: Queued) -> None:
            acme = await q.tenant("acme")
            job = await q.accept(acme, "a", "text")
            waited = []
            for attempt in range(1, MOST_ATTEMPTS + 1):
                claim = await q.claim()
                assert claim.attempt == attempt
                state = await q.queue.give_back(claim)
                began = clock.now()
                while state is JobState.QUEUED and await q.queue._is_work_to_do(()) is False:
                    clock.pass_by(0.25)
                waited.append((clock.now() - began).total_seconds())
            assert state is JobState.FAILED
            assert all(0.5 * 2**at <= seconds <= 2**at + 0.25 for at, seconds in enumerate(waited[:-1]))
            clock.pass_by(10**5)
            assert await q.queue.claim() is None
            _, content = await q.uploads.open(operate(acme), acme.keys, job.job_id)
            assert content == b"text"
            await q.jobs.retry(operate(acme), job.job_id)
            assert (await q.claim()).attempt == 1

        within(scenario)

    def test_a_job_that_ends_every_worker_that_takes_it_is_a_dead_letter_at_last(
        self, within: Within, clock: Clock
    ) -> None:
        async def scenario(q: Queued) -> None:
            acme = await q.tenant("acme")
            job = await q.accept(acme, "a")
            for number in range(MOST_ATTEMPTS):
                await q.claim()
                if number % 2:
                    clock.pass_by(61)
                else:
                    await q.queue.release_all()
            assert await q.queue.claim() is None
            assert await q.state(acme, job.job_id) is JobState.FAILED

        within(scenario)

    def test_an_interrupted_attempt_does_not_count(self, within: Within) -> None:
        async def scenario(q: Queued) -> None:
            await q.accept(await q.tenant("acme"), "a")
            for _ in range(3 * MOST_ATTEMPTS):
                claim = await q.claim()
                assert claim.attempt == 1
                await q.queue.interrupt(claim)

        within(scenario)

    @pytest.mark.parametrize("back_s", [1, 3600, 10**7])
    def test_a_clock_that_is_set_back_keeps_no_job_waiting_for_long(
        self, within: Within, clock: Clock, back_s: int
    ) -> None:
        async def scenario(q: Queued) -> None:
            acme = await q.tenant("acme")
            await q.accept(acme, "new")
            await q.accept(acme, "tried")
            for _ in range(2):
                await q.queue.give_back(await q.claim())
            await q.accept(acme, "newer")
            clock.pass_by(-back_s)
            claimed = set()
            for _ in range(31):
                clock.pass_by(10)
                claimed |= {claim.job_id} if (claim := await q.queue.claim()) else set()
            assert len(claimed) == 3

        within(scenario)


@pytest.mark.parametrize("state", sorted(JobState))
def test_a_job_is_cancelled_unless_it_ended(within: Within, tmp_path: Path, state: JobState) -> None:
    async def scenario(q: Queued) -> None:
        acme = await q.tenant("acme")
        job = await q.accept(acme, "a")
        if state is not JobState.QUEUED:
            claim = await q.claim()
            if state is JobState.FAILED:
                await q.fail(acme, claim)
            elif state in {JobState.STORED, JobState.DONE}:
                await q.store(acme, claim)
                if state is JobState.DONE:
                    await q.outbox.followed(acme.id, await q.outbox.newest(acme.id))
            elif state is not JobState.RUNNING:
                await q.end(acme, claim, state)
        assert await q.state(acme, job.job_id) is state
        if state in KEPT:
            await q.jobs.cancel(operate(acme), job.job_id)
            assert await q.state(acme, job.job_id) is JobState.CANCELLED
        else:
            await raises(Conflict, q.jobs.cancel(operate(acme), job.job_id))
            assert await q.state(acme, job.job_id) is state
        assert await q.queue.claim() is None
        assert counts(tmp_path)["spool"] == 0

    within(scenario)


def test_a_stored_job_is_done_once_its_change_was_followed(within: Within) -> None:
    async def scenario(q: Queued) -> None:
        acme = await q.tenant("acme")
        one, two = await q.accept(acme, "a"), await q.accept(acme, "b")
        for _ in range(2):
            await q.store(acme, await q.claim())
        entries = await q.outbox.entries(acme.id)
        await q.outbox.followed(acme.id, entries[0].position)
        assert [await q.state(acme, job.job_id) for job in (one, two)] == [JobState.DONE, JobState.STORED]
        await q.outbox.followed(acme.id, entries[1].position)
        assert await q.state(acme, two.job_id) is JobState.DONE

    within(scenario)


def test_ended_jobs_are_forgotten_in_their_time_and_no_others(within: Within, clock: Clock, tmp_path: Path) -> None:
    async def scenario(q: Queued) -> None:
        acme = await q.tenant("acme")
        for source in ("stored", "refused", "failed"):
            await q.accept(acme, source)
        await q.store(acme, await q.claim())
        await q.end(acme, await q.claim())
        await q.fail(acme, await q.claim())
        await q.accept(acme, "waits")
        clock.pass_by(3600)
        assert await q.queue.forget_ended(timedelta(hours=2)) == 0
        assert await q.queue.forget_ended(timedelta(minutes=30)) == 2
        left = await q.jobs.jobs(operate(acme), acme.keys, list(JobState), 10)
        assert [(job.source, job.state) for job in left] == [("waits", JobState.QUEUED), ("stored", JobState.STORED)]

    within(scenario)
    assert counts(tmp_path)["uploads"] == 2
    assert counts(tmp_path)["spool"] == 1


def test_two_processes_never_get_the_same_job(within: Within, tmp_path: Path) -> None:
    async def scenario(q: Queued) -> None:
        tenants = [await q.tenant(name) for name in ("ann", "bob", "cid")]
        accepted = {(await q.accept(tenant, str(number))).job_id for tenant in tenants for number in range(6)}
        others = [over(opened(tmp_path)) for _ in range(2)]
        taken: list[str] = []

        async def work(one: Queued) -> None:
            while claim := await one.queue.claim():
                taken.append(claim.job_id)

        await asyncio.gather(*(work(one) for one in others for _ in range(2)))
        assert sorted(taken) == sorted(accepted)
        for one in others:
            await one.database.close()

    within(scenario)


def test_a_claim_that_was_interrupted_took_a_job_whole_or_not_at_all(within: Within, clock: Clock) -> None:
    async def scenario(q: Queued) -> None:
        acme = await q.tenant("acme")
        for number in range(40):
            await q.accept(acme, str(number))
        for number in range(40):
            task = asyncio.create_task(q.queue.claim())
            for _ in range(number * 2):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        clock.pass_by(61)
        taken = 0
        while await q.queue.claim():
            taken += 1
        assert taken == 40

    within(scenario)


def counts(path: Path) -> dict[str, int]:
    """Rows in every table."""
    names = tables.metadata.tables
    return {name: rows(path, f"select count(*) from {name}")[0][0] for name in names}  # noqa: S608  # our own names
