"""The lint sees what it must see, lets through what is right, and finds nothing in the tree."""

from __future__ import annotations

import pytest

from tests.lints import scopes
from tests.lints.scopes import ACROSS, INDEX_ACROSS, complaints, main, unused

STORE = "rag_service/store/documents.py"
OPEN = "async with self._database.{way}({of}) as connection: ..."


def method(parameters: str, body: str, name: str = "all") -> str:
    return f"class Repository:\n    async def {name}(self, {parameters}):\n        {body}\n"


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        (STORE, method("", OPEN.format(way="read", of="SHARED")), "no parameter has authority"),
        (STORE, method("", OPEN.format(way="write", of="self._tenant")), "no parameter has authority"),
        (STORE, method("tenant: str", OPEN.format(way="read", of="tenant")), "no parameter has authority"),
        (STORE, method("tenant", OPEN.format(way="read", of="tenant")), "no parameter has authority"),
        (STORE, method("scope: AccessScope", OPEN.format(way="read", of="scope.user")), "no parameter has authority"),
        (STORE, method("row: Row", OPEN.format(way="read", of="row.tenant")), "no parameter has authority"),
        (STORE, method("scope: AccessScope", OPEN.format(way="read", of="TenantId(x)")), "no parameter has authority"),
        (STORE, method("x: AccessScope | str", OPEN.format(way="read", of="x.tenant")), "no parameter has authority"),
        (
            STORE,
            method("scope: AccessScope", OPEN.format(way="read", of="tenant=SHARED")),
            "no parameter has authority",
        ),
        ("ingestion/sync.py", "async def f(database):\n    database.read(SHARED)", "no parameter has authority"),
        (STORE, method("x: str", "return select(tables.documents.c.id)"), "query on documents without a scope"),
        (STORE, method("x: str", "await c.execute(select(tables.chunks))", "_all"), "query on chunks without a scope"),
        (STORE, "def every():\n    return tables.access.c", "query on access without a scope"),
        (STORE, "from sqlalchemy import select, text", "SQL as text"),
        (STORE, "from sqlalchemy.sql.elements import TextClause as T", "SQL as text"),
        (STORE, "import sqlalchemy\nq = sqlalchemy.text('select 1')", "SQL as text"),
        ("eval/report.py", "def f(c):\n    c.exec_driver_sql('select 1')", "SQL as text"),
        (STORE, "from rag_service.store.tables import documents", "does not see"),
        (STORE, "from rag_service.store import tables as t", "by that name"),
        ("rag_service/web/query.py", "from rag_service.store import tables", "the store alone"),
        ("rag_service/query/ask.py", "async def f(index):\n    await index.search(q, limit=1)", "index.search without"),
        (
            "rag_service/follow.py",
            method("x: str", "await self._index.drop(x)"),
            "index.drop without a scope",
        ),
        (
            "ingestion/index.py",
            "async def f(service):\n    await service.index.delete('c', [])",
            "index.delete without",
        ),
        (STORE, "from sqlalchemy.ext.asyncio import create_async_engine", "nothing checks"),
        (STORE, "from sqlalchemy.ext.asyncio import AsyncConnection as C", "nothing checks"),
        ("rag_service/doctor.py", "def f(database):\n    return database._dialect.writer", "nothing checks"),
        (STORE, method("scope: AccessScope", "await connection.run_sync(f)"), "nothing checks"),
        (STORE, method("scope: AccessScope", "await connection.stream(q)"), "nothing checks"),
        (STORE, method("scope: AccessScope", "return connection.sync_connection"), "nothing checks"),
    ],
)
def test_a_planted_breach_is_complained_of(path: str, source: str, complaint: str) -> None:
    [found] = complaints(path, source)
    assert complaint in found


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (STORE, method("scope: AccessScope", OPEN.format(way="read", of="scope.tenant"))),
        (STORE, method("who: AccessScope | OperatorScope", OPEN.format(way="write", of="who.tenant"))),
        (STORE, method("claim: Claim", OPEN.format(way="write", of="claim.tenant"))),
        (STORE, method("tenant: Tenant", OPEN.format(way="write", of="tenant.id"))),
        (STORE, method("tenant: TenantId", OPEN.format(way="write", of="tenant"))),
        ("rag_service/store/jobs.py", method("", OPEN.format(way="read", of="SHARED"), "states")),
        (STORE, method("operator: OperatorScope", "return select(tables.documents.c.id)")),
        (STORE, method("connection: Connection", "await connection.execute(select(tables.chunks))", "_all")),
        (STORE, "def _is_live():\n    return tables.documents.c.live_version == 1"),
        (STORE, method("", "return select(tables.tenants)")),
        (STORE, method("scope: AccessScope, keys: TenantKeys", "return file.read(1)")),
        ("rag_service/store/sqlite.py", "def f(c):\n    c.exec_driver_sql('BEGIN')"),
        ("rag_service/store/database.py", "from sqlalchemy.ext.asyncio import AsyncConnection"),
        ("rag_service/query/ask.py", "async def f(index, query: SealedQuery):\n    await index.search(query, limit=1)"),
        ("rag_service/follow.py", method("keys: IndexKeys", "await self._index.read(keys.collection, [])")),
        ("rag_service/query/ask.py", "def f(text):\n    return text.index('x')"),
    ],
)
def test_what_is_right_is_not_complained_of(path: str, source: str) -> None:
    assert complaints(path, source) == []


def test_the_tree_is_clean() -> None:
    assert main() == 0


def test_nothing_is_let_through_without_need(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACROSS", "INDEX_ACROSS"):
        monkeypatch.setattr(scopes, name, {})
    found = [(path, one.split(": ")[1]) for path, source in scopes.modules() for one in complaints(path, source)]
    assert set(found) == {*ACROSS, *INDEX_ACROSS}
    assert all([*ACROSS.values(), *INDEX_ACROSS.values()])


def test_what_is_let_through_and_is_gone_is_told() -> None:
    assert unused({*ACROSS, *INDEX_ACROSS}) == []
    assert unused({("rag_service/store/jobs.py", "claim_all")})
