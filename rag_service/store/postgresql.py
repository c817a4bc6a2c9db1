"""PostgreSQL: a pool of connections, row-level security in every transaction, and locks that all machines see."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import structlog
from sqlalchemy import URL, event, make_url, text
from sqlalchemy.engine import Connection, ExceptionContext
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from rag_service.domain.errors import DatabaseUnavailable, InvalidSetting, RowSecurityMissing
from rag_service.domain.identity import TenantId
from rag_service.store.database import Database
from rag_service.store.guard import SHARED, Shared

if TYPE_CHECKING:
    import psycopg

_log = structlog.get_logger()
_OPTIONS = {"host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "target_session_attrs"}
"""Others would lead elsewhere than the address says (``hostaddr``, ``service``), or undo what a session is set to."""
_TOLD_OPTIONS = ", ".join(sorted(_OPTIONS))
_LOOPBACK = {"", "localhost", "127.0.0.1", "::1"}
_LOOK_AFTER_LOCK_S = 5.0
_PATIENCE_S = 30.0
_LOST = "its connection was lost, and with it this process's lock; start it again, or let a supervisor do so"
_SESSION = {
    "application_name": "rag-service",
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "options": "-c statement_timeout=60000 -c lock_timeout=30000 -c idle_in_transaction_session_timeout=60000",
}


@dataclass(frozen=True, slots=True)
class Server:
    """Where a PostgreSQL database is, and how many connections one process may have."""

    url: URL
    pool: int = 10

    @classmethod
    def at(cls, setting: str, address: str, *, allows_plain: bool, pool: int = 10) -> Server:
        """Raises ``InvalidSetting`` for an address that is none, or over which others could listen in."""
        try:
            url = make_url(address)
        except Exception:  # noqa: BLE001  # whatever is wrong with it, it may hold a password and is not repeated
            raise InvalidSetting(setting, "write postgresql://USER:PASSWORD@HOST/DATABASE") from None
        if url.drivername not in {"postgresql", "postgres", "postgresql+psycopg"} or not url.database:
            raise InvalidSetting(setting, "write postgresql://USER:PASSWORD@HOST/DATABASE")
        if unknown := set(url.query) - _OPTIONS:
            raise InvalidSetting(
                setting, f"{', '.join(sorted(unknown))}: of libpq's options, {_TOLD_OPTIONS} are taken"
            )
        host = url.query.get("host", url.host or "")
        is_near = isinstance(host, str) and (host in _LOOPBACK or host.startswith("/"))
        if not is_near and url.query.get("sslmode") != "verify-full" and not allows_plain:
            raise InvalidSetting(
                setting,
                "to another machine, end it with ?sslmode=verify-full&sslrootcert=FILE; "
                "or set RAG_DATABASE_PLAIN=true where something else protects the way",
            )
        return cls(url.set(drivername="postgresql+psycopg"), pool)

    def database(self) -> Database:
        return Database(_PostgreSQL(self))

    def lets_in(self) -> bool:
        """Whether the server knows the role, and takes its password."""
        try:
            self._connected().close()
        except DatabaseUnavailable:
            return False
        return True

    def examine(self, secured: Collection[str]) -> str | None:
        """The revision of the tables; ``None`` where there are none yet.

        Raises:
            RowSecurityMissing: the role, or one of the tables ``secured``, is beyond row-level security.
            DatabaseUnavailable: the server does not answer.
        """
        import psycopg

        with self._connected() as connection:
            try:
                beyond, is_there = connection.execute(_ROLE).fetchone() or (True, False)
                if beyond:
                    raise RowSecurityMissing("its role is a superuser or has BYPASSRLS")
                if not is_there:
                    return None
                held = {name for (name,) in connection.execute(_HELD)}
                if missing := set(secured) - held:
                    raise RowSecurityMissing(f"{', '.join(sorted(missing))} lack the policies")
                row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
                return str(row[0]) if row else None
            except psycopg.Error as error:
                raise DatabaseUnavailable(reason(error)) from None

    @contextmanager
    def hold(self, name: str) -> Iterator[bool]:
        """Whether nobody else had this lock: then nobody has until the context ends, on whichever machine.

        A process that loses its connection loses the lock, so it is told to end (SIGTERM) before another acts, and
        the context ends with ``DatabaseUnavailable``.
        """
        with self._connected() as connection:
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_number(f"rag {name}"),)).fetchone()
            if row is None or not row[0]:
                yield False
                return
            is_over, is_lost = threading.Event(), threading.Event()
            watch = threading.Thread(target=_look_after, args=(connection, is_over, is_lost, name), daemon=True)
            watch.start()
            try:
                yield True
            finally:
                is_over.set()
                watch.join()
                if is_lost.is_set():
                    raise DatabaseUnavailable(_LOST)

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        import psycopg

        place = {**self.url.translate_connect_args(username="user", database="dbname"), **self.url.query}
        try:
            return psycopg.connect(autocommit=True, **{**_SESSION, **place})
        except psycopg.Error as error:
            raise DatabaseUnavailable(reason(error)) from None


class _PostgreSQL:
    """Every transaction names its tenant to the database (``app.tenant``), whose policies keep it to that."""

    def __init__(self, server: Server) -> None:
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.writer = create_async_engine(
            server.url,
            connect_args=_SESSION,
            hide_parameters=True,
            pool_size=server.pool,
            max_overflow=0,
            pool_timeout=_PATIENCE_S,
            pool_pre_ping=True,
            pool_recycle=1800,
        )
        self.reader = self.writer.execution_options(postgresql_readonly=True)
        event.listen(self.writer.sync_engine, "handle_error", _say_unavailable)

    @asynccontextmanager
    async def turn(self, tenant: TenantId | Shared) -> AsyncIterator[None]:
        lock = self._turns.setdefault(str(tenant), asyncio.Lock())
        async with lock:
            yield

    async def bind(self, connection: AsyncConnection, tenant: TenantId | Shared, *, is_writer: bool) -> None:
        """Of what writes for one tenant, or in the queue, one is at work at a time; it waits for its turn here."""
        name = "" if tenant is SHARED else tenant
        if is_writer:
            statement, values = _BIND_AND_LOCK, {"tenant": name, "lock": _number(f"writes {name}")}
            await connection.run_sync(lambda sync: sync.execute(statement, values))
        elif name:
            await connection.run_sync(lambda sync: sync.execute(_BIND, {"tenant": name}))

    def broken_references(self, connection: Connection) -> dict[str, int]:  # noqa: ARG002  # PostgreSQL lets none in
        return {}


_ROLE = (
    "SELECT rolsuper OR rolbypassrls, to_regclass('alembic_version') IS NOT NULL"
    " FROM pg_roles WHERE rolname = current_user"
)
_HELD = (
    "SELECT relname FROM pg_class JOIN pg_policy ON polrelid = pg_class.oid"
    " WHERE relrowsecurity AND relforcerowsecurity AND relnamespace = current_schema()::regnamespace"
)
_BIND = text("SELECT set_config('app.tenant', :tenant, true)")
_BIND_AND_LOCK = text("SELECT set_config('app.tenant', :tenant, true), pg_advisory_xact_lock(:lock)")


def _number(name: str) -> int:
    """A lock's number: PostgreSQL's locks are 64-bit integers."""
    return int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)


def _look_after(connection: Any, is_over: threading.Event, is_lost: threading.Event, name: str) -> None:
    while not is_over.wait(_LOOK_AFTER_LOCK_S):
        try:
            connection.execute("SELECT 1")
        except Exception as error:  # noqa: BLE001  # whatever it is, the lock may be another's by now
            is_lost.set()
            _log.critical("lock_lost", lock=name, error=type(error).__name__)
            os.kill(os.getpid(), signal.SIGTERM)
            return


def _say_unavailable(context: ExceptionContext) -> None:
    """A server that is away, full, or takes too long is reported as such, without the statement and its values.

    What breaks a constraint or a policy is another class, and stays what it is.
    """
    import psycopg

    error = context.original_exception
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)):
        raise DatabaseUnavailable(reason(error)) from None


_REASONS = (
    ("password authentication failed", "it refuses the password"),
    ("no password supplied", "it wants a password"),
    ('role "', "it knows no such role, or does not let it in"),
    ("no pg_hba.conf entry", "it does not let this role in from here"),
    ('database "', "it has no such database"),
    ("translate host name", "its host's name is not known"),
    ("resolve host", "its host's name is not known"),
    ("connection refused", "nothing listens there"),
    ("no such file or directory", "nothing listens there"),
    ("timeout expired", "it did not answer in time"),
    ("does not support ssl", "it offers no TLS"),
    ("certificate", "its certificate, or the file to check it with, is not good"),
)


def reason(error: Any) -> str:
    """What is wrong, in words of ours: what the driver says quotes names and statements."""
    if state := getattr(error, "sqlstate", None):
        return str(state)
    told = str(error).lower()
    return next((ours for theirs, ours in _REASONS if theirs in told), type(error).__name__)
