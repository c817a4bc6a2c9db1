"""``rag jobs``: what became of accepted uploads, and what is still to become of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from rag_service.commands.options import (
    AsJson,
    DataDir,
    TenantName,
    fail,
    in_words,
    printable,
    run,
    settings_for,
    show,
    table,
)
from rag_service.domain.jobs import JobState

if TYPE_CHECKING:
    from pathlib import Path

    from rag_service.domain.identity import OperatorScope
    from rag_service.domain.jobs import Job
    from rag_service.store.tenant_jobs import TenantJobs

jobs_app = typer.Typer(
    help="List, show, retry and cancel jobs. Every accepted upload has one: it is queued, running, then stored until "
    "the index has followed, and ends as done, unchanged, quarantined (held for `rag quarantine`), refused, failed (a "
    "dead letter: given up after several attempts) or cancelled. These commands need no index, and work beside a "
    "running service.",
    no_args_is_help=True,
)
JobIds = Annotated[list[str] | None, typer.Argument(help="Ids, as `rag jobs list` shows them.", metavar="ID...")]

_MOST = 100_000
_WHAT_MATTERS_FIRST = (
    (JobState.RUNNING, JobState.FAILED),
    (JobState.QUEUED, JobState.STORED),
    (JobState.DONE, JobState.UNCHANGED, JobState.QUARANTINED, JobState.REFUSED, JobState.CANCELLED),
)


@jobs_app.command("list")
def list_jobs(
    tenant: TenantName,
    state: Annotated[
        list[JobState] | None, typer.Option("--state", help="Only jobs in this state; repeat for more.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many are shown at most.", min=1, max=_MOST)] = 50,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List a tenant's newest jobs: first what runs or failed, then what waits, then what ended."""
    from rag_service.authentication import operate
    from rag_service.wiring import open_store

    async def action() -> tuple[list[Job], dict[JobState, int]]:
        async with open_store(settings_for(data_dir)) as store:
            owner = await store.tenants.by_name(tenant)
            found: dict[str, Job] = {}
            for states in [tuple(state)] if state else _WHAT_MATTERS_FIRST:
                if room := limit - len(found):
                    jobs = await store.jobs.jobs(operate(owner), owner.keys, states, room)
                    found |= {job.job_id: job for job in jobs}  # once, where it moved on between two looks
            return list(found.values()), await store.jobs.counts(operate(owner))

    jobs, counts = run(as_json, action)
    totals = {str(one): counts[one] for one in JobState if one in counts}
    of_state = f"No job is {' or '.join(state)}." if state else None
    readable = table(list(map(_row, jobs)), of_state or f"No jobs yet: rag ingest PATH --tenant {tenant} --owner U")
    if totals:
        readable += f"\n{len(jobs)} shown, of " + ", ".join(f"{count} {one}" for one, count in totals.items())
    show(as_json, {"jobs": [asdict(job) for job in jobs], "states": totals}, readable)


