"""`rag`: the command line. Other packages add their commands through the entry point `rag_service.commands`."""

from __future__ import annotations

import json
import sys
from importlib.metadata import entry_points

import typer

from rag_service.commands.ask import ask
from rag_service.commands.database import database_app
from rag_service.commands.doctor import doctor
from rag_service.commands.documents import documents_app
from rag_service.commands.jobs import jobs_app
from rag_service.commands.key import key_app
from rag_service.commands.quarantine import quarantine_app
from rag_service.commands.reindex import reindex
from rag_service.commands.serve import serve
from rag_service.commands.tenant import group_app, tenant_app


def build_app() -> typer.Typer:
    """The whole command line, with the commands of the installed packages."""
    app = typer.Typer(
        name="rag",
        help="Answer questions over documents, for tenants who never see each other's.",
        epilog="Begin with `rag demo`, or: rag tenant create acme · rag ingest ./docs --tenant acme --allow everyone · "
        'rag ask "…" --tenant acme --user ann',
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.command()(ask)
    app.command()(serve)
    app.command()(doctor)
    app.command()(reindex)
    app.add_typer(tenant_app, name="tenant")
    app.add_typer(group_app, name="group")
    app.add_typer(key_app, name="key")
    app.add_typer(documents_app, name="documents")
    app.add_typer(jobs_app, name="jobs")
    app.add_typer(quarantine_app, name="quarantine")
    app.add_typer(database_app, name="database")
    for entry in entry_points(group="rag_service.commands"):
        entry.load()(app)
    return app


def main() -> None:
    try:
        build_app()()
    except SystemExit as end:
        if end.code == 2 and "--json" in sys.argv[1:]:  # wrong usage: no command ran that could have printed it
            error = {"type": "WrongUsage", "detail": "wrong usage: stderr says what is wrong"}
            typer.echo(json.dumps({"error": error}))
        raise
