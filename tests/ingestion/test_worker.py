"""The worker: what fails is tried again, costs only its own job, and is told; what is lost is let go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from typing import Any

import pytest

from ingestion.stages import LocalStages, Stages
from ingestion.worker import Worker, working
from rag_service.authentication import operate
from rag_service.domain.document import ParsedDocument, Upload
from rag_service.domain.errors import DatabaseUnavailable, EmbeddingMismatch, FolderHeld, QueueFull, StageFailed
from rag_service.domain.identity import TenantId
from rag_service.domain.jobs import ENDED, Job, JobState, UploadRequest
from rag_service.settings import Settings
from rag_service.store import jobs
from rag_service.store.claims import Claim
from rag_service.store.database import now
from rag_service.store.jobs import JobQueue
from rag_service.store.tenants import Tenant
from rag_service.store.uploads import seal_upload
from rag_service.wiring import Models, Store, open_store

Run = Callable[[Any], Any]
TEXT = "# Ferry\n\nThe ferry leaves at nine.\n"
SECRET = "quotes the document"


async def soon(is_so: Callable[[], Awaitable[bool]]) -> None:
    """It is so, within a minute."""
    async with asyncio.timeout(60):
        while not await is_so():  # noqa: ASYNC110  # what is waited for lies in a database
            await asyncio.sleep(0.01)


class TroubledStages(LocalStages):
    """The real stages; ``parse`` meets trouble first, by the name of the file, or waits at a gate."""

    def __init__(self, models: Models) -> None:
        super().__init__(models.embedder, models.detector)
        self.trouble: dict[str, list[Exception]] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.parsing: list[str] = []
        self.stopped: list[str] = []
        self.tenants: list[TenantId] = []

    def of(self, tenant: TenantId, embedding: str | None = None) -> Stages:
        if embedding not in (None, self.fingerprint):
            raise EmbeddingMismatch(embedding, self.fingerprint)
        self.tenants.append(tenant)
        return self

    async def parse(self, upload: Upload, max_bytes: int) -> ParsedDocument:
        self.parsing.append(upload.name)
        if trouble := self.trouble.get(upload.name):
            raise trouble.pop(0)
        if gate := self.gates.get(upload.name):
            try:
                await gate.wait()
            except asyncio.CancelledError:
                self.stopped.append(upload.name)
                raise
        return await super().parse(upload, max_bytes)


@dataclass
class Yard:
    """A store with one tenant, and the stages of whoever works there."""

    store: Store
    settings: Settings
    tenant: Tenant
    stages: TroubledStages
    jobs: dict[str, str] = field(default_factory=dict)

    async def accept(self, *names: str) -> None:
        for name in names:
            request = UploadRequest(name, name, "test", None, ("everyone",))
            sealed = seal_upload(self.tenant.keys, request, TEXT.encode())
            self.jobs[name] = (await self.store.uploads.accept(operate(self.tenant), self.tenant.keys, sealed)).job_id

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Worker]:
        async with working(self.store, nullcontext(self.stages), self.settings) as worker:
            yield worker

    async def job(self, name: str) -> Job:
        return await self.store.jobs.job(operate(self.tenant), self.tenant.keys, self.jobs[name])

    async def until(self, name: str, *states: JobState) -> Job:
        """The job, once it is in one of the states."""

        async def is_there() -> bool:
            return (await self.job(name)).state in states

        await soon(is_there)
        return await self.job(name)

    async def until_parsing(self, *names: str) -> None:
        async def are_all() -> bool:
            return set(names) <= set(self.stages.parsing)

        await soon(are_all)

    async def texts(self) -> set[str]:
        return {meta.source for meta in await self.store.documents.all(operate(self.tenant), self.tenant.keys)}


@pytest.fixture(autouse=True)
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds of waiting between attempts and heartbeats become hundredths."""
    monkeypatch.setattr("rag_service.store.jobs._FIRST_DELAY_S", 0.01)
    monkeypatch.setattr("ingestion.worker._BEAT_EVERY_S", 0.02)


@pytest.fixture
def yard(settings: Settings, models: Models) -> Callable[..., Any]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Yard]:
        async with open_store(settings) as store:
            yield Yard(store, settings, await store.tenants.create("acme", "identifiers"), TroubledStages(models))

    return opened


