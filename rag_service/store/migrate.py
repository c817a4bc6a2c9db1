"""The tables are made, and brought to the newest revision, by alembic's migrations: on SQLite and PostgreSQL alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError

from rag_service.domain.errors import DatabaseUnavailable, InvalidSetting
from rag_service.store.tables import SCHEMA_VERSION, metadata

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"


def create_sqlite_tables(path: Path) -> None:
    """The newest tables in a new file, as the migrations would make them; a test holds the two together.

    Alembic takes a quarter of a second to load, which nobody should wait for who makes a folder.
    """
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool)
    with engine.begin() as connection:
        metadata.create_all(connection)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:newest)"), {"newest": SCHEMA_VERSION})
    engine.dispose()


def upgrade_sqlite(path: Path) -> str | None:
    """The file's tables are of the newest revision. Returns the one that they were of; where that is none of ours, None
    and nothing is changed.
    """
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool)
    with engine.begin() as connection:
        return _upgrade(connection) if _revision(connection) in _revisions() else None


def upgrade_postgresql(owner: URL, service: URL) -> str | None:
    """The database's tables are of the newest revision, and the service's role may use them, and is there.

    ``owner`` is a role that may create tables, and roles if the service's is not there. Returns the revision before.

    Raises:
        DatabaseUnavailable: the server does not answer, or refuses.
        InvalidSetting: the service's role is beyond row-level security.
    """
    import psycopg

    engine = create_engine(owner, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            before = _upgrade(connection)
            if owner.username != service.username:
                _admit(connection, service)
            return before
    except (DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise DatabaseUnavailable(getattr(cause, "sqlstate", None) or type(cause).__name__) from None
    finally:
        engine.dispose()


def _upgrade(connection: Connection) -> str | None:
    from alembic import command

    before, config = _revision(connection), _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return before


def _revision(connection: Connection) -> str | None:
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


def _revisions() -> set[str]:
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def _admit(connection: Connection, service: URL) -> None:
    """The service may read and write rows by its password, and change no table: the policies stay as they are."""
    from psycopg import sql

    known = text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = :name")
    beyond = connection.execute(known, {"name": service.username}).scalar_one_or_none()
    if beyond:
        raise InvalidSetting("RAG_DATABASE_URL", "its role is a superuser or has BYPASSRLS; name another")
    role = sql.Identifier(service.username or "")
    statements = [
        sql.SQL("GRANT SELECT ON installation, alembic_version TO {}").format(role),
        sql.SQL("GRANT INSERT ON installation TO {}").format(role),
        sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}").format(role),
    ]
    for table in metadata.sorted_tables:
        if table.name != "installation":
            grant = sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}")
            statements.append(grant.format(sql.Identifier(table.name), role))
    if beyond is None:
        create = sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS")
        statements.insert(0, create.format(role))
    if service.password is not None:  # also where it was changed
        statements.append(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(service.password)))
    cursor = connection.connection.cursor()
    for statement in statements:
        cursor.execute(statement)
    cursor.close()
