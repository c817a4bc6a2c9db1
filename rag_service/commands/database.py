"""``rag database``: the tables, made and brought up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from rag_service.commands.options import AsJson, DataDir, run, settings_for, show

if TYPE_CHECKING:
    from rag_service.settings import Settings

database_app = typer.Typer(help="Make the tables, and bring them up to date.", no_args_is_help=True)


@database_app.callback()
def database() -> None:
    """Make the tables, and bring them up to date."""


@database_app.command("upgrade")
def upgrade(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Bring the tables to this version's schema. Repeating it changes nothing.

    For PostgreSQL (`RAG_DATABASE_URL`) it is how they are made: it runs as the role of `RAG_DATABASE_OWNER_URL`, and
    makes the service's own role if there is none, which may read and write rows and change no table. Without an owner's
    address the service's role owns its tables; row-level security holds it all the same.

    For a data folder it is needed only after an update of this program: no other process may use the folder meanwhile.
    """

    async def action() -> tuple[str | None, str]:
        import asyncio

        from rag_service.store.tables import SCHEMA_VERSION

        settings = settings_for(data_dir)
        return await asyncio.to_thread(_upgraded, settings), SCHEMA_VERSION

    before, after = run(as_json, action)
    told = f"The tables have schema {after}" + ("." if before == after else f", before {before or 'none'}.")
    show(as_json, {"before": before, "schema": after}, told)


def _upgraded(settings: Settings) -> str | None:
    from rag_service.domain.errors import InvalidSetting
    from rag_service.folder import upgrade_folder
    from rag_service.store.migrate import upgrade_postgresql
    from rag_service.store.postgresql import Server

    if settings.database_url is None:
        if settings.database_owner_url is not None:
            raise InvalidSetting("RAG_DATABASE_URL", "it names the service's role in the same database; set it as well")
        return upgrade_folder(settings)
    plain = settings.database_plain
    service = Server.at("RAG_DATABASE_URL", settings.database_url.get_secret_value(), allows_plain=plain)
    owner = settings.database_owner_url or settings.database_url
    owning = Server.at("RAG_DATABASE_OWNER_URL", owner.get_secret_value(), allows_plain=plain)
    return upgrade_postgresql(owning.url, service.url)
