"""The worker: takes jobs from the queue in fair order and walks each through the document path."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from datetime import timedelta
from functools import partial

import structlog

from ingestion.parts import ingestion_parts
from ingestion.pipeline import HeldAlready, Task, Unchanged, ingest
from ingestion.revalidate import SWEEP_LOCK, revalidate
from ingestion.stages import StagesByTenant, places
from ingestion.watched_stages import WatchedStages
from rag_service.authentication import operate
from rag_service.domain.errors import (
    EmbeddingMismatch,
    FolderHeld,
    IntegrityError,
    LeaseLost,
    NotFound,
    RagError,
    Refused,
    StageFailed,
)
from rag_service.domain.identity import TenantId
from rag_service.domain.jobs import JobState, Report
from rag_service.folder import QUEUE_LOCK, hold
from rag_service.pauses import Pauses
from rag_service.settings import Settings
from rag_service.store.claims import Claim
from rag_service.store.jobs import MOST_ATTEMPTS
from rag_service.store.tenants import Tenant
from rag_service.store.uploads import seal_report
from rag_service.wiring import Store

_log = structlog.get_logger()
_BEAT_EVERY_S = 1.0
_FORGET_EVERY_S = 3600.0
_SWEEP_AFTER_S, _SWEEP_EVERY_S = 60.0, 3600.0
_LONGEST_WAIT_S = 30.0
_MOST_STAGE_FAILURES = 5
_MOST_DEFECTS = 3


class Worker:
    """Works through the queue, a few jobs at a time: while one is parsed, another is embedded."""

    def __init__(self, store: Store, stages: StagesByTenant, settings: Settings) -> None:
        self._store = store
        self._stages = stages
        self._settings = settings
        self._slots = places(settings)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._tenants: dict[str, TenantId] = {}
        self._at: defaultdict[str, str] = defaultdict(str)
        self._idle = asyncio.Event()
        self._room = asyncio.Event()

    async def prepare(self, tenant: Tenant) -> Tenant:
        """The tenant, bound to a model that is at hand. Raises ``EmbeddingMismatch``."""
        tenant = await _bound(tenant, self._stages.fingerprint, self._store)
        await asyncio.to_thread(self._stages.of, tenant.id, tenant.embedding)
        return tenant

    async def run(self) -> None:
        """Works until cancelled; what is under way then waits in the queue again, as if it had not been begun."""
        upkeep = [asyncio.create_task(one) for one in (self._beat(), self._forget(), self._revalidate())]
        try:
            await self._take_jobs()
        finally:
            tasks = [*upkeep, *self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def drained(self) -> None:
        """Nothing was to be done when the queue was last looked at, and nothing is under way."""
        for _ in range(2):  # the first look may have begun before this call
            self._idle.clear()
            await self._idle.wait()

    async def _take_jobs(self) -> None:
        failures, pauses = 0, Pauses()
        while True:
            claim = None
            try:
                if len(self._running) < self._slots:
                    claim = await self._claim()
                failures = 0
            except Exception as error:  # noqa: BLE001  # whatever stops it once must not stop it for good
                failures += 1
                _log.error("queue_unavailable", error=type(error).__name__, failures=failures)
            if claim is not None or self._running:
                pauses.begin_anew()
            if claim is not None:
                task = asyncio.create_task(self._work(claim))
                self._running[claim.lease], self._tenants[claim.lease] = task, claim.tenant
                task.add_done_callback(partial(self._forget_lease, claim.lease))
                continue
            if not self._running and not failures:
                self._idle.set()
            await self._pause(min(pauses.next_s() * 2 ** min(failures, 16), _LONGEST_WAIT_S))

    async def _pause(self, seconds: float) -> None:
        """That long, or until a job ends and leaves room for the next."""
        self._room.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._room.wait()

    async def _claim(self) -> Claim | None:
        """The next job, if there is one. Where this worker stops meanwhile, what was claimed is not left behind."""
        busy = Counter(self._tenants.values())
        but_not = {tenant for tenant, jobs in busy.items() if jobs >= self._slots - 1}
        claiming = asyncio.create_task(self._store.queue.claim(but_not))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            if claim := await claiming:
                await self._store.queue.interrupt(claim)
            raise

    def _forget_lease(self, lease: str, _: asyncio.Task[None]) -> None:
        self._running.pop(lease, None)
        self._tenants.pop(lease, None)
        self._at.pop(lease, None)
        self._room.set()

    async def _work(self, claim: Claim) -> None:
        """The job ended, or waits for another attempt. Nothing that one job meets stops the others."""
        try:
            tenant = await self._store.tenants.by_id(claim.tenant)
            await self._ingest(claim, tenant)
        except asyncio.CancelledError:
            await self._store.queue.interrupt(claim)  # changes nothing where the lease was lost
            raise
        except LeaseLost:
            _log.warning("lease_lost", job=claim.job_id)
        except NotFound:
            _log.warning("job_gone", job=claim.job_id)  # with its tenant, or cancelled a moment ago
        except Exception as error:  # noqa: BLE001  # its lease runs out, and it is tried again
            _log.error("job_not_ended", job=claim.job_id, error=type(error).__name__)

    async def _ingest(self, claim: Claim, tenant: Tenant) -> None:
        try:
            tenant = await self.prepare(tenant)
            request, content = await self._store.uploads.open(operate(tenant), tenant.keys, claim.job_id)
            own = await asyncio.to_thread(self._stages.of, claim.tenant, tenant.embedding)
            stages = WatchedStages(own, lambda stage: self._at.__setitem__(claim.lease, stage))
            parts = ingestion_parts(self._store, stages, self._stages.recognizers, self._settings)
            outcome = await ingest(Task(tenant, claim, request, content), parts)
        except (LeaseLost, NotFound):
            raise
        except Refused as refusal:
            await self._end(claim, tenant, JobState.REFUSED, Report(reason=refusal.reason, detail=refusal.detail))
        except Exception as error:  # noqa: BLE001  # a defect in one job's way must not cost the others
            await self._give_back(claim, tenant, error)
        else:
            if isinstance(outcome, Unchanged):
                await self._end(claim, tenant, JobState.UNCHANGED, Report())
            elif isinstance(outcome, HeldAlready):
                await self._end(claim, tenant, JobState.QUARANTINED, outcome.report)

    async def _end(self, claim: Claim, tenant: Tenant, state: JobState, report: Report) -> None:
        await self._store.queue.end(claim, state, seal_report(tenant.keys, claim.job_id, report))

    async def _give_back(self, claim: Claim, tenant: Tenant, error: Exception) -> None:
        most, report = _judged(error)
        state = await self._store.queue.give_back(
            claim, most_attempts=most, sealed_report=seal_report(tenant.keys, claim.job_id, report)
        )
        _log.error("job_failed", job=claim.job_id, error=type(error).__name__, attempt=claim.attempt, state=state)

    async def _beat(self) -> None:
        """The leases stay good and the stages are told, while jobs are under way. Lost ones are stopped."""
        while True:
            await asyncio.sleep(_BEAT_EVERY_S)
            try:
                lost = await self._store.queue.heartbeat({lease: self._at[lease] for lease in list(self._running)})
            except Exception as error:  # noqa: BLE001  # as above
                _log.error("heartbeat_failed", error=type(error).__name__)
                continue
            for lease in lost:
                if task := self._running.get(lease):
                    task.cancel()

    async def _forget(self) -> None:
        """Ended jobs are forgotten when their time has come."""
        while True:
            try:
                while await self._store.queue.forget_ended(timedelta(days=self._settings.job_days)):
                    pass
            except Exception as error:  # noqa: BLE001  # as above
                _log.error("ended_jobs_not_forgotten", error=type(error).__name__)
            await asyncio.sleep(_FORGET_EVERY_S)

    async def _revalidate(self) -> None:
        """What other detectors judged is judged by those of today, now and then and a document at a time."""
        await asyncio.sleep(_SWEEP_AFTER_S)
        while True:
            try:
                with suppress(FolderHeld), hold(self._store.folder, SWEEP_LOCK):
                    for tenant in await self._store.tenants.all():
                        await self._sweep(tenant)
            except Exception as error:  # noqa: BLE001  # as above
                _log.error("not_revalidated", error=type(error).__name__)
            await asyncio.sleep(_SWEEP_EVERY_S)

    async def _sweep(self, tenant: Tenant) -> None:
        """Its documents were judged, as far as that was possible: what one tenant meets keeps no other from it."""
        stored, holds = self._store.revalidation, self._settings.hold_suspects
        try:
            await revalidate(tenant, stored, self._stages.of(tenant.id), holds=holds)
        except Exception as error:  # noqa: BLE001  # as above
            _log.error("not_revalidated", tenant=tenant.id, error=type(error).__name__)


@asynccontextmanager
async def working(
    store: Store, stages: AbstractContextManager[StagesByTenant], settings: Settings
) -> AsyncIterator[Worker]:
    """A worker goes through the folder's queue while the context lasts, and no other does.

    What a worker before it had begun and not ended is begun again at once. Raises ``FolderHeld``; then the stages were
    not started.
    """
    with hold(store.folder, QUEUE_LOCK), stages as started:
        await asyncio.to_thread(lambda: started.fingerprint)  # known, or a clear error, before a job is begun
        await store.queue.release_all()
        worker = Worker(store, started, settings)
        task = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _judged(error: Exception) -> tuple[int, Report]:
    """How often a job that failed like this is begun in all, and what is told of it. Never what the error quotes."""
    if isinstance(error, EmbeddingMismatch):
        return 1, Report(reason="embedding_mismatch", detail=str(error))
    if isinstance(error, IntegrityError):
        return 1, Report(reason="seal_broken", detail=str(error))
    if isinstance(error, StageFailed):
        return _MOST_STAGE_FAILURES, Report(reason=f"{error.stage}_failed", detail=str(error))
    if isinstance(error, RagError):
        return MOST_ATTEMPTS, Report(reason="unavailable", detail=str(error))
    detail = f"this file met a defect of the pipeline ({type(error).__name__})"
    return _MOST_DEFECTS, Report(reason="internal_error", detail=detail)


async def _bound(tenant: Tenant, fingerprint: str, store: Store) -> Tenant:
    """The tenant, with the embedding model of its first ingestion; only another epoch of its index has another."""
    if tenant.embedding is None:
        await store.tenants.set_embedding(tenant, fingerprint)
        return await store.tenants.by_id(tenant.id)
    return tenant