Open = Callable[[], Any]


def test_each_document_goes_through_the_stages_of_its_own_tenant(run: Run, yard: Open) -> None:
    async def scenario() -> None:
        async with yard() as here:
            first, second = here.tenant, await here.store.tenants.create("other", "identifiers")
            async with here.working():
                for tenant in (first, second, first):
                    here.tenant = tenant
                    name = str(len(here.stages.parsing))
                    await here.accept(name)
                    await here.until(name, JobState.STORED, JobState.DONE)
            assert [tenant for tenant, _ in groupby(here.stages.tenants)] == [first.id, second.id, first.id]

    run(scenario())


def test_a_tenant_whose_files_take_long_keeps_nobody_else_waiting(run: Run, yard: Open) -> None:
    async def scenario() -> None:
        async with yard() as here:
            slow = [f"slow-{number}" for number in range(8)]
            here.stages.gates = {name: asyncio.Event() for name in slow}
            await here.accept(*slow)
            other = await here.store.tenants.create("other", "identifiers")
            async with here.working():
                await here.until_parsing(*slow[:4])
                request = UploadRequest("quick", "quick", "test", None, ("everyone",))
                sealed = seal_upload(other.keys, request, TEXT.encode())
                quick = await here.store.uploads.accept(operate(other), other.keys, sealed)

                async def is_stored() -> bool:
                    job = await here.store.jobs.job(operate(other), other.keys, quick.job_id)
                    return job.state is JobState.STORED

                await soon(is_stored)
                assert set(here.stages.parsing) == {*slow[:4], "quick"}

    run(scenario())


def test_a_stage_that_fails_is_tried_again_until_it_succeeds(run: Run, yard: Open) -> None:
    async def scenario() -> None:
        async with yard() as here:
            here.stages.trouble["a.md"] = [StageFailed("parse", "it died"), StageFailed("parse", "it died")]
            await here.accept("a.md")
            async with here.working():
                job = await here.until("a.md", JobState.STORED)
            assert job.attempts == 3
            assert job.report is not None
            assert (job.report.version, job.report.reason) == (1, None)

    run(scenario())


@pytest.mark.parametrize(
    ("error", "attempts", "reason"),
    [
        (StageFailed("parse", "it died"), 5, "parse_failed"),
        (ZeroDivisionError(SECRET), 3, "internal_error"),
        (DatabaseUnavailable("SQLITE_BUSY"), jobs.MOST_ATTEMPTS, "unavailable"),
    ],
    ids=["a stage", "a defect", "a part that does not answer"],
)
def test_what_never_succeeds_is_a_dead_letter_with_a_report(
    run: Run, yard: Open, error: Exception, attempts: int, reason: str
) -> None:
    async def scenario() -> None:
        async with yard() as here:
            here.stages.trouble["a.md"] = [error] * 20
            await here.accept("a.md", "b.md")
            async with here.working():
                job = await here.until("a.md", JobState.FAILED)
                await here.until("b.md", JobState.STORED)  # it costs only its own job
            assert job.attempts == attempts
            assert job.report is not None
            assert job.report.reason == reason
            assert SECRET not in str(job)
            assert await here.texts() == {"b.md"}
            # Once the trouble is mended, the same content is there to be tried again.
            here.stages.trouble.clear()
            await here.store.jobs.retry(operate(here.tenant), here.jobs["a.md"])
            async with here.working():
                assert (await here.until("a.md", JobState.STORED)).attempts == 1

    run(scenario())


def test_a_file_that_cannot_become_a_document_is_refused_at_once(run: Run, yard: Open) -> None:
    async def scenario() -> None:
        async with yard() as here:
            await here.accept("program.exe")
            async with here.working():
                job = await here.until("program.exe", JobState.REFUSED)
            assert job.attempts == 1
            assert job.report is not None
            assert job.report.reason == "type_mismatch"

    run(scenario())


def test_a_job_that_is_cancelled_while_it_runs_is_stopped(run: Run, yard: Open) -> None:
    async def scenario() -> None:
        async with yard() as here:
            here.stages.gates["a.md"] = asyncio.Event()
            await here.accept("a.md", "b.md")
            async with here.working() as worker:
                await here.until_parsing("a.md")
                await here.store.jobs.cancel(operate(here.tenant), here.jobs["a.md"])
                await worker.drained()
                assert here.stages.stopped == ["a.md"]
            assert (await here.job("a.md")).state is JobState.CANCELLED
            assert await here.texts() == {"b.md"}

    run(scenario())


