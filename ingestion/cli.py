"""``rag ingest`` and ``rag demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingestion.epochs_cli import embedding_app
from ingestion.revalidate_cli import revalidate
from ingestion.sync_cli import sync
from rag_service.commands.access import parse_access
from rag_service.commands.options import AsJson, DataDir, TenantName, fail, printable, run, settings_for, show

if TYPE_CHECKING:
    from ingestion.batch import FileOutcome, Outcome
    from ingestion.command import Profile


def register(app: typer.Typer) -> None:
    """Adds this package's commands to `rag`."""
    app.command()(ingest)
    app.command()(sync)
    app.command()(revalidate)
    app.command()(demo)
    app.add_typer(embedding_app, name="embedding")


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files, and folders with all below them.", metavar="PATH...")],
    tenant: TenantName,
    owner: Annotated[str | None, typer.Option(help="The user who owns new documents, and may read them.")] = None,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", help="Who may read new documents: user:U, group:G or everyone.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="The document's identity, or for a folder the beginning of it.", metavar="URI")
    ] = None,
    profile: Annotated[bool, typer.Option("--profile", help="Tell on stderr where the time went.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Ingest documents: validate, scrub, screen, embed, seal and index them.

    A file that was ingested before costs nothing if it has not changed, and else replaces its former version in one
    step; its access list stays. A file that cannot be ingested is reported with its reason and stops no other. One that
    is suspicious waits in quarantine for a reviewer, and until then what was live before goes on answering. While
    `rag serve` runs, its worker does the work; what was accepted is ingested also if this command is stopped.

    An archive (zip, tar, gz, bz2, xz) becomes a document that lists its files, and a mail one with its text; each file
    in them, `outer.zip!inner.txt`, a document of its own that the same people may read, and that goes with it.
    """
    from ingestion.batch import find_files
    from ingestion.command import ingest_into, profile_table
    from rag_service.domain.identity import Principal
    from rag_service.store.names import checked_user

    if owner is None and not allow:
        raise typer.BadParameter("say who may read the documents: --owner U, --allow …, or both")
    if missing := [str(path) for path in paths if not _exists(path)]:
        fail(as_json, "NoSuchPath", f"there is no file or folder {', '.join(map(printable, missing))}")
    access = parse_access(allow)

    async def action() -> tuple[list[FileOutcome], Profile]:
        holder = checked_user(owner) if owner else None
        readers = [*access, *([Principal.user(holder)] if holder else [])]
        files = list(find_files(paths, source))
        return await ingest_into(settings_for(data_dir), tenant, files, holder, readers, as_json=as_json)

    try:
        outcomes, spent = run(as_json, action)
    except KeyboardInterrupt:
        left = "What is under way or waits is in the queue: `rag serve` or the next `rag ingest` goes on with it."
        typer.echo(f"Stopped. {left} See `rag jobs list --tenant {printable(tenant)}`.", err=True)
        raise
    if profile:
        typer.echo(profile_table(spent), err=True)
    report = summary(outcomes)
    refused, quarantined = len(report["refused"]), len(report["quarantined"])
    sums = f"{len(report['documents'])} ingested, {len(report['unchanged'])} unchanged, {refused} refused"
    if quarantined:
        sums += f", {quarantined} quarantined: rag quarantine list --tenant {printable(tenant)}"
    show(as_json, report, sums)
    if refused or quarantined:
        raise typer.Exit(1)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long for the system
        return False


def summary(outcomes: list[FileOutcome]) -> dict[str, list[dict[str, object]]]:
    """The outcomes as ``rag ingest --json`` prints them: every file, and what came in it, in exactly one list."""
    report: dict[str, list[dict[str, object]]] = {"documents": [], "unchanged": [], "refused": [], "quarantined": []}
    for outcome in outcomes:
        _enter(report, str(outcome.path), outcome.result)
        for way, result in outcome.members.items():
            _enter(report, f"{outcome.path}!{way}", result)
    return report


def _enter(report: dict[str, list[dict[str, object]]], path: str, result: Outcome) -> None:
    from ingestion.batch import Ingested, Quarantined
    from ingestion.pipeline import Unchanged
    from rag_service.domain.errors import Refused

    if isinstance(result, Ingested):
        report["documents"].append(
            {
                "path": path,
                "document_id": result.document_id,
                "version": result.version,
                "chunks": result.chunks,
                "removed": result.removed,
                "suspicions": list(result.suspicions),
                "stripped": list(result.stripped),
            }
        )
    elif isinstance(result, Unchanged):
        report["unchanged"].append({"path": path, "document_id": result.document_id})
    elif isinstance(result, Quarantined):
        report["quarantined"].append({"path": path, "document_id": result.document_id, "reasons": list(result.reasons)})
    elif isinstance(result, Refused):
        report["refused"].append({"path": path, "reason": result.reason, "detail": result.detail})


def demo(
    corpus: Annotated[Path | None, typer.Option(help="A folder laid out like examples/.", hidden=True)] = None,
    as_json: AsJson = False,
) -> None:
    """Ingest the example documents of two companies into a temporary folder, and ask about them."""
    from ingestion.demo import run_demo

    passed = run(as_json, lambda: run_demo(corpus, as_json))
    if not passed:
        raise typer.Exit(1)
