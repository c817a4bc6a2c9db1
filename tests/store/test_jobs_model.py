"""The queue against a model of it: whatever is done in whatever order, nothing is lost, doubled or overtaken."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rag_service.authentication import operate
from rag_service.domain.errors import Conflict, LeaseLost, NotFound
from rag_service.domain.jobs import KEPT, PENDING, JobState
from rag_service.store.claims import Claim
from rag_service.store.jobs import MOST_ATTEMPTS
from rag_service.store.tenants import Tenant
from tests.databases import opened, rows
from tests.store.queued import Clock, Queued, over

NAMES = ("ann", "bob", "cid")
SOURCES = ("a.md", "b.md")
LONG_AGO = datetime(2000, 1, 1)  # noqa: DTZ001  # as the tables store it
QUEUED, RUNNING, FAILED, STORED = JobState.QUEUED, JobState.RUNNING, JobState.FAILED, JobState.STORED


@dataclass
class ModelJob:
    """What a job should be. ``lease`` is that of the claim that holds it."""

    id: str
    tenant_id: str
    tenant: str
    source: str
    content: str
    document: str
    state: JobState = QUEUED
    attempts: int = 0
    not_before: datetime = LONG_AGO
    lease: str | None = None
    lease_until: datetime = LONG_AGO

    def set_back(self, attempts: int) -> None:
        self.attempts, self.lease = attempts, None
        self.state = FAILED if attempts >= MOST_ATTEMPTS else QUEUED


@dataclass
class Model:
    jobs: list[ModelJob] = field(default_factory=list)
    live: dict[tuple[str, str], ModelJob] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)

    def kept(self, tenant: str, source: str) -> list[ModelJob]:
        return [job for job in self.jobs if (job.tenant, job.source) == (tenant, source) and job.state in KEPT]

    def earlier(self, job: ModelJob) -> list[ModelJob]:
        return [one for one in self.kept(job.tenant, job.source) if self.jobs.index(one) < self.jobs.index(job)]

    def next(self, now: datetime) -> ModelJob | None:
        def may_run(job: ModelJob) -> bool:
            others = [one for one in self.kept(job.tenant, job.source) if one is not job]
            return (
                job.state is QUEUED
                and job.not_before <= now
                and all(one.state is not RUNNING for one in others)
                and all(one.state is not QUEUED for one in self.earlier(job))
            )

        ready = [job for job in self.jobs if may_run(job)]
        running = [job.tenant for job in self.jobs if job.state is RUNNING]

        def turn(job: ModelJob) -> tuple[int, int, str]:
            return running.count(job.tenant), self.turns.get(job.tenant, 0), job.tenant_id

        return min(ready, key=turn, default=None)

    def expire(self, now: datetime) -> None:
        for job in self.jobs:
            if job.state is RUNNING and job.lease_until < now:
                job.set_back(job.attempts)
                job.not_before = now

    def supersede_earlier(self, job: ModelJob) -> None:
        for one in self.earlier(job):
            one.state, one.lease = JobState.CANCELLED, None


class QueueMachine(RuleBasedStateMachine):
    """Each rule does a thing to the queue and to the model; after each the two are compared, row by row."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.patch = pytest.MonkeyPatch()
        self.clock = Clock()
        self.clock.install(self.patch)
        self.runner = asyncio.Runner()
        self.q: Queued = over(opened(Path(self.folder.name)))
        self.tenants: dict[str, Tenant] = {name: self.do(self.q.tenant(name)) for name in NAMES}
        self.model = Model()
        self.claims: list[Claim] = []

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.do(self.q.database.close())
            self.runner.close()
            self.patch.undo()
            self.folder.cleanup()

    def of(self, claim: Claim) -> tuple[Tenant, ModelJob, bool]:
        """The claim's tenant, its job, and whether the claim holds it still."""
        job = next(one for one in self.model.jobs if one.id == claim.job_id)
        return self.tenants[job.tenant], job, job.lease == claim.lease

    @rule(name=st.sampled_from(NAMES), source=st.sampled_from(SOURCES), content=st.sampled_from("xyz"))
    def accept(self, name: str, source: str, content: str) -> None:
        accepted = self.do(self.q.accept(self.tenants[name], source, content))
        kept = self.model.kept(name, source)
        if kept and kept[-1].content == content and kept[-1].state in PENDING:
            assert accepted.job_id == kept[-1].id
            return
        assert accepted.job_id not in {job.id for job in self.model.jobs}
        live = self.model.live.get((name, source))
        if of_source := ([live] if live else []) + kept:
            assert {job.document for job in of_source} == {accepted.document_id}
        else:
            assert accepted.document_id not in {job.document for job in self.model.jobs}
        self.model.jobs.append(
            ModelJob(accepted.job_id, self.tenants[name].id, name, source, content, accepted.document_id)
        )

    @rule()
    def claim(self) -> None:
        claim = self.do(self.q.queue.claim())
        self.model.expire(self.clock.time)
        expected = self.model.next(self.clock.time)
        assert (claim and claim.job_id) == (expected and expected.id)
        if claim is not None and expected is not None:
            assert claim.attempt == expected.attempts + 1
            assert claim.document_id == expected.document
            expected.state, expected.lease, expected.attempts = RUNNING, claim.lease, claim.attempt
            expected.lease_until = self.clock.time + timedelta(seconds=60)
            self.model.turns[expected.tenant] = max(self.model.turns.values(), default=0) + 1
            self.claims.append(claim)

    @rule(seconds=st.sampled_from([1, 20, 61, 400]))
    def time_passes(self, seconds: int) -> None:
        self.clock.pass_by(seconds)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def beat(self, data: st.DataObject) -> None:
        some = data.draw(st.lists(st.sampled_from(self.claims), unique_by=lambda claim: claim.lease))
        held = {claim.lease for claim in some if self.of(claim)[2]}
        lost = self.do(self.q.queue.heartbeat({claim.lease: "parse" for claim in some}))
        assert lost == {claim.lease for claim in some} - held
        for claim in some:
            if claim.lease in held:
                self.of(claim)[1].lease_until = self.clock.time + timedelta(seconds=60)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def store(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        tenant, job, holds = self.of(claim)
        if job.state not in KEPT:
            with pytest.raises(NotFound):  # its content is gone
                self.do(self.q.store(tenant, claim))
            return
        if not holds:
            with pytest.raises((LeaseLost, Conflict)):
                self.do(self.q.store(tenant, claim))
            return
        self.do(self.q.store(tenant, claim))
        before = self.model.live.get((job.tenant, job.source))
        assert before is None or self.model.jobs.index(before) < self.model.jobs.index(job), "it was overtaken"
        self.model.supersede_earlier(job)
        job.state, job.lease = STORED, None
        self.model.live[job.tenant, job.source] = job

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), state=st.sampled_from([JobState.REFUSED, JobState.UNCHANGED]))
    def end(self, data: st.DataObject, state: JobState) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        tenant, job, holds = self.of(claim)
        if not holds:
            with pytest.raises(LeaseLost):
                self.do(self.q.end(tenant, claim, state))
            return
        self.do(self.q.end(tenant, claim, state))
        if state is JobState.UNCHANGED:
            self.model.supersede_earlier(job)
        job.state, job.lease = state, None

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), most=st.sampled_from([1, 3, MOST_ATTEMPTS]))
    def give_back(self, data: st.DataObject, most: int) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        _, job, holds = self.of(claim)
        state = self.do(self.q.queue.give_back(claim, most_attempts=most))
        if not holds:
            assert state is None
            return
        job.state, job.lease = (FAILED if job.attempts >= most else QUEUED), None
        assert state is job.state
        job.not_before = self.not_before(job)

    def not_before(self, job: ModelJob) -> datetime:
        """When a job is tried again is drawn by lot: taken from the queue, if it is within what may be drawn."""
        drawn = datetime.fromisoformat(dict(self.rows("select id, not_before from jobs"))[job.id])
        whole = timedelta(seconds=min(2 ** (job.attempts - 1), 300))
        assert whole / 2 <= drawn - self.clock.time <= whole
        return drawn

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def interrupt(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        _, job, holds = self.of(claim)
        self.do(self.q.queue.interrupt(claim))
        if holds:
            job.set_back(job.attempts - 1)
            job.not_before = self.clock.time

    @rule()
    def worker_starts_again(self) -> None:
        running = [job for job in self.model.jobs if job.state is RUNNING]
        assert self.do(self.q.queue.release_all()) == len(running)
        for job in running:
            job.set_back(job.attempts)
            job.not_before = self.clock.time

    @precondition(lambda self: self.model.jobs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(self.model.jobs))
        work = self.q.jobs.cancel(operate(self.tenants[job.tenant]), job.id)
        if job.state not in KEPT:
            with pytest.raises(Conflict):
                self.do(work)
            return
        self.do(work)
        job.state, job.lease = JobState.CANCELLED, None

    @precondition(lambda self: any(job.state is FAILED for job in self.model.jobs))
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from([one for one in self.model.jobs if one.state is FAILED]))
        try:
            self.do(self.q.jobs.retry(operate(self.tenants[job.tenant]), job.id))
        except Conflict:  # only where something of the same source was accepted later
            at = self.model.jobs.index(job)
            assert any((one.tenant, one.source) == (job.tenant, job.source) for one in self.model.jobs[at + 1 :])
            return
        job.state, job.attempts, job.not_before = QUEUED, 0, self.clock.time

    @precondition(lambda self: self.model.live)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name, source = data.draw(st.sampled_from(sorted(self.model.live)))
        live = self.model.live.pop((name, source))
        self.do(self.q.versions.delete(operate(self.tenants[name]), live.document))
        for job in self.model.kept(name, source):
            job.state, job.lease = JobState.CANCELLED, None

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return rows(Path(self.folder.name), query)

    @invariant()
    def the_queue_is_as_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        jobs = self.rows("select id, state, attempts, lease, document_id from jobs order by position")
        assert jobs == [(job.id, job.state, job.attempts, job.lease, job.document) for job in self.model.jobs]
        assert {job_id for (job_id,) in self.rows("select job_id from spool")} == {
            job.id for job in self.model.jobs if job.state in KEPT
        }
        documents = self.rows("select id from documents")
        assert sorted(documents) == sorted((job.document,) for job in self.model.live.values())

    @invariant()
    def what_is_live_is_what_was_stored_last(self) -> None:
        if hasattr(self, "model"):
            for (name, source), job in self.model.live.items():
                assert self.do(self.q.live_text(self.tenants[name], source)) == job.content


TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(
    max_examples=12,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
