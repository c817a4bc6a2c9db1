"""On PostgreSQL the database alone keeps tenants apart, also where every condition of ours were forgotten."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Select, insert, select, true, update
from sqlalchemy.exc import ProgrammingError

from rag_service.authentication import operate
from rag_service.domain.errors import (
    DatabaseUnavailable,
    InvalidSetting,
    MasterKeyWrong,
    NotFound,
    RowSecurityMissing,
    SchemaMismatch,
)
from rag_service.domain.identity import EVERYONE, TenantId
from rag_service.folder import hold, open_folder
from rag_service.settings import load_settings
from rag_service.store import database as database_module
from rag_service.store import documents, tables
from rag_service.store.database import SHARED, Shared
from rag_service.store.migrate import upgrade_postgresql
from rag_service.store.postgresql import Server
from rag_service.store.tables import SECURED
from rag_service.store.tenants import Tenant
from tests.postgresql import Postgres, address, server
from tests.store.queued import Queued, over

CONTENT = sorted(SECURED - {table.name for table in tables.SHARED})
Scenario = Callable[[Queued, Tenant, Tenant], Awaitable[None]]


@pytest.fixture
def within(postgres: Postgres) -> Iterator[Callable[[Scenario], None]]:
    """Runs a scenario over a database in which two tenants have a row in every table."""
    url = postgres.fresh()

    def run(scenario: Scenario) -> None:
        async def whole() -> None:
            q = over(server(url).database())
            try:
                await scenario(q, await furnished(q, "acme"), await furnished(q, "bolt"))
            finally:
                await q.database.close()

        asyncio.run(whole())

    yield run
    postgres.take_back(url)


async def furnished(q: Queued, name: str) -> Tenant:
    tenant = await q.tenant(name)
    ann = await q.user(tenant, "ann")
    await q.accept(tenant, "a.md", by=ann)
    claim = await q.claim()
    await q.store(tenant, claim)
    await q.versions.set_access(operate(tenant), tenant.keys, claim.document_id, [EVERYONE])
    await q.accept(tenant, "b.md")
    async with q.database.write(tenant.id) as connection:
        group = {"group_token": "g", "member_token": "m", "sealed_group": b"", "sealed_member": b""}
        await connection.execute(insert(tables.members).values(tenant_id=tenant.id, **group))
        nonce = {"key_id": "k", "nonce": "n", "expires_at": database_module.now()}
        await connection.execute(insert(tables.nonces).values(tenant_id=tenant.id, **nonce))
        of_document, moment = {"document_id": claim.document_id, "version": 1}, {"created_at": database_module.now()}
        sketch = {**of_document, **moment, "uploader_token": "u", "sealed_sketch": b""}
        await connection.execute(insert(tables.sketches).values(tenant_id=tenant.id, **sketch))
        review = {**of_document, **moment, "id": "r", "content_token": "c", "sealed_entry": b""}
        await connection.execute(insert(tables.reviews).values(tenant_id=tenant.id, **review))
        epoch = {"epoch": 2, "index_key": b"", "embedding": "e", "state": "building", **moment}
        await connection.execute(insert(tables.epochs).values(tenant_id=tenant.id, **epoch))
        chunk = select(tables.chunks.c.id).where(tables.chunks.c.tenant_id == tenant.id).limit(1)
        vector = {"chunk_id": (await connection.execute(chunk)).scalar_one(), "epoch": 2, "sealed_vector": b""}
        await connection.execute(insert(tables.vectors).values(tenant_id=tenant.id, **vector))
    return tenant


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """The code checks no statement, and its own conditions are gone."""
    monkeypatch.setattr(database_module, "check", lambda *_: None)
    monkeypatch.setattr(documents, "_is_allowed", lambda *_: true())
    monkeypatch.setattr(documents, "_check_grant", lambda *_: None)


async def owners(q: Queued, name: str, tenant: TenantId | Shared) -> set[str]:
    """Whose the rows are that a statement without any condition finds."""
    table = tables.metadata.tables[name]
    query: Select[Any] = select(table.c["id" if name == "tenants" else "tenant_id"])
    async with q.database.read(tenant) as connection:
        return {owner for (owner,) in await connection.execute(query)}


@pytest.mark.usefixtures("careless")
def test_a_statement_without_a_condition_finds_the_tenants_own_rows(within: Callable[[Scenario], None]) -> None:
    async def scenario(q: Queued, acme: Tenant, bolt: Tenant) -> None:
        for name in sorted(SECURED):
            assert await owners(q, name, acme.id) == {acme.id}, name
            assert await owners(q, name, bolt.id) == {bolt.id}, name
            assert await owners(q, name, TenantId("nobody")) == set(), name
        for name in CONTENT:
            assert await owners(q, name, SHARED) == set(), f"{name} holds content, and was asked for no tenant"

    within(scenario)


@pytest.mark.usefixtures("careless")
def test_a_route_whose_conditions_were_forgotten_shows_nothing_of_another_tenant(
    within: Callable[[Scenario], None],
) -> None:
    async def scenario(q: Queued, acme: Tenant, bolt: Tenant) -> None:
        repository = documents.Documents(q.database)
        ann = (await q.user(acme, "ann")).scope
        [own], [theirs] = [await q.versions.document_ids(operate(one)) for one in (acme, bolt)]
        assert (await repository.text(ann, acme.keys, own))[1] == "text"
        with pytest.raises(NotFound):
            await repository.text(ann, acme.keys, theirs)
        opened = await repository.open_chunks(ann, acme.keys, sorted(await q.versions.chunk_ids(operate(bolt))))
        assert (opened.chunks, opened.tampered) == ({}, ())

    within(scenario)


@pytest.mark.usefixtures("careless")
@pytest.mark.parametrize("name", CONTENT)
def test_nothing_is_written_for_another_tenant(name: str, within: Callable[[Scenario], None]) -> None:
    async def scenario(q: Queued, acme: Tenant, bolt: Tenant) -> None:
        table = tables.metadata.tables[name]
        async with q.database.read(acme.id) as connection:
            row = (await connection.execute(select(table))).mappings().first()
        assert row is not None
        for values in (update(table).values(tenant_id=bolt.id), insert(table).values({**row, "tenant_id": bolt.id})):
            with pytest.raises(ProgrammingError, match="row-level security"):
                async with q.database.write(acme.id) as connection:
                    await connection.execute(values)
        async with q.database.write(acme.id) as connection:
            await connection.execute(table.delete())
        assert await owners(q, name, bolt.id) == {bolt.id}

    within(scenario)


def test_a_connection_of_the_pool_remembers_no_tenant(postgres: Postgres) -> None:
    async def scenario() -> None:
        url = postgres.fresh()
        q = over(Server(server(url).url, pool=1).database())
        acme = await q.tenant("acme")
        await q.accept(acme, "a.md")
        async with q.database.read(SHARED) as connection:
            said = await connection.run_sync(
                lambda sync: sync.exec_driver_sql("SELECT current_setting('app.tenant', true)").scalar_one()
            )
        assert not said
        await q.database.close()
        postgres.take_back(url)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE documents DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE documents NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY of_tenant ON documents",
        "CREATE POLICY wider ON documents USING (true)",
        "ALTER ROLE rag_app BYPASSRLS",
        "SET ROLE postgres",
        "TRUNCATE documents",
        "DROP TABLE documents",
        "CREATE TABLE copied AS SELECT 1",
        "UPDATE installation SET key_check = 'x'",
        "DELETE FROM installation",
        "UPDATE alembic_version SET version_num = '0'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
    ],
)
def test_the_services_role_cannot_loosen_what_holds_it(postgres: Postgres, statement: str) -> None:
    with (
        psycopg.connect(address(postgres.url("migrated"))) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)  # type: ignore[arg-type]  # our own


class TestStart:
    def test_a_superuser_is_no_role_for_the_service(self, postgres: Postgres) -> None:
        with pytest.raises(RowSecurityMissing, match="superuser"):
            server(postgres.url("migrated", as_owner=True)).examine(SECURED)

    def test_nor_is_one_that_row_security_does_not_hold(self, postgres: Postgres) -> None:
        postgres.run("CREATE ROLE beyond LOGIN BYPASSRLS")
        with pytest.raises(RowSecurityMissing, match="BYPASSRLS"):
            server(postgres.url("migrated").set(username="beyond")).examine(SECURED)

    @pytest.mark.parametrize(
        "loosened",
        [
            "ALTER TABLE chunks DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE chunks NO FORCE ROW LEVEL SECURITY",
            "DROP POLICY of_tenant ON chunks",
        ],
    )
    def test_tables_without_their_policies_are_not_served(self, postgres: Postgres, loosened: str) -> None:
        url = postgres.fresh()
        assert url.database is not None
        postgres.run(loosened, url.database)
        with pytest.raises(RowSecurityMissing, match="chunks"):
            server(url).examine(SECURED)
        owner = postgres.url(url.database, as_owner=True)
        if loosened.startswith("DROP"):
            with pytest.raises(RowSecurityMissing, match="chunks"):
                upgrade_postgresql(owner, url)
        else:
            upgrade_postgresql(owner, url)
            server(url).examine(SECURED)
        postgres.run(f"DROP DATABASE {url.database} WITH (FORCE)")

    def test_a_database_without_tables_says_what_to_do(
        self, postgres: Postgres, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("RAG_DATABASE_URL", address(postgres.url("template1")))
        with pytest.raises(SchemaMismatch, match="no tables yet: run `rag database upgrade`"):
            asyncio.run(open_folder(load_settings(data_dir=tmp_path / "data")))

    def test_one_that_is_not_there_is_unavailable(self, postgres: Postgres) -> None:
        with pytest.raises(DatabaseUnavailable):
            server(postgres.url("nowhere")).examine(SECURED)

    def test_the_key_of_another_installation_opens_nothing(
        self, postgres: Postgres, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = postgres.fresh()
        monkeypatch.setenv("RAG_DATABASE_URL", address(url))
        first = asyncio.run(open_folder(load_settings(data_dir=tmp_path / "one")))
        beside = asyncio.run(open_folder(load_settings(data_dir=tmp_path / "two")))
        assert first.id == beside.id
        with pytest.raises(MasterKeyWrong):
            asyncio.run(open_folder(load_settings(data_dir=tmp_path / "three", master_key="ab" * 32)))
        postgres.take_back(url)

    def test_the_index_is_held_by_one_process_of_all_that_share_the_database(
        self, postgres: Postgres, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = postgres.fresh()
        monkeypatch.setenv("RAG_DATABASE_URL", address(url))
        one, two = (asyncio.run(open_folder(load_settings(data_dir=tmp_path / name))) for name in ("one", "two"))
        with hold(one), pytest.raises(Exception, match="another machine"), hold(two):
            pass
        with hold(two):
            pass
        postgres.take_back(url)


@pytest.mark.parametrize(
    "told",
    [
        "mysql://u:p@127.0.0.1/rag",
        "postgresql://u:p@127.0.0.1",
        "nonsense",
        "postgresql://u:secret@db.example/rag",
        "postgresql://u:secret@db.example/rag?sslmode=require",
        "postgresql://u:secret@/rag?host=db.example",
        "postgresql://u:secret@127.0.0.1,db.example/rag",
        "postgresql://u:secret@localhost/rag?hostaddr=203.0.113.5",
        "postgresql://u:secret@localhost/rag?service=elsewhere",
        "postgresql://u:secret@localhost/rag?options=-crow_security%3Doff",
        "postgresql://u:secret@localhost/rag?autocommit=1",
    ],
)
def test_an_address_that_is_none_or_that_others_could_listen_at_is_refused(told: str) -> None:
    with pytest.raises(InvalidSetting) as refusal:
        Server.at("RAG_DATABASE_URL", told, allows_plain=False)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "told",
    [
        "postgresql://u:p@127.0.0.1/rag",
        "postgresql:///rag?host=/run/postgresql",
        "postgresql://u:p@db.example/rag?sslmode=verify-full&sslrootcert=/ca.pem",
    ],
)
def test_one_that_is_near_or_verified_is_taken(told: str) -> None:
    assert Server.at("RAG_DATABASE_URL", told, allows_plain=False).url.database == "rag"


def test_a_pool_without_a_free_connection_is_unavailable(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr("rag_service.store.postgresql._PATIENCE_S", 0.05)
        database = Server(server(postgres.url("migrated")).url, pool=1).database()
        async with database.read(SHARED):
            with pytest.raises(DatabaseUnavailable, match="all connections are in use"):
                async with database.read(SHARED):
                    pass
        await database.close()

    asyncio.run(scenario())


def test_writers_that_wait_for_one_tenant_take_no_connection_from_the_others(postgres: Postgres) -> None:
    async def scenario() -> None:
        database = Server(server(postgres.url("migrated")).url, pool=3).database()
        busy, other = TenantId("busy"), TenantId("other")

        async def write() -> None:
            async with database.write(busy):
                pass

        async with database.write(busy):
            waiting = [asyncio.create_task(write()) for _ in range(10)]
            await asyncio.sleep(0.05)
            async with asyncio.timeout(5), database.read(other), database.write(other):
                pass
            assert not any(task.done() for task in waiting)
        await asyncio.gather(*waiting)
        await database.close()

    asyncio.run(scenario())


def test_a_new_roles_password_reaches_no_log_of_statements(postgres: Postgres) -> None:
    url = postgres.fresh()
    assert url.database is not None
    postgres.run("ALTER SYSTEM SET log_statement = 'all'")
    postgres.run("SELECT pg_reload_conf()")
    service = url.set(username="with_password", password="S3cret-of-the-role")  # of a test
    upgrade_postgresql(postgres.url(url.database, as_owner=True), service)
    postgres.run("ALTER SYSTEM RESET log_statement")
    postgres.run("SELECT pg_reload_conf()")
    logs = [path.read_bytes() for path in postgres.folder.rglob("*log*") if path.is_file()]
    assert any(b'CREATE ROLE "with_password"' in log for log in logs)
    assert not any(b"S3cret" in log for log in logs)


def test_an_owner_that_may_make_no_role_is_told_so(postgres: Postgres) -> None:
    postgres.run("CREATE ROLE weak LOGIN")
    postgres.run("CREATE DATABASE weakly OWNER weak")
    owner = postgres.url("weakly").set(username="weak")
    with pytest.raises(InvalidSetting, match="CREATE ROLE nobody_yet LOGIN"):
        upgrade_postgresql(owner, owner.set(username="nobody_yet", password="p"))  # of a test
    postgres.run("DROP DATABASE weakly")


def test_a_server_that_goes_away_is_unavailable_and_its_lock_is_given_up(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    lost = threading.Event()

    def note(_process: int, number: int) -> None:
        told.append(number)
        lost.set()

    monkeypatch.setattr("rag_service.store.postgresql.os.kill", note)
    monkeypatch.setattr("rag_service.store.postgresql._LOOK_AFTER_LOCK_S", 0.02)
    held = server(postgres.url("migrated")).hold("test")
    assert held.__enter__()
    postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rag_app'")
    assert lost.wait(10)
    with pytest.raises(DatabaseUnavailable, match="start it again"):
        held.__exit__(None, None, None)
    assert told == [signal.SIGTERM]
