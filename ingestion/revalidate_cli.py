"""``rag revalidate``: stored documents meet the detectors of today."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from rag_service.commands.options import AsJson, DataDir, printable, run, settings_for, show

if TYPE_CHECKING:
    from ingestion.revalidate import Sweep


def revalidate(
    tenant: Annotated[str | None, typer.Option("--tenant", help="Only this tenant's.", metavar="NAME")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what the detectors of today judged.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Judge stored documents anew, where other detectors judged them, and hold what is suspicious by now.

    Nothing is parsed or embedded again. What a reviewer released stays live, unless there is a reason that is new. A
    running service does this by itself. Stopped at any time, it goes on the next time where it was.
    """

    async def action() -> list[Sweep]:
        return await _swept(tenant, data_dir, everything=everything)

    sweeps = run(as_json, action)
    lines = [
        f"{printable(one.tenant)}: {one.judged} of {one.looked_at} judged anew, {len(one.quarantined)} quarantined"
        + (f", {len(one.failed)} FAILED: {', '.join(one.failed)}" if one.failed else "")
        for one in sweeps
    ]
    show(as_json, {"tenants": [asdict(one) for one in sweeps]}, "\n".join(lines) or "No tenants yet.")
    if any(one.failed for one in sweeps):
        raise typer.Exit(1)


async def _swept(tenant: str | None, data_dir: DataDir, *, everything: bool) -> list[Sweep]:
    from rich.console import Console
    from rich.progress import Progress

    from ingestion.processes.stages import ProcessStages
    from ingestion.revalidate import SWEEP_LOCK, Sweep
    from ingestion.revalidate import revalidate as sweep_through
    from rag_service.authentication import operate
    from rag_service.folder import hold
    from rag_service.owner.reach import until_followed
    from rag_service.wiring import open_store

    settings, sweeps = settings_for(data_dir), list[Sweep]()
    async with open_store(settings) as store:
        tenants = [await store.tenants.by_name(tenant)] if tenant else await store.tenants.all()
        console = Console(stderr=True)
        with (
            hold(store.folder, SWEEP_LOCK),
            ProcessStages(settings) as stages,
            Progress(console=console, transient=True, disable=not console.is_terminal) as bar,
        ):
            for one in tenants:
                total = len(await store.versions.document_ids(operate(one)))
                task = bar.add_task(f"revalidating {printable(one.name)}", total=total)

                def watch(sweep: Sweep, task: object = task) -> None:
                    bar.update(task, completed=sweep.looked_at)  # type: ignore[arg-type]  # rich's own kind of int

                swept = await sweep_through(
                    one,
                    store.revalidation,
                    stages.of(one.id),
                    holds=settings.hold_suspects,
                    everything=everything,
                    watch=watch,
                )
                sweeps.append(swept)
                if swept.quarantined:
                    await until_followed(settings, store, one.id, limit_s=None)
    return sweeps
