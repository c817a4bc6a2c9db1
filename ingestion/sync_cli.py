"""``rag sync``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag_service.commands.access import parse_access
from rag_service.commands.options import AsJson, DataDir, TenantName, fail, printable, run, settings_for, show

if TYPE_CHECKING:
    from ingestion.sync import Row, SyncReport


def sync(  # noqa: PLR0913, PLR0917  # each is an option of the command line
    folder: Annotated[Path, typer.Argument(help="The folder, with all below it.", metavar="DIR")],
    tenant: TenantName,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Tell what would be done, and change nothing. Without --owner, owned files show as changed.",
        ),
    ] = False,
    owner: Annotated[str | None, typer.Option(help="The user who owns new documents, and may read them.")] = None,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", help="Who may read new documents: user:U, group:G or everyone.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="The beginning of the documents' sources, in place of the absolute path.", metavar="URI"),
    ] = None,
    delete_all: Annotated[
        bool, typer.Option("--delete-all", help="Remove the documents of a folder that is empty now.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a tenant's documents of a folder what it holds: add new files, replace changed ones, remove what is gone.

    Only documents that came from this folder are ever removed: those that `rag sync` put there or found unchanged,
    also if `rag ingest` brought them. A folder is known by its absolute path, or by --source. Where two overlap, a
    document belongs to the one that was synchronised last.

    A document stays while its file is refused, and while its file may lie where the folder cannot be read. New
    content of a refused file waits until the file is mended; the version before stays live.

    Try `rag sync DIR --tenant T --dry-run` first. Running it again costs nothing where nothing changed.
    """
    from ingestion.scan import folder_at
    from ingestion.sync import Request, preview
    from ingestion.sync import sync as synchronise
    from rag_service.domain.identity import Principal
    from rag_service.store.names import checked_user

    if owner is None and not allow and not dry_run:
        raise typer.BadParameter("say who may read new documents: --owner U, --allow …, or both")
    if not _is_folder(folder):
        fail(as_json, "NoSuchPath", f"there is no folder {printable(str(folder))}; nothing was changed")
    access = parse_access(allow)

    async def action() -> SyncReport:
        holder = checked_user(owner) if owner else None
        readers = [*access, *([Principal.user(holder)] if holder else [])]
        request = Request(folder_at(folder, source), tenant, holder, readers, delete_all)
        return await (preview if dry_run else synchronise)(settings_for(data_dir), request)

    report = run(as_json, action)
    show(as_json, asdict(report), _readable(report, dry_run=dry_run))
    if report.refused or report.quarantined:
        raise typer.Exit(1)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long for the system
        return False


def _readable(report: SyncReport, *, dry_run: bool) -> str:
    """A line for all that is not as before, and the sums."""
    lines = [f"added    {_name(row)}" for row in report.added]
    lines += [f"changed  {_name(row)}" for row in report.changed]
    lines += [f"removed  {_name(row)} ({row['document_id']})" for row in report.removed]
    lines += [f"REFUSED  {_name(row)}: {row['reason']}. {row['detail']}" for row in report.refused]
    lines += [
        f"HELD     {_name(row)} ({row['document_id']}): in quarantine, a reviewer is to decide"
        for row in report.quarantined
    ]
    lines += [
        f"KEPT     {_name(row)} ({row['document_id']}): its file was not seen, and may lie where nothing could be read"
        for row in report.kept
    ]
    sums = ", ".join(
        f"{len(rows)} {name}" for name, rows in asdict(report).items() if rows or name not in {"kept", "quarantined"}
    )
    return "\n".join([*lines, f"A dry run, nothing was changed: {sums}" if dry_run else sums])


def _name(row: Row) -> str:
    notes = (
        [f"version {row['version']}" if row["version"] != 1 else "", f"{row['chunks']} chunks"]
        if "chunks" in row
        else []
    )
    shown = printable(str(row.get("path", row.get("source"))))
    return f"{shown} ({'; '.join(filter(None, notes))})" if notes else shown
