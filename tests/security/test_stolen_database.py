"""Somebody who can write to the database, without the master key. The threat model tells what is not noticed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rag_service.authentication import act_as
from rag_service.domain.identity import EVERYONE
from rag_service.settings import Settings
from rag_service.wiring import Models, open_service
from tests.security.http import ask, client

Run = Callable[[Any], Any]
Open = Callable[..., Any]
MEMO = "# Board memo\n\nThe board approved the merger with Quillon.\n"


@contextmanager
def sql(settings: Settings) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(settings.data_dir / "rag.db")
    with database:
        yield database
    database.close()


def test_a_group_name_moved_to_another_member_is_refused(
    run: Run, settings: Settings, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            await acme.ingest_for(["group:board"], tmp_path, memo_md=MEMO)
            await acme.key("agnes", "board")
            outsider = await acme.key("tomas", "canteen")
            with sql(settings) as database:
                database.execute("create temporary table old as select * from members")
                database.execute(
                    "update members set sealed_group = (select old.sealed_group from old where old.group_token <> "
                    "members.group_token)"
                )
            async with client(acme.service, outsider) as web:
                response = await ask(web, "acme", "Which merger did the board approve?")
            assert response.status_code == 500
            assert "Quillon" not in response.text

    run(scenario())


def test_a_user_moved_to_another_key_is_refused(
    run: Run, settings: Settings, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            await acme.ingest_for(["user:agnes"], tmp_path, memo_md=MEMO)
            await acme.key("agnes")
            outsider = await acme.key("tomas")
            with sql(settings) as database:
                database.execute("create temporary table old as select * from api_keys")
                database.execute(
                    "update api_keys set sealed_user = (select sealed_user from old where old.id <> api_keys.id)"
                )
            async with client(acme.service, outsider) as web:
                response = await ask(web, "acme", "Which merger did the board approve?")
            assert response.status_code == 401
            assert "Quillon" not in response.text

    run(scenario())


def test_a_foreign_row_that_names_ones_token_is_not_even_opened(
    run: Run, settings: Settings, open_companies: Open, tmp_path: Path
) -> None:
    """SQL demands the tenant by itself: keys that would not open the row are the last wall, not the first."""

    async def scenario() -> None:
        async with open_companies("acme", "bolt") as (acme, bolt):
            document = await bolt.document_id(tmp_path, ["everyone"], memo_md=MEMO)
            tenant = await acme.service.store.tenants.by_name("acme")
            foreign = await acme.service.store.tenants.by_name("bolt")
            with sql(settings) as database:
                database.execute("update access set principal_token = ?", [tenant.keys.principal_token(EVERYONE)])
                chunks = [chunk for (chunk,) in database.execute("select id from chunks")]
                assert database.execute("select document_id from access").fetchone() == (document,)
            caller = await act_as(tenant, "ann", [], groups_of=acme.service.store.groups)
            opened = await acme.service.store.documents.open_chunks(caller.scope, tenant.keys, chunks)
            assert (opened.chunks, opened.tampered) == ({}, ())
            assert foreign.id != tenant.id

    run(scenario())


def test_one_altered_document_neither_hides_the_others_nor_stops_the_service(
    run: Run, settings: Settings, models: Models, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            broken = await acme.document_id(tmp_path, ["everyone"], memo_md=MEMO)
            await acme.ingest(tmp_path, ferry_md="# Ferry\n\nThe ferry leaves at nine.\n")
            key = await acme.key("ann")
        with sql(settings) as database:
            database.execute("update versions set sealed_meta = zeroblob(99) where document_id = ?", [broken])
            database.execute(
                """insert into outbox (tenant_id, kind, subject, removed)
                   select tenant_id, 'document', id, '[]' from documents"""
            )
        async with open_service(settings, models) as service:
            async with client(service, key) as web:
                listed = (await web.get("/v1/tenants/acme/documents")).json()["documents"]
                answer = (await ask(web, "acme", "When does the ferry leave?")).json()
            assert [one["title"] for one in listed] == ["Ferry"]
            assert "nine" in answer["answer"]

    run(scenario())