@jobs_app.command("show")
def show_job(
    job_id: Annotated[str, typer.Argument(help="Id of the job, as `rag jobs list` shows it.", metavar="ID")],
    tenant: TenantName,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show a job: where it stands, which document it is to become or became, and the report of how it ended."""
    from rag_service.authentication import operate
    from rag_service.wiring import open_store

    async def action() -> Job:
        async with open_store(settings_for(data_dir)) as store:
            owner = await store.tenants.by_name(tenant)
            return await store.jobs.job(operate(owner), owner.keys, job_id)

    facts = asdict(run(as_json, action))
    told = {**{key: value for key, value in facts.items() if key != "report"}, **(facts["report"] or {})}
    lines = (f"{key}: {printable(in_words(value))}" for key, value in told.items() if value not in (None, (), {}))
    show(as_json, facts, "\n".join(lines))


@jobs_app.command("retry")
def retry(
    tenant: TenantName,
    job_ids: JobIds = None,
    every: Annotated[bool, typer.Option("--all", help="Every dead letter of the tenant.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let dead letters (failed jobs) wait for their turn again, once the cause is mended.

    A running `rag serve` takes them up; without one, the next `rag ingest` does. A dead letter whose source was
    uploaded again since stays one, as it would put older content in the place of newer: cancel it.
    """
    again = _Change(
        told_as="retried",
        one=lambda jobs: jobs.retry,
        every=lambda jobs: jobs.retry_all,
        left_by_every=JobState.FAILED,
        why_not=lambda job: (
            "its source was uploaded again since, and its content is older; cancel it"
            if job.state is JobState.FAILED
            else f"it is {job.state}, and only a failed job can be tried again"
        ),
    )
    _change(again, _chosen(job_ids, every=every), tenant, data_dir, as_json=as_json)


@jobs_app.command("cancel")
def cancel(
    tenant: TenantName,
    job_ids: JobIds = None,
    every: Annotated[bool, typer.Option("--all", help="Every job of the tenant that waits (queued).")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Cancel jobs that wait, run or failed: they never become documents, and what was uploaded for them is gone.

    What an earlier job made of the same source stays as it is.
    """
    no_more = _Change(
        told_as="cancelled",
        one=lambda jobs: jobs.cancel,
        every=lambda jobs: jobs.cancel_waiting,
        left_by_every=None,
        why_not=lambda job: f"it is {job.state} already",
    )
    _change(no_more, _chosen(job_ids, every=every), tenant, data_dir, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Change:
    """What is to be done to one job or to every one; ``told_as`` is the word for it in the output.

    Jobs that stay in ``left_by_every`` could not be changed, for the reason that ``why_not`` gives.
    """

    told_as: str
    one: Callable[[TenantJobs], Callable[[OperatorScope, str], Awaitable[None]]]
    every: Callable[[TenantJobs], Callable[[OperatorScope], Awaitable[list[str]]]]
    left_by_every: JobState | None
    why_not: Callable[[Job], str]


def _change(
    change: _Change, job_ids: Sequence[str] | None, tenant: str, data_dir: Path | None, *, as_json: bool
) -> None:
    """The jobs were changed, each that can be; the command ends with status 1 where one could not."""
    from rag_service.authentication import operate
    from rag_service.domain.errors import Conflict, NotFound
    from rag_service.wiring import open_store

    async def action() -> tuple[list[str], list[dict[str, str]]]:
        async with open_store(settings_for(data_dir)) as store:
            owner = await store.tenants.by_name(tenant)
            operator, jobs = operate(owner), store.jobs
            if job_ids is None:
                done = await change.every(jobs)(operator)
                left = [change.left_by_every] if change.left_by_every else []
                stay = await jobs.jobs(operator, owner.keys, left, _MOST) if left else []
                return done, [_refusal(job.job_id, Conflict, change.why_not(job)) for job in stay]
            done, refused = [], []
            for job_id in job_ids:
                try:
                    await change.one(jobs)(operator, job_id)
                    done.append(job_id)
                except NotFound as absent:
                    refused.append(_refusal(job_id, NotFound, str(absent)))
                except Conflict:
                    job = await jobs.job(operator, owner.keys, job_id)
                    refused.append(_refusal(job_id, Conflict, change.why_not(job)))
            return done, refused

    done, refused = run(as_json, action)
    lines = [f"job {one['job_id']}: {one['detail']}" for one in refused]
    if refused and not done and job_ids is not None:
        fail(as_json, refused[0]["type"], "; ".join(lines))
    readable = "\n".join([*(f"NOT {change.told_as}: {line}" for line in lines), f"{len(done)} {change.told_as}"])
    show(as_json, {change.told_as: done, "refused": refused}, readable)
    if refused:
        raise typer.Exit(1)


def _refusal(job_id: str, kind: type[Exception], detail: str) -> dict[str, str]:
    return {"job_id": job_id, "type": kind.__name__, "detail": detail}


def _chosen(job_ids: list[str] | None, *, every: bool) -> list[str] | None:
    """The ids, each once; ``None`` for every job. Neither or both is a wrong usage."""
    if every == bool(job_ids):
        raise typer.BadParameter("name the jobs, or pass --all", param_hint="ID")
    return None if every else list(dict.fromkeys(job_ids or []))


def _row(job: Job) -> tuple[str, ...]:
    state = f"{job.state} ({job.stage})" if job.stage else str(job.state)
    attempts = f"{job.attempts} attempt" + ("" if job.attempts == 1 else "s")
    reason = (job.report.reason or ", ".join(job.report.held)) if job.report else ""
    when = f"{job.changed_at:%Y-%m-%d %H:%M:%S}"
    return job.job_id, state, attempts, _size(job.size), when, job.source, reason


def _size(count: int) -> str:
    """A number of bytes, for people.

    >>> _size(999), _size(2048), _size(5 * 2**20)
    ('999 B', '2.0 KiB', '5.0 MiB')
    """
    if count < 2**10:
        return f"{count} B"
    return f"{count / 2**10:.1f} KiB" if count < 2**20 else f"{count / 2**20:.1f} MiB"
