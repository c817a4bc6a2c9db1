"""SQLite: one file, WAL, ``secure_delete``, one writer at a time."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, ExceptionContext
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from rag_service.domain.errors import DatabaseUnavailable
from rag_service.domain.identity import TenantId
from rag_service.store.database import Database
from rag_service.store.guard import Shared


def sqlite_database(path: Path) -> Database:
    """A database in one file."""
    return Database(_SQLite(path))


class _SQLite:
    """Reads begin no transaction: each would cost four more turns of the driver's thread."""

    def __init__(self, path: Path) -> None:
        url = URL.create("sqlite+aiosqlite", database=str(path))
        self._one_writer = asyncio.Lock()
        self.reader = create_async_engine(
            url,
            connect_args={"timeout": 30},
            hide_parameters=True,
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            pool_reset_on_return=None,
            pool_size=4,
        )
        self.writer = create_async_engine(url, connect_args={"timeout": 30}, hide_parameters=True, pool_size=1)
        for engine in (self.reader, self.writer):
            event.listen(engine.sync_engine, "connect", _prepare_connection)
            event.listen(engine.sync_engine, "handle_error", _say_unavailable)
        event.listen(self.writer.sync_engine, "begin", _begin)

    @asynccontextmanager
    async def turn(self, tenant: TenantId | Shared) -> AsyncIterator[None]:  # noqa: ARG002  # one of all tenants
        async with self._one_writer:
            yield

    async def bind(self, connection: AsyncConnection, tenant: TenantId | Shared, *, is_writer: bool) -> None:
        """SQLite knows no rows of a tenant: what keeps statements to them is ``store.guard``."""

    def broken_references(self, connection: Connection) -> dict[str, int]:
        """A file may have been written by something that did not look at them."""
        return Counter(row[0] for row in connection.exec_driver_sql("PRAGMA foreign_key_check"))


def _prepare_connection(connection: Any, _record: object) -> None:  # the driver's connection: a DB-API object
    connection.isolation_level = None  # transactions are begun below, not by the driver
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _say_unavailable(context: ExceptionContext) -> None:
    """A database that is damaged, locked or not one at all is reported as such, without the statement and its values.

    A broken constraint is another class, and stays what it is.
    """
    error = context.original_exception
    if type(error) in {sqlite3.DatabaseError, sqlite3.OperationalError}:
        raise DatabaseUnavailable(getattr(error, "sqlite_errorname", "unknown")) from None
