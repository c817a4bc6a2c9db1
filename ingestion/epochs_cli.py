"""``rag embedding``: the model and the key of a tenant's index, changed without a pause."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag_service.commands.options import AsJson, DataDir, TenantName, printable, run, settings_for, show, table

if TYPE_CHECKING:
    from ingestion.compare_epochs import Comparison
    from ingestion.epochs import Tell
    from rag_service.store.epochs import Epoch, Views

embedding_app = typer.Typer(
    help="Change the embedding model or the key of a tenant's index: build beside, compare, switch, roll back.",
    no_args_is_help=True,
)

_GIVE_WAY = 10


@embedding_app.command("build")
def build(
    tenant: TenantName,
    model: Annotated[
        str | None,
        typer.Option(help="`packaged`, `packaged:onnx`, `packaged:torch`, or a folder; else that of the settings."),
    ] = None,
    new_key: Annotated[bool, typer.Option("--new-key", help="Change the index key; the model may stay.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Build an index beside the live one, which answers meanwhile. Stopped, it goes on when called again."""
    from ingestion.epochs import Workshop
    from rag_service.wiring import open_store

    async def action() -> Epoch:
        settings = settings_for(data_dir)
        async with open_store(settings) as store:
            with _bar() as tell:
                found = await store.tenants.by_name(tenant)
                return await Workshop(settings, store, tell).build(found, model, new_key=new_key)

    os.nice(_GIVE_WAY)  # its workers too
    epoch = run(as_json, action)
    facts = {"tenant": tenant, "epoch": epoch.number, "state": epoch.state, "embedding": epoch.embedding}
    show(as_json, facts, f"Epoch {epoch.number} is ready ({epoch.embedding}): rag embedding compare, then switch.")


@embedding_app.command("switch")
def switch(tenant: TenantName, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Answer from the index that is ready beside, from the next question on; the former one is kept."""
    _switch(tenant, data_dir, as_json, back=False)


@embedding_app.command("rollback")
def rollback(tenant: TenantName, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Answer from the former index again; what was ingested since is embedded for it first."""
    _switch(tenant, data_dir, as_json, back=True)


@embedding_app.command("discard")
def discard(tenant: TenantName, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Remove the index that stands beside, built or former: its collection, its vectors, its key."""
    from ingestion.epochs import Workshop
    from rag_service.wiring import open_store

    async def action() -> int:
        settings = settings_for(data_dir)
        async with open_store(settings) as store:
            return await Workshop(settings, store, _silent).discard(await store.tenants.by_name(tenant))

    number = run(as_json, action)
    show(as_json, {"tenant": tenant, "discarded": number}, f"Epoch {number} is gone.")


@embedding_app.command("status")
def status(
    tenant: Annotated[str | None, typer.Option("--tenant", help="Only this tenant's.", metavar="NAME")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show which epochs there are: model, state, and how many passages have their vector."""
    from rag_service.authentication import operate
    from rag_service.wiring import open_store

    async def action() -> list[dict[str, object]]:
        async with open_store(settings_for(data_dir)) as store:
            tenants = [await store.tenants.by_name(tenant)] if tenant else await store.tenants.all()
            found: list[dict[str, object]] = []
            for one in tenants:
                views, counts = await store.epochs.views(one.id), await store.epochs.counts(operate(one))
                found += _told(views, counts)
            return found

    epochs = run(as_json, action)
    rows = [tuple(str(value) for value in one.values()) for one in epochs]
    header = ("tenant", "epoch", "state", "embedding", "passages", "of")
    show(as_json, {"epochs": epochs}, table([header, *rows], "No tenants yet: rag tenant create NAME"))


@embedding_app.command("compare")
def compare(
    tenant: TenantName,
    user: Annotated[str, typer.Option(help="As whom the questions are asked.")],
    group: Annotated[list[str] | None, typer.Option(help="A group of this user's; repeat for more.")] = None,
    questions: Annotated[
        Path | None,
        typer.Option(
            help="A folder in the BEIR layout, or JSON lines with `question` and, if judged, `documents`: ids or "
            "sources. Else sentences of the tenant's documents are asked.",
            exists=True,
        ),
    ] = None,
    sample: Annotated[int, typer.Option(help="Most questions that are asked.", min=1, max=10_000)] = 200,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask both indexes the same, and tell how far they agree; with judged questions, which one finds more."""
    from ingestion.compare_epochs import compared

    async def action() -> Comparison:
        with _bar() as tell:
            return await compared(settings_for(data_dir), tenant, user, group or (), questions, sample, tell)

    found = run(as_json, action)
    show(as_json, found.as_json(), found.readable())


def _switch(tenant: str, data_dir: Path | None, as_json: bool, *, back: bool) -> None:
    from ingestion.epochs import Workshop
    from rag_service.wiring import open_store

    async def action() -> Views:
        settings = settings_for(data_dir)
        async with open_store(settings) as store:
            with _bar() as tell:
                found = await store.tenants.by_name(tenant)
                return await Workshop(settings, store, tell).switch(found, back=back)

    views = run(as_json, action)
    live, kept = views.live.keys.index.epoch, views.beside.number if views.beside else None
    facts = {"tenant": tenant, "epoch": live, "embedding": views.live.embedding, "kept": kept}
    other = "switch" if back else "rollback"
    show(as_json, facts, f"Epoch {live} answers ({views.live.embedding}); epoch {kept} is kept: rag embedding {other}.")


def _told(views: Views, counts: dict[int, int]) -> list[dict[str, object]]:
    live, beside = views.live, views.beside
    rows = [(live.keys.index.epoch, "live", live.embedding)]
    rows += [(beside.number, beside.state.value, beside.embedding)] if beside else []
    return [
        {
            "tenant": printable(live.name),
            "epoch": number,
            "state": state,
            "embedding": embedding,
            "passages": counts.get(number, 0),
            "of": counts[0],
        }
        for number, state, embedding in rows
    ]


def _silent(what: str, done: int, of: int) -> None:
    """Nothing is shown."""


@contextmanager
def _bar() -> Iterator[Tell]:
    """A bar on stderr where that is a terminal, and else nothing."""
    if not sys.stderr.isatty():
        yield _silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("looking", total=None)
        yield lambda what, done, of: progress.update(task, description=what, completed=done, total=of)
