"""The queue: accepted uploads, and who is served next.

A ticket (``tables.jobs``) tells nothing of an upload but its size; what was asked for and the original lie sealed
beside it. The queue itself stands outside every tenant, as whoever works through it serves all of them.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, delete, func, insert, literal, or_, select, true, update
from sqlalchemy.orm import aliased

from rag_service.domain.identity import TenantId
from rag_service.domain.jobs import ENDED, JobState
from rag_service.store import tables
from rag_service.store.claims import Claim, end_claimed, is_held, report
from rag_service.store.database import SHARED, Connection, Database, now

MOST_ATTEMPTS = 8
"""A job that was begun so often without an end is a dead letter."""
_FIRST_DELAY_S = 1.0
_LONGEST_DELAY_S = 300.0
_MOST_MEMBERS, _MOST_MEMBER_BYTES = 2000, 2**28
"""How much of what came in archives a tenant has waiting before no more of them are opened. An archive is small where
it waits, and large once it is opened: a queue full of them would become hundreds of times what a tenant may have."""


class JobQueue:
    """What a worker does with the queue."""

    def __init__(self, database: Database, *, lease_s: float = 60.0) -> None:
        self._database = database
        self._lease = timedelta(seconds=lease_s)
        self.lease_s = lease_s

    async def claim(self, but_not: Collection[TenantId] = ()) -> Claim | None:
        """The next job in fair order, leased to the caller; ``None`` where nothing is to be done now.

        The tenant that has the fewest jobs running is served first, and of those the one that waited longest; within
        a tenant, jobs go in the order of their acceptance, but what came in archives goes first where much of it waits.
        Two jobs of one source never run at once, so that the upload that was accepted last is the version that stays.
        Jobs of the tenants ``but_not`` are left for later.
        """
        if not await self._is_work_to_do(but_not):
            return None
        async with self._database.write(SHARED) as connection:
            await self._take_back(connection)
            for tenant in await self._tenants_in_turn(connection):
                if tenant in but_not:
                    continue
                if claim := await self._claim_of(connection, tenant):
                    return claim
        return None

    async def _is_work_to_do(self, but_not: Collection[TenantId]) -> bool:
        """A look that takes no lock: an idle worker is in nobody's way."""
        jobs, moment = tables.jobs.c, now()
        theirs = jobs.tenant_id.not_in(sorted(but_not))
        waits = select(literal(1)).where(jobs.state == JobState.QUEUED, _is_due(moment), theirs).exists()
        expired = select(literal(1)).where(jobs.state == JobState.RUNNING, jobs.lease_until < moment).exists()
        async with self._database.read(SHARED) as connection:
            return bool((await connection.execute(select(waits | expired))).scalar_one())

    async def _take_back(self, connection: Connection) -> None:
        """Jobs whose lease ran out wait again; those that were begun too often are given up."""
        moment = now()
        await _set_back_all(connection, tables.jobs.c.lease_until < moment, moment)

    async def _tenants_in_turn(self, connection: Connection) -> list[TenantId]:
        """The tenants that have something waiting, next first.

        Found by hopping from tenant to tenant along the index: a tenant with a million waiting jobs costs one hop.
        """
        jobs = tables.jobs.c
        waiting = jobs.state == JobState.QUEUED
        hop = select(func.min(jobs.tenant_id).label("tenant")).where(waiting).cte("hop", recursive=True)
        following = select(func.min(jobs.tenant_id)).where(waiting, jobs.tenant_id > hop.c.tenant).scalar_subquery()
        hop = hop.union_all(select(following).where(hop.c.tenant.is_not(None)))
        running = (
            select(func.count()).where(jobs.state == JobState.RUNNING, jobs.tenant_id == hop.c.tenant).scalar_subquery()
        )
        turn = select(tables.turns.c.turn).where(tables.turns.c.tenant_id == hop.c.tenant).scalar_subquery()
        query = (
            select(hop.c.tenant)
            .where(hop.c.tenant.is_not(None))
            .order_by(running, func.coalesce(turn, 0), hop.c.tenant)
        )
        return [TenantId(tenant) for (tenant,) in await connection.execute(query)]

    async def _claim_of(self, connection: Connection, tenant: TenantId) -> Claim | None:
        jobs, moment = tables.jobs.c, now()
        other = aliased(tables.jobs)
        waits_earlier = (other.c.state == JobState.QUEUED) & (other.c.position < jobs.position)
        of_source = (other.c.tenant_id == jobs.tenant_id) & (other.c.source_token == jobs.source_token)
        blocked = select(literal(1)).where(of_source, (other.c.state == JobState.RUNNING) | waits_earlier).exists()
        query = (
            select(jobs.id, jobs.document_id, jobs.attempts)
            .where(jobs.state == JobState.QUEUED, jobs.tenant_id == tenant, _is_due(moment), ~blocked)
            .order_by(jobs.position)
            .limit(1)
            .with_for_update(skip_locked=True)  # one that its tenant is just cancelling is no longer waiting
        )
        row = None
        if await _too_many_members(connection, tenant, moment):
            row = (await connection.execute(query.where(jobs.parent_id.is_not(None)))).one_or_none()
        if row is None:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        lease = secrets.token_hex(8)
        await connection.execute(
            update(tables.jobs)
            .where(jobs.id == row.id, jobs.state == JobState.QUEUED)
            .values(
                state=JobState.RUNNING,
                stage="",
                lease=lease,
                lease_until=moment + self._lease,
                attempts=row.attempts + 1,
                changed_at=moment,
            )
        )
        await self._next_turn(connection, tenant)
        return Claim(row.id, tenant, row.document_id, lease, row.attempts + 1)

    async def _next_turn(self, connection: Connection, tenant: TenantId) -> None:
        turns = tables.turns.c
        turn = (await connection.execute(select(func.coalesce(func.max(turns.turn), 0) + 1))).scalar_one()
        known = await connection.execute(update(tables.turns).where(turns.tenant_id == tenant).values(turn=turn))
        if not known.rowcount:
            await connection.execute(insert(tables.turns).values(tenant_id=tenant, turn=turn))

    async def heartbeat(self, stages: Mapping[str, str]) -> frozenset[str]:
        """The leases are good for their whole length again, and the jobs' stages are told.

        ``stages`` maps each lease to the stage of its job. Returns the leases that are no longer ours: work on their
        jobs is to stop, for others may have taken it up or it was cancelled.
        """
        if not stages:
            return frozenset()
        jobs, moment = tables.jobs.c, now()
        held = (jobs.state == JobState.RUNNING) & jobs.lease.in_(sorted(stages))
        async with self._database.write(SHARED) as connection:
            await connection.execute(
                update(tables.jobs)
                .where(held)
                .values(lease_until=moment + self._lease, stage=case(stages, value=jobs.lease), changed_at=moment)
            )
            kept = {lease for (lease,) in await connection.execute(select(jobs.lease).where(held))}
        return frozenset(stages) - kept

    async def release_all(self) -> int:
        """Every running job waits again, at once: for a worker that knows that it is the only one."""
        async with self._database.write(SHARED) as connection:
            return await _set_back_all(connection, true(), now())

    async def give_back(
        self, claim: Claim, *, most_attempts: int = MOST_ATTEMPTS, sealed_report: bytes | None = None
    ) -> JobState | None:
        """The job waits for another attempt, longer each time, or is a dead letter if this was the last.

        Returns its new state; ``None`` where it is no longer the caller's. ``sealed_report`` tells of the failure.
        """
        moment = now()
        async with self._database.write(claim.tenant) as connection:
            if not await is_held(connection, claim):
                return None
            if sealed_report is not None:
                await report(connection, claim, sealed_report)
            later = moment + timedelta(seconds=_delay(claim.attempt))
            return await _set_back(connection, claim.tenant, claim.job_id, claim.attempt, later, most_attempts)

    async def interrupt(self, claim: Claim) -> None:
        """The job waits again as if it had not been begun: its worker stops."""
        async with self._database.write(claim.tenant) as connection:
            if await is_held(connection, claim):
                await _set_back(connection, claim.tenant, claim.job_id, claim.attempt - 1, now())

    async def end(self, claim: Claim, state: JobState, sealed_report: bytes) -> None:
        """The job ended without a new version; its content is gone. Raises ``LeaseLost``."""
        async with self._database.write(claim.tenant) as connection:
            await end_claimed(connection, claim, state, sealed_report)

    async def states(self) -> dict[JobState, int]:
        """How many jobs there are in each state, over all tenants."""
        query = select(tables.jobs.c.state, func.count()).group_by(tables.jobs.c.state)
        async with self._database.read(SHARED) as connection:
            return {JobState(state): count for state, count in await connection.execute(query)}

    async def forget_ended(self, keep: timedelta) -> int:
        """Jobs that ended longer ago than ``keep`` are gone with their reports, dead letters with their content too."""
        jobs = tables.jobs.c
        old = and_(jobs.state.in_(sorted(ENDED)), jobs.changed_at < now() - keep)
        gone: defaultdict[TenantId, list[str]] = defaultdict(list)
        async with self._database.read(SHARED) as connection:
            for tenant, job_id in await connection.execute(select(jobs.tenant_id, jobs.id).where(old).limit(10_000)):
                gone[TenantId(tenant)].append(job_id)
        for owner, job_ids in gone.items():
            await self._forget(owner, job_ids, old)
        return sum(map(len, gone.values()))

    async def _forget(self, tenant: TenantId, job_ids: Sequence[str], still: ColumnElement[bool]) -> None:
        """Those of the jobs are gone that are still as they were found: a dead letter may be tried again meanwhile."""
        jobs = tables.jobs.c
        async with self._database.write(tenant) as connection:
            theirs = select(jobs.id).where(jobs.tenant_id == tenant, jobs.id.in_(job_ids), still)
            gone = [job_id for (job_id,) in await connection.execute(theirs)]
            for table, column in ((tables.spool, "job_id"), (tables.uploads, "job_id"), (tables.jobs, "id")):
                await connection.execute(delete(table).where(table.c.tenant_id == tenant, table.c[column].in_(gone)))


