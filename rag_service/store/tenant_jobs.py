"""The jobs of one tenant: looked at, tried again, cancelled."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Row, func, select, update
from sqlalchemy.orm import aliased

from rag_service.crypto.keys import TenantKeys
from rag_service.domain.errors import Conflict, NotFound
from rag_service.domain.identity import AccessScope, OperatorScope, Role
from rag_service.domain.jobs import PENDING, Job, JobState, MemberJob, MemberRefused, Report, Standing
from rag_service.store import tables
from rag_service.store.database import Connection, Database, now
from rag_service.store.uploads import cancel_uploads, opened_request

_log = structlog.get_logger()

_WITHOUT_EFFECT = frozenset({JobState.REFUSED, JobState.CANCELLED})
"""A later upload that ended like this left its source as it was."""


class TenantJobs:
    """No method can be called without a scope."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def job(self, scope: AccessScope | OperatorScope, keys: TenantKeys, job_id: str) -> Job:
        """Raises ``NotFound``, alike for an absent job, another tenant's and one of another user."""
        query = _jobs().where(tables.jobs.c.id == job_id, _is_visible(scope, keys))
        async with self._database.read(scope.tenant) as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound("job")
        job, owner = _job(keys, row)
        _refuse_anothers(scope, job_id, owner)
        return job

    async def jobs(
        self, operator: OperatorScope, keys: TenantKeys, states: Sequence[JobState], limit: int
    ) -> list[Job]:
        """The latest jobs in these states, the last accepted first."""
        jobs = tables.jobs.c
        query = (
            _jobs()
            .where(_is_visible(operator, keys), jobs.state.in_(sorted(states)))
            .order_by(jobs.position.desc())
            .limit(limit)
        )
        async with self._database.read(operator.tenant) as connection:
            return [_job(keys, row)[0] for row in await connection.execute(query)]

    async def these(self, operator: OperatorScope, keys: TenantKeys, job_ids: Sequence[str]) -> list[Job]:
        """Those of the jobs that there are."""
        query = _jobs().where(_is_visible(operator, keys), tables.jobs.c.id.in_(job_ids))
        async with self._database.read(operator.tenant) as connection:
            return [_job(keys, row)[0] for row in await connection.execute(query)]

    async def standing(self, operator: OperatorScope, job_ids: Sequence[str]) -> dict[str, Standing]:
        """Where each of the jobs stands, of those that there are; opens no seal, so it may be asked often."""
        jobs = tables.jobs.c
        query = select(jobs.id, jobs.state, jobs.stage).where(jobs.tenant_id == operator.tenant, jobs.id.in_(job_ids))
        async with self._database.read(operator.tenant) as connection:
            rows = await connection.execute(query)
            return {job_id: Standing(JobState(state), stage) for job_id, state, stage in rows}

    async def is_waiting(self, operator: OperatorScope, document_id: str) -> bool:
        """Whether an upload waits to become a version of the document."""
        jobs = tables.jobs.c
        query = select(jobs.id).where(
            jobs.tenant_id == operator.tenant, jobs.document_id == document_id, jobs.state.in_(sorted(PENDING))
        )
        async with self._database.read(operator.tenant) as connection:
            return (await connection.execute(query.limit(1))).one_or_none() is not None

    async def counts(self, operator: OperatorScope) -> dict[JobState, int]:
        """How many jobs the tenant has in each state that it has jobs in."""
        jobs = tables.jobs.c
        query = select(jobs.state, func.count()).where(jobs.tenant_id == operator.tenant).group_by(jobs.state)
        async with self._database.read(operator.tenant) as connection:
            return {JobState(state): count for state, count in await connection.execute(query)}

    async def retry(self, operator: OperatorScope, job_id: str) -> None:
        """A dead letter waits for its turn again, with all attempts before it.

        Raises ``NotFound``; ``Conflict`` for a job that is no dead letter, and for one whose source was uploaded again
        since: its content would replace what is newer.
        """
        async with self._database.write(operator.tenant) as connection:
            if not await self._retry_in(connection, operator, tables.jobs.c.id == job_id):
                raise await self._why_unchanged(connection, operator, job_id)

    async def retry_all(self, operator: OperatorScope) -> list[str]:
        """Every dead letter that ``retry`` takes waits for its turn again. Returns their ids."""
        async with self._database.write(operator.tenant) as connection:
            return await self._retry_in(connection, operator)

    async def cancel_waiting(self, operator: OperatorScope) -> list[str]:
        """No job that waits for its turn becomes a document, and their content is gone. Returns their ids."""
        async with self._database.write(operator.tenant) as connection:
            return await cancel_uploads(connection, operator.tenant, tables.jobs.c.state == JobState.QUEUED)

    async def cancel(self, operator: OperatorScope, job_id: str) -> None:
        """The job never becomes a document, and its content is gone. Raises ``NotFound``; ``Conflict`` if it ended."""
        async with self._database.write(operator.tenant) as connection:
            if not await cancel_uploads(connection, operator.tenant, tables.jobs.c.id == job_id):
                raise await self._why_unchanged(connection, operator, job_id)

    async def cancel_visible(self, scope: AccessScope, keys: TenantKeys, job_id: str) -> None:
        """As ``cancel``, for whom the job is visible to. Raises ``NotFound`` for everybody else."""
        this = tables.jobs.c.id == job_id
        async with self._database.write(scope.tenant) as connection:
            row = (await connection.execute(_jobs().where(this, _is_visible(scope, keys)))).one_or_none()
            if row is None:
                raise NotFound("job")
            if Role.ADMIN not in scope.roles:  # who may cancel also what does not open
                _refuse_anothers(scope, job_id, opened_request(keys, job_id, row.sealed_request).owner)
            if not await cancel_uploads(connection, scope.tenant, this):
                raise Conflict("job", "it has ended already")

    async def _retry_in(
        self, connection: Connection, operator: OperatorScope, *conditions: ColumnElement[bool]
    ) -> list[str]:
        jobs, later, moment = tables.jobs.c, aliased(tables.jobs), now()
        is_overtaken = (
            select(later.c.id)
            .where(
                later.c.tenant_id == jobs.tenant_id,
                later.c.source_token == jobs.source_token,
                later.c.state.not_in(sorted(_WITHOUT_EFFECT)),
                later.c.position > jobs.position,
            )
            .exists()
        )
        again = (
            update(tables.jobs)
            .where(_of(operator), jobs.state == JobState.FAILED, ~is_overtaken, *conditions)
            .values(state=JobState.QUEUED, attempts=0, not_before=moment, changed_at=moment)
        )
        return [job_id for (job_id,) in await connection.execute(again.returning(jobs.id))]

    async def _why_unchanged(self, connection: Connection, operator: OperatorScope, job_id: str) -> NotFound | Conflict:
        known = select(tables.jobs.c.id).where(_of(operator), tables.jobs.c.id == job_id)
        return NotFound("job") if (await connection.execute(known)).one_or_none() is None else Conflict("job")


