"""The migrations make the tables that the code knows, on both databases; nothing else opens."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, create_engine

from rag_service.domain.errors import FolderHeld, SchemaMismatch
from rag_service.folder import hold, open_folder, upgrade_folder
from rag_service.settings import Settings
from rag_service.store import migrate
from rag_service.store.tables import SCHEMA_VERSION, metadata
from tests.postgresql import Postgres, address


def differences(url: URL) -> list[Any]:
    """What the database would have to change to be what the code knows."""
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = list(compare_metadata(context, metadata))
    engine.dispose()
    return found


_PARTS = re.compile(r",? (?=CONSTRAINT )|, (?![^()]*\))| \)$")
_STAMP = "alembic_version"


def declared(path: Path) -> set[tuple[str, ...]]:
    """What the file's tables and indexes are made of, in whatever order they say it."""
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {(kind, name, *sorted(_PARTS.split(" ".join(sql.split())))) for kind, name, sql in found if name != _STAMP}


def test_a_new_file_is_what_the_migrations_would_make(tmp_path: Path) -> None:
    migrate.create_sqlite_tables(tmp_path / "quick.db")
    engine = create_engine(URL.create("sqlite", database=str(tmp_path / "migrated.db")))
    with engine.begin() as connection:
        assert migrate._upgrade(connection) is None
    engine.dispose()
    assert declared(tmp_path / "quick.db") == declared(tmp_path / "migrated.db")
    assert migrate.upgrade_sqlite(tmp_path / "quick.db") == SCHEMA_VERSION


def test_the_newest_revision_is_the_one_that_the_code_needs() -> None:
    assert ScriptDirectory.from_config(migrate._config()).get_current_head() == SCHEMA_VERSION


def test_the_tables_of_a_server_are_those_that_the_code_knows(postgres: Postgres) -> None:
    assert differences(postgres.url("migrated", as_owner=True)) == []


def test_a_difference_would_be_seen(tmp_path: Path) -> None:
    migrate.create_sqlite_tables(tmp_path / "rag.db")
    with sqlite3.connect(tmp_path / "rag.db") as connection:
        connection.execute("ALTER TABLE turns ADD COLUMN more TEXT")
    connection.close()
    assert differences(URL.create("sqlite", database=str(tmp_path / "rag.db")))


def test_upgrading_a_server_again_changes_nothing(postgres: Postgres) -> None:
    url = postgres.url("migrated")
    assert migrate.upgrade_postgresql(postgres.url("migrated", as_owner=True), url) == SCHEMA_VERSION
    assert differences(postgres.url("migrated", as_owner=True)) == []


FILLED = (
    "INSERT INTO tenants VALUES ('t', 'n', '\\x00', '\\x01', '\\x02', 1, 'identifiers', 'model', '2030-01-01')",
    "INSERT INTO documents VALUES ('t', 'd', 's', 1, NULL, NULL, NULL, '2030-01-01')",
    "INSERT INTO versions VALUES ('t', 'd', 1, '\\x03', 'c', '\\x04', '\\x05', '2030-01-01')",
    "INSERT INTO chunks VALUES ('t', 'k1', 'd', 1, 0, '\\x06', '\\x07', '\\x0801')",
    "INSERT INTO chunks VALUES ('t', 'k2', 'd', 1, 1, '\\x06', '\\x07', '\\x0802')",
)
"""What the third revision's tables may hold, as PostgreSQL writes bytes."""
MOVED = [("t", "k1", 1, bytes.fromhex("0801")), ("t", "k2", 1, bytes.fromhex("0802"))]


def third_revision(engine: Engine) -> None:
    """The third revision's tables, with rows."""
    with engine.begin() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "3")
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT set_config('app.tenant', 't', true)")
        for statement in FILLED:
            spelled = re.sub(r"'\\x([0-9a-f]+)'", r"x'\1'", statement)
            connection.exec_driver_sql(spelled if engine.dialect.name == "sqlite" else statement)
    engine.dispose()


def test_vectors_of_the_third_revision_are_those_of_their_tenants_epoch(tmp_path: Path) -> None:
    url = URL.create("sqlite", database=str(tmp_path / "rag.db"))
    third_revision(create_engine(url))
    assert migrate.upgrade_sqlite(tmp_path / "rag.db") == "3"
    with sqlite3.connect(tmp_path / "rag.db") as connection:
        assert connection.execute("SELECT * FROM vectors ORDER BY chunk_id").fetchall() == MOVED
        assert connection.execute("SELECT id, ordinal FROM chunks ORDER BY id").fetchall() == [("k1", 0), ("k2", 1)]
    connection.close()
    assert differences(url) == []


def test_an_owner_whom_the_policies_hold_moves_every_vector(postgres: Postgres) -> None:
    """The role that owns the tables need be no superuser, and sees no tenant's rows."""
    postgres.run("CREATE ROLE owner LOGIN NOSUPERUSER")
    postgres.run("CREATE DATABASE third OWNER owner")
    owner = postgres.url("third", as_owner=True).set(username="owner")
    third_revision(create_engine(owner))
    assert migrate.upgrade_postgresql(owner, postgres.url("third")) == "3"
    assert differences(owner) == []
    with psycopg.connect(address(postgres.url("third", as_owner=True))) as connection:
        assert connection.execute("SELECT * FROM vectors ORDER BY chunk_id").fetchall() == MOVED
        held = "SELECT relname FROM pg_class WHERE relforcerowsecurity AND relname IN ('chunks', 'vectors', 'epochs')"
        assert len(connection.execute(held).fetchall()) == 3
    with psycopg.connect(address(postgres.url("third"))) as connection:
        assert connection.execute("SELECT * FROM vectors").fetchall() == []


@pytest.mark.sqlite
class TestFolder:
    def test_an_upgrade_of_the_newest_changes_nothing(self, settings: Settings) -> None:
        asyncio.run(open_folder(settings))
        assert upgrade_folder(settings) == SCHEMA_VERSION
        asyncio.run(open_folder(settings))

    def test_one_that_another_process_uses_is_left_alone(self, settings: Settings) -> None:
        folder = asyncio.run(open_folder(settings))
        with hold(folder), pytest.raises(FolderHeld):
            upgrade_folder(settings)

    def test_one_of_a_schema_without_a_way_is_refused_unchanged(self, settings: Settings) -> None:
        asyncio.run(open_folder(settings))
        record, database = settings.data_dir / "installation.json", settings.data_dir / "rag.db"
        record.write_text(json.dumps(json.loads(record.read_bytes()) | {"schema": "2"}), encoding="utf-8")
        with sqlite3.connect(database) as connection:
            connection.execute("DROP TABLE alembic_version")
        connection.close()
        before = declared(database)
        with pytest.raises(SchemaMismatch, match="ingested anew"):
            upgrade_folder(settings)
        assert declared(database) == before