def _is_due(moment: datetime) -> ColumnElement[bool]:
    """The job need not wait longer. One that would wait longer than any ever does was set back by another clock."""
    not_before = tables.jobs.c.not_before
    return or_(not_before <= moment, not_before > moment + timedelta(seconds=_LONGEST_DELAY_S))


async def _too_many_members(connection: Connection, tenant: TenantId, moment: datetime) -> bool:
    """Whether as much as one archive may hold waits of what came in archives, and could be begun."""
    jobs = tables.jobs.c
    theirs = (jobs.tenant_id == tenant) & (jobs.state == JobState.QUEUED) & jobs.parent_id.is_not(None)
    some = select(jobs.size).where(theirs, _is_due(moment)).order_by(jobs.position).limit(_MOST_MEMBERS).subquery()
    query = select(func.count(), func.coalesce(func.sum(some.c.size), 0)).select_from(some)
    count, size = (await connection.execute(query)).one()
    return bool(count >= _MOST_MEMBERS or size >= _MOST_MEMBER_BYTES)


async def _set_back_all(connection: Connection, which: ColumnElement[bool], moment: datetime) -> int:
    """Those of the running jobs wait again, but for those that are just ending. Returns how many."""
    jobs = tables.jobs.c
    theirs = select(jobs.tenant_id, jobs.id, jobs.attempts).where(jobs.state == JobState.RUNNING, which)
    rows = (await connection.execute(theirs.with_for_update(skip_locked=True))).all()
    for tenant, job_id, attempts in rows:
        await _set_back(connection, TenantId(tenant), job_id, attempts, moment)
    return len(rows)


async def _set_back(
    connection: Connection,
    tenant: TenantId,
    job_id: str,
    attempts: int,
    not_before: datetime,
    most_attempts: int = MOST_ATTEMPTS,
) -> JobState:
    state = JobState.FAILED if attempts >= most_attempts else JobState.QUEUED
    await connection.execute(
        update(tables.jobs)
        .where(tables.jobs.c.tenant_id == tenant, tables.jobs.c.id == job_id)
        .values(
            state=state,
            stage="",
            lease=None,
            lease_until=None,
            attempts=attempts,
            not_before=not_before,
            changed_at=now(),
        )
    )
    return state


def _delay(attempts: int) -> float:
    """Seconds before the next attempt: doubled each time, and scattered, for jobs that failed together."""
    whole: float = min(_FIRST_DELAY_S * 2 ** max(attempts - 1, 0), _LONGEST_DELAY_S)
    return whole * (0.5 + secrets.randbelow(1000) / 2000)
