"""What `rag ingest` does: files into the queue, and the queue worked through, here or by the process that has it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ingestion.batch import FileOutcome, FoundFile, Intake, Watcher, ingest_files
from ingestion.crew import at_work
from ingestion.pipeline import prepare_tenant
from ingestion.processes.stages import ProcessStages
from ingestion.progress import Progress
from rag_service.domain.identity import Principal
from rag_service.settings import Settings
from rag_service.wiring import open_store


async def ingest_into(
    settings: Settings,
    tenant_name: str,
    files: Sequence[FoundFile],
    owner: str | None,
    access: Collection[Principal],
    *,
    as_json: bool,
) -> list[FileOutcome]:
    """Every file has its outcome. The queue is drained, if it is this process that works through it."""
    async with open_store(settings) as store:
        tenant = await store.tenants.by_name(tenant_name)
        async with at_work(settings, store, lambda: ProcessStages(settings)) as crew:
            if crew.worker is not None:
                tenant = await prepare_tenant(tenant, crew.worker.fingerprint, store.tenants)
            intake = Intake(tenant, owner or "operator", owner, access)
            with Progress(len(files), lines=not as_json) as progress:
                if crew.held_by is not None:
                    progress.say(f"{crew.held_by} works through the queue.")
                watcher = Watcher(progress.ended, progress.moved)
                outcomes = await ingest_files(files, intake, store, settings.max_upload_mb * 2**20, watcher)
                if crew.worker is not None:
                    await crew.worker.drained()
            return outcomes