def _of(operator: OperatorScope) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = tables.jobs.c.tenant_id == operator.tenant
    return condition


def _jobs() -> Any:
    jobs, uploads = tables.jobs.c, tables.uploads.c
    return select(tables.jobs, uploads.sealed_request, uploads.sealed_report).join_from(
        tables.jobs, tables.uploads, (uploads.tenant_id == jobs.tenant_id) & (uploads.job_id == jobs.id)
    )


def _is_visible(scope: AccessScope | OperatorScope, keys: TenantKeys) -> ColumnElement[bool]:
    """The operator sees every job of the tenant, as do its administrators; others see what they uploaded."""
    if keys.tenant != scope.tenant:
        raise ValueError("a scope of one tenant never meets the keys of another")
    jobs = tables.jobs.c
    of_tenant: ColumnElement[bool] = jobs.tenant_id == scope.tenant
    if isinstance(scope, OperatorScope) or Role.ADMIN in scope.roles:
        return of_tenant
    return of_tenant & (jobs.owner_token == keys.token("user", scope.user))


def _refuse_anothers(scope: AccessScope | OperatorScope, job_id: str, owner: str | None) -> None:
    """Whoever is no administrator is whom the job's sealed request names: its token may have been copied.

    Raises ``NotFound``.
    """
    if isinstance(scope, AccessScope) and Role.ADMIN not in scope.roles and owner != scope.user:
        _log.error("broken_seal", job=job_id)
        raise NotFound("job")


def _job(keys: TenantKeys, row: Row[Any]) -> tuple[Job, str | None]:
    """The job, and whose it is as its sealed request says."""
    request = opened_request(keys, row.id, row.sealed_request)
    report = None
    if row.sealed_report is not None:
        told = json.loads(keys.open_name("report", row.sealed_report, row.id))
        lists = {name: tuple(told.get(name, ())) for name in ("suspicions", "stripped", "held", "unsearched")}
        members = tuple(MemberJob(**one) for one in told.pop("members", ()))
        refused = tuple(MemberRefused(**one) for one in told.pop("refused_members", ()))
        report = Report(**{**told, **lists}, members=members, refused_members=refused)
    job = Job(
        job_id=row.id,
        document_id=row.document_id,
        state=JobState(row.state),
        stage=row.stage,
        name=request.name,
        source=request.source,
        size=row.size,
        attempts=row.attempts,
        created_at=row.created_at,
        changed_at=row.changed_at,
        report=report,
    )
    return job, request.owner
