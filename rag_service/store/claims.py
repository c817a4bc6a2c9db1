"""A worker's right to a job, and how the job ends by it: while the right lasts, and together with its outcome."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, select, update

from rag_service.domain.errors import LeaseLost
from rag_service.domain.identity import TenantId
from rag_service.domain.jobs import JobState
from rag_service.store import tables
from rag_service.store.database import Connection, now
from rag_service.store.uploads import cancel_uploads


@dataclass(frozen=True, slots=True)
class Claim:
    """One worker's right to one job, until its lease runs out. ``lease`` is checked again where the job ends."""

    job_id: str
    tenant: TenantId
    document_id: str
    lease: str
    attempt: int


async def end_claimed(
    connection: Connection, claim: Claim, state: JobState, sealed_report: bytes, outbox_position: int | None = None
) -> None:
    """As part of this transaction the job ends and its content goes. Raises ``LeaseLost``: then nothing is stored."""
    ended = await connection.execute(
        update(tables.jobs)
        .where(_held_by(claim))
        .values(state=state, stage="", lease=None, lease_until=None, outbox_position=outbox_position, changed_at=now())
    )
    if not ended.rowcount:
        raise LeaseLost(claim.job_id)
    await report(connection, claim, sealed_report)
    spool = tables.spool.c
    await connection.execute(delete(tables.spool).where(spool.tenant_id == claim.tenant, spool.job_id == claim.job_id))
    if state in {JobState.STORED, JobState.UNCHANGED, JobState.QUARANTINED}:
        await _supersede_earlier(connection, claim)


async def is_held(connection: Connection, claim: Claim) -> bool:
    """From then on nobody takes it back before this transaction ends."""
    held = select(tables.jobs.c.id).where(_held_by(claim)).with_for_update()
    return (await connection.execute(held)).one_or_none() is not None


async def report(connection: Connection, claim: Claim, sealed_report: bytes) -> None:
    uploads = tables.uploads.c
    await connection.execute(
        update(tables.uploads)
        .where(uploads.tenant_id == claim.tenant, uploads.job_id == claim.job_id)
        .values(sealed_report=sealed_report)
    )


async def _supersede_earlier(connection: Connection, claim: Claim) -> None:
    """No upload of this source that was accepted earlier, and failed, can be tried again and replace this one."""
    jobs = tables.jobs.c
    this = select(jobs.source_token, jobs.position).where(jobs.tenant_id == claim.tenant, jobs.id == claim.job_id)
    source, position = (await connection.execute(this)).one()
    await cancel_uploads(connection, claim.tenant, (jobs.source_token == source) & (jobs.position < position))


def _held_by(claim: Claim) -> ColumnElement[bool]:
    jobs = tables.jobs.c
    return and_(
        jobs.tenant_id == claim.tenant,
        jobs.id == claim.job_id,
        jobs.lease == claim.lease,
        jobs.state == JobState.RUNNING,
    )
