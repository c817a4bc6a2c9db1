"""What became of an upload. A job of another user or tenant is the same 404 as one that never was."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import BaseModel

from rag_service.domain.jobs import Job, JobState
from rag_service.web.authenticate import CurrentService, ManageCaller
from rag_service.web.ids import JobId

router = APIRouter(prefix="/v1/tenants/{tenant}/jobs", tags=["documents"])


class MemberOfUpload(BaseModel):
    """A file that came in an archive or a mail. `job_id` tells what becomes of it; null where it did not change."""

    path: str
    document_id: str
    job_id: str | None


class RefusedMember(BaseModel):
    """A file that came in an archive or a mail, and is not taken."""

    path: str
    reason: str
    detail: str


class JobStatus(BaseModel):
    """``state``: queued, running, stored (the index has yet to follow), done, unchanged, quarantined, refused, failed,
    cancelled.

    ``stage`` is where a running job is. ``reason`` and ``detail`` say why one was refused, or failed last; ``held``,
    for which reasons the document waits for a reviewer.
    """

    job_id: str
    document_id: str
    state: JobState
    stage: str
    name: str
    size: int
    attempts: int
    created_at: datetime
    changed_at: datetime
    version: int | None = None
    chunks: int = 0
    removed: dict[str, int] = {}
    suspicions: list[str] = []
    stripped: list[str] = []
    reason: str | None = None
    detail: str | None = None
    held: list[str] = []
    members: list[MemberOfUpload] = []
    refused_members: list[RefusedMember] = []
    unsearched: list[str] = []

    @classmethod
    def of(cls, job: Job) -> JobStatus:
        status = cls(
            job_id=job.job_id,
            document_id=job.document_id,
            state=job.state,
            stage=job.stage,
            name=job.name,
            size=job.size,
            attempts=job.attempts,
            created_at=job.created_at.replace(tzinfo=UTC),
            changed_at=job.changed_at.replace(tzinfo=UTC),
        )
        if job.report is not None:
            status.version, status.chunks = job.report.version, job.report.chunks
            status.removed, status.suspicions = dict(job.report.removed), list(job.report.suspicions)
            status.stripped = list(job.report.stripped)
            status.reason, status.detail = job.report.reason, job.report.detail
            status.members = [MemberOfUpload(**asdict(one)) for one in job.report.members]
            status.refused_members = [RefusedMember(**asdict(one)) for one in job.report.refused_members]
            status.held, status.unsearched = list(job.report.held), list(job.report.unsearched)
        return status


@router.get("/{job_id}")
async def show_job(job_id: JobId, caller: ManageCaller, service: CurrentService) -> JobStatus:
    """Tell where an upload is on its way to being a document, whoever uploaded it or an administrator."""
    return JobStatus.of(await service.store.jobs.job(caller.scope, caller.tenant.keys, job_id))


@router.post("/{job_id}/cancel", status_code=204)
async def cancel_job(job_id: JobId, caller: ManageCaller, service: CurrentService) -> None:
    """Let an upload that waits, runs or failed never become a document; what was uploaded is gone.

    For whoever uploaded it and for administrators. What an earlier upload made of the same source stays as it is.
    """
    await service.store.jobs.cancel_visible(caller.scope, caller.tenant.keys, job_id)