def test_a_job_whose_lease_was_lost_is_stopped_and_done_again(run: Run, yard: Open) -> None:
    async def scenario() -> None:
        async with yard() as here:
            here.stages.gates["a.md"] = asyncio.Event()
            await here.accept("a.md")
            async with here.working():
                await here.until_parsing("a.md")
                here.stages.gates.clear()
                await here.store.queue.release_all()  # as another worker would
                job = await here.until("a.md", JobState.STORED)
            assert here.stages.stopped == ["a.md"]
            assert job.attempts == 2

    run(scenario())


def test_a_tenant_that_is_deleted_while_its_jobs_run_costs_no_other(run: Run, yard: Open) -> None:
    async def scenario() -> None:
        async with yard() as here:
            here.stages.gates["a.md"] = asyncio.Event()
            await here.accept("a.md")
            async with here.working() as worker:
                await here.until_parsing("a.md")
                await here.store.tenants.delete(here.tenant)
                here.tenant = await here.store.tenants.create("bolt", "identifiers")
                await here.accept("b.md")
                await here.until("b.md", JobState.STORED)
                here.stages.gates["a.md"].set()
                await worker.drained()
            assert await here.store.queue.states() == {JobState.STORED: 1}

    run(scenario())


def test_a_worker_that_stops_gives_its_jobs_back_and_no_attempt_is_counted(run: Run, yard: Open) -> None:
    async def scenario() -> None:
        async with yard() as here:
            names = ("a.md", "b.md", "c.md")
            here.stages.gates = {name: asyncio.Event() for name in names}
            await here.accept(*names)
            for _ in range(3):
                here.stages.parsing.clear()
                async with here.working():
                    await here.until_parsing(*names)
                found = [await here.job(name) for name in names]
                assert {(job.state, job.attempts) for job in found} == {(JobState.QUEUED, 0)}
            here.stages.gates.clear()
            async with here.working():
                for name in names:
                    assert (await here.until(name, JobState.STORED)).attempts == 1

    run(scenario())


