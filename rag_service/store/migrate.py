"""The tables are made, and brought to the newest revision, by alembic's migrations: on SQLite and PostgreSQL alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import URL, Connection, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError

from rag_service.domain.errors import DatabaseUnavailable, InvalidSetting
from rag_service.store.postgresql import Server, reason
from rag_service.store.tables import SCHEMA_VERSION, SECURED, metadata

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
    """The database's tables are of the newest revision and secured, and the service's role is there and may use them.

    ``owner`` is a role that may create tables, and roles if the service's is not there. Returns the revision before.

    Raises:
        DatabaseUnavailable: the server does not answer, or refuses.
        InvalidSetting: the service's role is beyond row-level security, or may not be made, or is of another database.
        RowSecurityMissing: policies are gone that a migration once made.
    """
    import psycopg

    if owner.database != service.database:
        raise InvalidSetting("RAG_DATABASE_OWNER_URL", "it names another database than RAG_DATABASE_URL")
    is_let_in = Server(service).lets_in()

    engine = create_engine(owner, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            before = _upgrade(connection)
            for table in sorted(SECURED):
                for wanted in ("ENABLE", "FORCE"):
                    connection.exec_driver_sql(f"ALTER TABLE {table} {wanted} ROW LEVEL SECURITY")
            if owner.username != service.username:
                _admit(connection, service, with_password=not is_let_in)
    except (DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise DatabaseUnavailable(reason(cause), "RAG_DATABASE_OWNER_URL") from None
    finally:
        engine.dispose()
    Server(service).examine(SECURED)
    return before


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


def _admit(connection: Connection, service: URL, *, with_password: bool) -> None:
    """The service may read and write rows, and change no table: the policies stay as they are.

    Its password goes to the server as a verifier alone (SCRAM), so that no log of statements holds it.
    """
    import psycopg
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
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    if service.password and (with_password or beyond is None):
        name, password = (service.username or "").encode(), str(service.password).encode()
        verifier = driver.pgconn.encrypt_password(password, name, b"scram-sha-256").decode()
        statements.insert(beyond is None, sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(verifier)))
    try:
        for statement in statements:
            driver.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        raise InvalidSetting(
            "RAG_DATABASE_OWNER_URL",
            "its role may not make or change the service's. Let an administrator run "
            f"CREATE ROLE {service.username} LOGIN PASSWORD …, then repeat",
        ) from None
