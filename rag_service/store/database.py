"""The connection to SQL. On SQLite: WAL, ``secure_delete``, one writer at a time."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import CursorResult, event
from sqlalchemy.engine import URL, Connection, ExceptionContext
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from rag_service.domain.errors import DatabaseUnavailable
from rag_service.store.tables import metadata

T = TypeVar("T")


class Database:
    """Hands out reads, each statement for itself, and write transactions that commit as a whole or not at all."""

    def __init__(self, reader: AsyncEngine, writer: AsyncEngine) -> None:
        self._reader = reader
        self._writer = writer
        self._one_writer = asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with _connected(self._reader) as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        async with self._one_writer, _connected(self._writer) as connection:
            yield connection
            await _to_its_end(connection.commit())

    async def create_tables(self) -> None:
        async with self.write() as connection:
            await connection.run_sync(metadata.create_all)

    async def close(self) -> None:
        await self._reader.dispose()
        await self._writer.dispose()


class _WholeStatements(AsyncConnection):
    """A connection whose statements run to their end, also where the task that waits for one is cancelled.

    The driver would go on with an interrupted statement in its thread, and SQLite closes no connection while one is
    open: its transaction would stay, and with it the lock that every other writer waits for.
    """

    async def execute(self, *args: Any, **kwargs: Any) -> CursorResult[Any]:
        return await _to_its_end(super().execute(*args, **kwargs))


@asynccontextmanager
async def _connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """What was not committed when the context ends is rolled back."""
    connection = _WholeStatements(engine)
    try:
        await _to_its_end(connection.start())
        yield connection
    finally:
        if connection.sync_connection is not None:
            await _to_its_end(connection.close())


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """The work was done, whatever happened to this task meanwhile: it is cancelled only then."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # known, so that nobody reports it as forgotten
        raise


def sqlite_database(path: Path) -> Database:
    """A database in one file. Reads begin no transaction: each would cost four more turns of the driver's thread."""
    url = URL.create("sqlite+aiosqlite", database=str(path))
    reader = create_async_engine(
        url,
        connect_args={"timeout": 30},
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        pool_reset_on_return=None,
        pool_size=4,
    )
    writer = create_async_engine(url, connect_args={"timeout": 30}, pool_size=1)
    for engine in (reader, writer):
        event.listen(engine.sync_engine, "connect", _prepare_connection)
        event.listen(engine.sync_engine, "handle_error", _say_unavailable)
    event.listen(writer.sync_engine, "begin", _begin)
    return Database(reader, writer)


def now() -> datetime:
    """The present in UTC, without a zone: as the tables store it."""
    return datetime.now(UTC).replace(tzinfo=None)


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