class SlowClaims:
    """Claims as they are, of which the worker hears a while later."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real, self.made = JobQueue.claim, asyncio.Event()

        async def claim(queue: JobQueue, *but_not: Any) -> Claim | None:
            found = await real(queue, *but_not)
            self.made.set()
            await asyncio.sleep(0.1)
            return found

        monkeypatch.setattr(JobQueue, "claim", claim)


def test_also_where_it_stops_before_it_hears_of_a_claim(run: Run, yard: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with yard() as here:
            await here.accept("a.md")
            claims = SlowClaims(monkeypatch)
            async with here.working():
                await claims.made.wait()
            job = await here.job("a.md")
            assert (job.state, job.attempts) == (JobState.QUEUED, 0)

    run(scenario())


def test_a_worker_that_was_killed_leaves_its_jobs_to_the_next_at_once(run: Run, yard: Open) -> None:
    async def scenario() -> None:
        async with yard() as here:
            await here.accept("a.md")
            assert await here.store.queue.claim() is not None  # by one that is gone; its lease has a minute to go
            async with here.working():
                assert (await here.until("a.md", JobState.STORED)).attempts == 2

    run(scenario())


def test_stages_are_told_while_a_job_runs(run: Run, yard: Open) -> None:
    async def scenario() -> None:
        async with yard() as here:
            here.stages.gates["a.md"] = asyncio.Event()
            await here.accept("a.md")
            async with here.working():

                async def is_told() -> bool:
                    return bool((await here.job("a.md")).stage == "parse")

                await soon(is_told)
                here.stages.gates["a.md"].set()
                assert (await here.until("a.md", JobState.STORED)).stage == ""

    run(scenario())


def test_a_job_that_takes_longer_than_its_lease_keeps_it(run: Run, yard: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with yard() as here:
            here.stages.gates["a.md"] = asyncio.Event()
            monkeypatch.setattr(here.store.queue, "_lease", timedelta(seconds=0.5))
            await here.accept("a.md")
            async with here.working():
                await here.until_parsing("a.md")
                await asyncio.sleep(1.5)
                here.stages.gates["a.md"].set()
                assert (await here.until("a.md", JobState.STORED)).attempts == 1

    run(scenario())


def test_another_model_than_the_tenants_is_a_dead_letter_at_once(run: Run, yard: Open) -> None:
    async def scenario() -> None:
        async with yard() as here:
            await here.store.tenants.set_embedding(here.tenant, "another model")
            await here.accept("a.md")
            async with here.working():
                job = await here.until("a.md", JobState.FAILED)
            assert job.attempts == 1
            assert job.report is not None
            assert job.report.reason == "embedding_mismatch"

    run(scenario())


def test_ended_jobs_are_forgotten_by_the_worker(run: Run, yard: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with yard() as here:
            await here.accept("program.exe")
            async with here.working():
                await here.until("program.exe", JobState.REFUSED)
            long_after = now() + timedelta(days=here.settings.job_days + 1)
            monkeypatch.setattr(jobs, "now", lambda: long_after)

            async def is_forgotten() -> bool:
                return not await here.store.queue.states()

            async with here.working():
                await soon(is_forgotten)

    run(scenario())


def test_no_more_jobs_are_begun_than_there_is_room_for(run: Run, yard: Open, settings: Settings) -> None:
    async def scenario() -> None:
        async with yard() as here:
            slots = 2 * settings.workers  # and one is kept for other tenants
            names = [f"{number}.md" for number in range(slots + 3)]
            here.stages.gates = {name: asyncio.Event() for name in names}
            await here.accept(*names)
            async with here.working() as worker:
                await here.until_parsing(*names[:slots])
                await asyncio.sleep(0.3)
                assert len(here.stages.parsing) == slots
                for gate in here.stages.gates.values():
                    gate.set()
                await worker.drained()
            assert await here.texts() == set(names)

    run(scenario())


def test_a_tenant_whose_queue_is_full_is_told_to_wait(run: Run, yard: Open) -> None:
    async def scenario() -> None:
        async with yard() as here:
            here.store.uploads._limits = type(here.store.uploads._limits)(2, 2**20)
            await here.accept("a.md", "b.md")
            with pytest.raises(QueueFull):
                await here.accept("c.md")
            async with here.working() as worker:
                await worker.drained()
                await here.accept("c.md")
                await here.until("c.md", JobState.STORED)

    run(scenario())


def faults(count: int) -> Iterator[Exception]:
    yield from (DatabaseUnavailable("SQLITE_BUSY"), RuntimeError("a defect")) * count
    raise AssertionError("asked too often")


@pytest.mark.parametrize("method", ["claim", "heartbeat", "forget_ended"])
def test_a_queue_that_fails_for_a_while_ends_no_worker(
    run: Run, yard: Open, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr("ingestion.worker._LONGEST_WAIT_S", 0.02)
    monkeypatch.setattr("ingestion.worker._FORGET_EVERY_S", 0.01)
    real, coming = getattr(JobQueue, method), faults(5)
    failed: list[Exception] = []

    async def flaky(*arguments: Any) -> Any:
        if len(failed) < 6:
            failed.append(next(coming))
            raise failed[-1]
        return await real(*arguments)

    monkeypatch.setattr(JobQueue, method, flaky)

    async def scenario() -> None:
        async with yard() as here:
            here.stages.gates["a.md"] = asyncio.Event()
            await here.accept("a.md")
            async with here.working() as worker:

                async def has_failed() -> bool:
                    return len(failed) == 6

                await soon(has_failed)
                here.stages.gates["a.md"].set()
                assert (await here.until("a.md", JobState.STORED)).attempts == 1
                await worker.drained()

    run(scenario())


def test_drained_waits_for_what_came_while_the_worker_looked(
    run: Run, yard: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        claims = SlowClaims(monkeypatch)
        async with yard() as here, here.working() as worker:
            await claims.made.wait()
            await here.accept("a.exe")
            await worker.drained()
            assert (await here.job("a.exe")).state in ENDED

    run(scenario())


def test_one_worker_at_a_time_goes_through_a_folders_queue(run: Run, yard: Open) -> None:
    async def scenario() -> None:
        async with yard() as here:
            async with here.working():
                with pytest.raises(FolderHeld):
                    async with here.working():
                        pass
            async with here.working():
                pass

    run(scenario())
