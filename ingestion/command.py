"""What `rag ingest` does: files into the queue, and the queue worked through, here or by the process that has it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ingestion.batch import FileOutcome, FoundFile, Intake, Watcher, ingest_files
from ingestion.crew import at_work
from ingestion.processes.profile import StageProfile
from ingestion.processes.stages import ProcessStages
from ingestion.progress import Progress
from rag_service.commands.options import table
from rag_service.domain.identity import Principal
from rag_service.settings import Settings
from rag_service.store.tenants import Tenant
from rag_service.wiring import Store, open_store


@dataclass(frozen=True, slots=True)
class Profile:
    """Where the time of a command went. ``own_cpu_s`` is this process's: queue, sealing, SQL and index."""

    wall_s: float
    own_cpu_s: float
    stages: Mapping[str, StageProfile]
    peak_rss_mib: Mapping[str, float]


async def ingest_into(
    settings: Settings,
    tenant_name: str,
    files: Sequence[FoundFile],
    owner: str | None,
    access: Collection[Principal],
    *,
    as_json: bool,
) -> tuple[list[FileOutcome], Profile]:
    """Every file has its outcome. The queue is drained, if it is this process that works through it."""
    began, stages = time.perf_counter(), ProcessStages(settings)
    async with open_store(settings) as store:
        found = await store.tenants.by_name(tenant_name)
        with Progress(len(files), lines=not as_json) as progress:
            async with worked_through(settings, store, found, stages, progress) as tenant:
                intake = Intake(tenant, owner or "operator", owner, access, recognizers=stages.recognizers)
                watcher = Watcher(progress.ended, progress.moved, progress.member)
                outcomes = await ingest_files(files, intake, store, settings.max_upload_mb * 2**20, watcher)
        profile = Profile(time.perf_counter() - began, time.process_time(), stages.profile(), stages.peak_rss_mib())
        return outcomes, profile


@asynccontextmanager
async def worked_through(
    settings: Settings, store: Store, tenant: Tenant, stages: ProcessStages, progress: Progress
) -> AsyncIterator[Tenant]:
    """Somebody works through the queue while the context lasts. It is drained, if it is this process.

    Gives the tenant, bound to the embedding model where this process knows it.
    """
    async with at_work(settings, store, stages) as crew:
        if crew.worker is not None:
            tenant = await crew.worker.prepare(tenant)
        if crew.held_by is not None:
            progress.say(f"{crew.held_by} works through the queue.")
        yield tenant
        if crew.worker is not None:
            await crew.worker.drained()


def profile_table(profile: Profile) -> str:
    """The profile for people: a line a stage, the most expensive first."""
    rows = [("stage", "calls", "CPU s", "busy s", "waited s")]
    for stage, spent in sorted(profile.stages.items(), key=lambda item: -item[1].cpu_s):
        rows.append((stage, str(spent.calls), f"{spent.cpu_s:.1f}", f"{spent.busy_s:.1f}", f"{spent.waiting_s:.1f}"))
    rows.append(("this process", "", f"{profile.own_cpu_s:.1f}", "", ""))
    if not profile.stages:
        rows.append(("(another process worked through the queue)", "", "", "", ""))
    memory = ", ".join(f"{kind} {mib:.0f}" for kind, mib in profile.peak_rss_mib.items() if mib)
    return f"{table(rows, '')}\n{profile.wall_s:.1f} s in all; largest processes, MiB: {memory or 'none'}"
