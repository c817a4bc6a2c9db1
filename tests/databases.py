"""The database under test: a file for each folder, or with ``--database postgresql`` a database of a real server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL

from rag_service.store.database import Database
from rag_service.store.migrate import create_sqlite_tables
from rag_service.store.sqlite import sqlite_database
from tests.postgresql import Postgres, address, server


class _UnderTest:
    """``postgres`` is the server while the tests run over one."""

    def __init__(self) -> None:
        self.postgres: Postgres | None = None
        self._urls: dict[Path, URL] = {}

    def url(self, folder: Path) -> URL | None:
        """The address of the folder's database on the server; of a new one for a new folder."""
        if self.postgres is not None and folder not in self._urls:
            self._urls[folder] = self.postgres.fresh()
        return self._urls.get(folder)

    def forget(self) -> None:
        """Nothing of what was stored on the server is left."""
        while self.postgres is not None and self._urls:
            self.postgres.take_back(self._urls.popitem()[1])


UNDER_TEST = _UnderTest()


def opened(folder: Path) -> Database:
    """The folder's database, with its tables. Opened twice it is the same."""
    if url := UNDER_TEST.url(folder):
        return server(url).database()
    path = folder / "rag.db"
    if not path.exists():
        create_sqlite_tables(path)
    return sqlite_database(path)


@contextmanager
def _session(folder: Path) -> Iterator[Any]:
    """A connection past the service: that of whoever holds the file, or owns the server."""
    if url := UNDER_TEST.url(folder):
        assert UNDER_TEST.postgres is not None
        assert url.database is not None
        with psycopg.connect(address(UNDER_TEST.postgres.url(url.database, as_owner=True))) as connection:
            yield connection
    else:
        with closing(sqlite3.connect(folder / "rag.db", timeout=30)) as connection, connection:
            yield connection


def rows(folder: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """What the folder's database holds, row by row, past the service."""
    with _session(folder) as connection:
        return [tuple(row) for row in connection.execute(_in_style(folder, query), values).fetchall()]


def tamper(folder: Path, statement: str, *values: object) -> int:
    """The folder's database was changed past the service. Returns how many rows were."""
    with _session(folder) as connection:
        return int(connection.execute(_in_style(folder, statement), values).rowcount)


def _in_style(folder: Path, statement: str) -> str:
    """Values are marked ``?`` in tests."""
    return statement.replace("?", "%s") if UNDER_TEST.url(folder) else statement
