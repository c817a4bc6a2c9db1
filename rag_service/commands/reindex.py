"""``rag reindex``: collections made anew from SQL, without embedding."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from rag_service.commands.options import AsJson, DataDir, printable, run, settings_for, show

if TYPE_CHECKING:
    from rag_service.store.tenants import Tenant


def reindex(
    tenant: Annotated[str | None, typer.Option("--tenant", help="Only this tenant's.", metavar="NAME")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make the index anew from SQL, without embedding; what is there answers until it is done."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from rag_service.authentication import operate
    from rag_service.owner.reach import until_followed
    from rag_service.wiring import open_store

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )

    async def action() -> list[Tenant]:
        settings = settings_for(data_dir)
        async with open_store(settings) as store:
            tenants = [await store.tenants.by_name(tenant)] if tenant else await store.tenants.all()
            for one in tenants:
                await store.outbox.request_rebuild(operate(one))
            is_shown = sys.stderr.isatty()
            with Progress(*columns, console=Console(stderr=True), transient=True, disable=not is_shown) as progress:
                task = progress.add_task("reindexing", total=len(tenants))
                for one in tenants:
                    progress.update(task, description=f"reindexing {printable(one.name)}")
                    await until_followed(settings, store, one.id, limit_s=None)
                    progress.advance(task)
        return tenants

    names = [one.name for one in run(as_json, action)]
    show(as_json, {"reindexed": names}, f"The index of {', '.join(names) or 'no tenant'} was made anew.")
