"""``rag doctor``: is everything as it should be?"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from rag_service.commands.options import AsJson, DataDir, printable, run, settings_for, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag_service.doctor.checks import Check, Watch
    from rag_service.owner.desk import Desk
    from rag_service.wiring import Store


def doctor(
    deep: Annotated[bool, typer.Option("--deep", help="Open everything, and compare every point with SQL.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be made again from SQL.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Check keys, models, jobs, and that the index holds what SQL says; works beside a running service."""
    from rag_service.doctor.examine import examine
    from rag_service.owner.reach import at_desk

    async def action() -> list[Check]:
        settings = settings_for(data_dir)
        with _bar() as watch:

            async def examined(store: Store, desk: Desk) -> list[Check]:
                return await examine(settings, store, desk, watch, deep=deep, repair=repair)

            return await at_desk(settings, examined)

    checks = run(as_json, action)
    is_well = all(check.ok for check in checks)
    show(as_json, {"ok": is_well, "checks": [asdict(check) for check in checks]}, "\n".join(map(_line, checks)))
    if not is_well:
        raise typer.Exit(1)


def _line(check: Check) -> str:
    state = "FAIL" if not check.ok else "mend" if check.repaired else "ok  "
    documents = "".join(f"\n        {document}" for document in check.documents)
    return f"{state}  {printable(check.name)}: {printable(check.detail)}{documents}"


@contextmanager
def _bar() -> Iterator[Watch]:
    """A bar on stderr where that is a terminal, and else nothing."""
    if not sys.stderr.isatty():
        yield lambda name, done, of: None  # noqa: ARG005  # as a Watch is called
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("checking", total=None)
        yield lambda name, done, of: progress.update(
            task, description=f"checking {printable(name)}", completed=done, total=of
        )
