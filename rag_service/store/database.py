"""Connections to SQL, each handed out for one tenant, or for what concerns none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import CursorResult
from sqlalchemy.engine import Connection as EngineConnection
from sqlalchemy.exc import TimeoutError as NoneFree
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from rag_service.domain.errors import DatabaseUnavailable
from rag_service.domain.identity import TenantId
from rag_service.store.guard import SHARED, Shared, UnscopedStatement, check

__all__ = ["SHARED", "Connection", "Database", "Shared", "now"]

T = TypeVar("T")


class Connection(AsyncConnection):
    """A connection for the rows of one tenant. Every statement is checked to touch no others before it is sent.

    Statements run to their end, also where the task that waits for one is cancelled: the driver would go on with an
    interrupted statement in its thread, and SQLite closes no connection while one is open. Its transaction would stay,
    and with it the lock that every other writer waits for.
    """

    def __init__(self, engine: AsyncEngine, tenant: TenantId | Shared) -> None:
        super().__init__(engine)
        self._tenant = tenant

    async def execute(self, statement: Any, parameters: Any = None, **kwargs: Any) -> CursorResult[*tuple[Any, ...]]:
        check(statement, parameters, self._tenant)
        if kwargs:
            raise UnscopedStatement("options with a statement, which can put other tables in its place")
        return await _to_its_end(super().execute(statement, parameters))

    def stream(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002  # so is ``stream_scalars``
        raise UnscopedStatement("a stream of rows, which nothing checks")

    async def exec_driver_sql(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002  # as above
        raise UnscopedStatement("SQL that is written as text")


class Dialect(Protocol):
    """What SQLite and PostgreSQL do differently."""

    reader: AsyncEngine
    writer: AsyncEngine

    @asynccontextmanager
    def turn(self, tenant: TenantId | Shared) -> AsyncIterator[None]:
        """Writing may begin: it is one writer's turn at a time, of a tenant's or on SQLite of all in this process.

        It is waited for without a connection, so that one tenant's waiting writers take none from the others.
        """
        ...

    async def bind(self, connection: AsyncConnection, tenant: TenantId | Shared, *, is_writer: bool) -> None:
        """The database itself keeps this transaction to the tenant, and a tenant's writers one after the other."""
        ...

    def broken_references(self, connection: EngineConnection) -> dict[str, int]:
        """How many rows of which table refer to one that is not there, where the database may hold such."""
        ...


class Database:
    """Hands out reads, each statement for itself, and write transactions that commit as a whole or not at all.

    What is asked for with ``SHARED`` sees the tables that hold no content, over all tenants; anything else sees the
    rows of one tenant. Writes for one tenant happen one after the other, on every database, so that what was read in a
    transaction still holds when it commits.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    @asynccontextmanager
    async def read(self, tenant: TenantId | Shared) -> AsyncIterator[Connection]:
        async with _connected(self._dialect.reader, tenant) as connection:
            await self._dialect.bind(connection, tenant, is_writer=False)
            yield connection

    @asynccontextmanager
    async def write(self, tenant: TenantId | Shared) -> AsyncIterator[Connection]:
        async with self._dialect.turn(tenant), _connected(self._dialect.writer, tenant) as connection:
            await self._dialect.bind(connection, tenant, is_writer=True)
            yield connection
            await _to_its_end(connection.commit())

    async def broken_references(self) -> dict[str, int]:
        """How many rows of which table belong to what is not there, such as a tenant; only what was found."""
        async with _connected(self._dialect.reader, SHARED) as connection:
            return await connection.run_sync(self._dialect.broken_references)

    async def close(self) -> None:
        await self._dialect.reader.dispose()
        if self._dialect.writer is not self._dialect.reader:
            await self._dialect.writer.dispose()


@asynccontextmanager
async def _connected(engine: AsyncEngine, tenant: TenantId | Shared) -> AsyncIterator[Connection]:
    """What was not committed when the context ends is rolled back."""
    connection = Connection(engine, tenant)
    try:
        try:
            await _to_its_end(connection.start())
        except NoneFree:
            raise DatabaseUnavailable("all connections are in use") from None
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


def now() -> datetime:
    """The present in UTC, without a zone: as the tables store it."""
    return datetime.now(UTC).replace(tzinfo=None)
