"""The jobs of one tenant: looked at, tried again, cancelled."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from rag_service.crypto.keys import TenantKeys
from rag_service.domain.errors import Conflict, NotFound
from rag_service.domain.identity import AccessScope, OperatorScope, Role
from rag_service.domain.jobs import PENDING, Job, JobState, Report
from rag_service.store import tables
from rag_service.store.database import Database, now
from rag_service.store.uploads import forget_content, opened_request


class TenantJobs:
    """No method can be called without a scope."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def job(self, scope: AccessScope | OperatorScope, keys: TenantKeys, job_id: str) -> Job:
        """Raises ``NotFound``, alike for an absent job, another tenant's and one of another user."""
        query = _jobs().where(tables.jobs.c.id == job_id, _is_visible(scope, keys))
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound("job")
        return _job(keys, row)

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
        async with self._database.read() as connection:
            return [_job(keys, row) for row in await connection.execute(query)]

    async def these(self, operator: OperatorScope, keys: TenantKeys, job_ids: Sequence[str]) -> list[Job]:
        """Those of the jobs that there are."""
        query = _jobs().where(_is_visible(operator, keys), tables.jobs.c.id.in_(job_ids))
        async with self._database.read() as connection:
            return [_job(keys, row) for row in await connection.execute(query)]

    async def is_waiting(self, operator: OperatorScope, document_id: str) -> bool:
        """Whether an upload waits to become a version of the document."""
        jobs = tables.jobs.c
        query = select(jobs.id).where(
            jobs.tenant_id == operator.tenant, jobs.document_id == document_id, jobs.state.in_(sorted(PENDING))
        )
        async with self._database.read() as connection:
            return (await connection.execute(query.limit(1))).one_or_none() is not None

    async def retry(self, operator: OperatorScope, job_id: str) -> None:
        """A dead letter waits for its turn again, with all attempts before it. Raises ``NotFound``, ``Conflict``."""
        await self._change(operator, job_id, {JobState.FAILED}, JobState.QUEUED, attempts=0, not_before=now())

    async def cancel(self, operator: OperatorScope, job_id: str) -> None:
        """The job never becomes a document, and its content is gone. Raises ``NotFound``; ``Conflict`` if it ended."""
        async with self._database.write() as connection:
            await self._change_in(connection, operator, job_id, {*PENDING, JobState.FAILED}, JobState.CANCELLED)
            await forget_content(connection, operator, [job_id])

    async def _change(
        self, operator: OperatorScope, job_id: str, of: set[JobState], to: JobState, **values: object
    ) -> None:
        async with self._database.write() as connection:
            await self._change_in(connection, operator, job_id, of, to, **values)

    async def _change_in(
        self,
        connection: AsyncConnection,
        operator: OperatorScope,
        job_id: str,
        of: set[JobState],
        to: JobState,
        **values: object,
    ) -> None:
        jobs = tables.jobs.c
        own = (jobs.tenant_id == operator.tenant) & (jobs.id == job_id)
        if (await connection.execute(select(jobs.id).where(own))).one_or_none() is None:
            raise NotFound("job")
        changed = await connection.execute(
            update(tables.jobs)
            .where(own, jobs.state.in_(sorted(of)))
            .values(state=to, stage="", lease=None, lease_until=None, changed_at=now(), **values)
        )
        if not changed.rowcount:
            raise Conflict("job")


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


def _job(keys: TenantKeys, row: Row[Any]) -> Job:
    request = opened_request(keys, row.id, row.sealed_request)
    report = None
    if row.sealed_report is not None:
        told = json.loads(keys.open_name("report", row.sealed_report, row.id))
        report = Report(**{**told, "suspicions": tuple(told["suspicions"])})
    return Job(
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
