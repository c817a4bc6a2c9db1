"""Within a tenant: a document is for those on its access list, from the next request on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from rag_service.authentication import act_as, operate
from rag_service.domain.identity import EVERYONE, Principal
from rag_service.query.ask import search
from rag_service.query.retrieve import Filters
from tests.security.http import ask, client

Run = Callable[[Any], Any]
Open = Callable[..., Any]

MEMO = "# Board memo\n\nThe board approved the merger with Quillon for 61 million euros.\n"
QUESTION = "Which merger did the board approve?"


def test_a_colleague_off_the_list_is_told_nothing(run: Run, open_companies: Open, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            await acme.ingest_for(["group:board"], tmp_path / "docs", memo_md=MEMO)
            async with client(acme.service, await acme.key("agnes", "board")) as web:
                assert "Quillon" in (await ask(web, "acme", QUESTION)).json()["answer"]
            async with client(acme.service, await acme.key("tomas", "engineering")) as web:
                refused = await ask(web, "acme", QUESTION)
                nonsense = await ask(web, "acme", "Which moon did the zebra approve?")
            assert refused.json()["found"] is False
            assert "Quillon" not in refused.text
            assert refused.json()["flags"] == nonsense.json()["flags"] == []

    run(scenario())


def test_leaving_a_group_holds_from_the_next_request_on(run: Run, open_companies: Open, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            document = await acme.document_id(tmp_path / "docs", ["group:board"], memo_md=MEMO)
            key = await acme.key("agnes", "board")
            tenant = await acme.service.store.tenants.by_name("acme")
            async with client(acme.service, key) as web:
                assert (await web.get(f"/v1/tenants/acme/documents/{document}/text")).status_code == 200
                await acme.service.store.groups.set(operate(tenant), tenant.keys, "board", ["zoe"])
                assert (await ask(web, "acme", QUESTION)).json()["found"] is False
                assert (await ask(web, "acme", QUESTION, "search")).json()["results"] == []
                assert (await web.get("/v1/tenants/acme/documents")).json()["documents"] == []
                assert (await web.get(f"/v1/tenants/acme/documents/{document}/text")).status_code == 404

    run(scenario())


def test_a_revoked_access_holds_although_the_index_still_lags(run: Run, open_companies: Open, tmp_path: Path) -> None:
    """SQL is asked again for every hit: here the index is never told."""

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            document = await acme.document_id(tmp_path / "docs", ["everyone"], memo_md=MEMO)
            store = acme.service.store
            tenant = await store.tenants.by_name("acme")
            await store.versions.set_access(operate(tenant), tenant.keys, document, [Principal.user("zoe")])
            async with client(acme.service, await acme.key("ann")) as web:
                assert (await ask(web, "acme", QUESTION, "search")).json()["results"] == []
                assert "Quillon" not in (await ask(web, "acme", QUESTION)).text

    run(scenario())


def test_the_index_itself_filters_by_access(run: Run, open_companies: Open, tmp_path: Path) -> None:
    """The first of the two checks, alone: without it, hits of others would crowd out one's own."""

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            await acme.ingest_for(["user:zoe"], tmp_path / "docs", memo_md=MEMO)
            tenant = await acme.service.store.tenants.by_name("acme")
            stranger = await act_as(tenant, "ann", [], groups_of=acme.service.store.groups)
            vector = acme.service.embedder.embed([QUESTION])[0]
            query = tenant.keys.index.seal_query(stranger.scope, vector=vector, terms={"board": 1.0})
            found = await acme.service.index.search(query, limit=10)
            assert found.dense == found.lexical == ()

    run(scenario())


def test_ingesting_again_keeps_the_access_list(run: Run, open_companies: Open, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            document = await acme.document_id(tmp_path / "docs", ["user:zoe"], memo_md=MEMO)
            again = await acme.document_id(tmp_path / "docs", ["everyone"], memo_md=MEMO + "\nIt closes in May.\n")
            assert again == document
            tenant = await acme.service.store.tenants.by_name("acme")
            access = await acme.service.store.documents.access(operate(tenant), tenant.keys, document)
            assert access.entries == ["user:zoe"]
            async with client(acme.service, await acme.key("ann")) as web:
                assert (await ask(web, "acme", "When does the merger close?", "search")).json()["results"] == []

    run(scenario())


def test_a_document_without_an_access_list_is_readable_by_nobody(
    run: Run, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            document = await acme.document_id(tmp_path / "docs", [], memo_md=MEMO)
            async with client(acme.service, await acme.key("ann", "board")) as web:
                assert (await ask(web, "acme", QUESTION, "search")).json()["results"] == []
                assert (await web.get(f"/v1/tenants/acme/documents/{document}")).status_code == 404

    run(scenario())


people = ["ann", "bob", "cy"]
groups = ["legal", "sales"]
access_lists = st.lists(
    st.one_of(
        st.just(EVERYONE), st.sampled_from(people).map(Principal.user), st.sampled_from(groups).map(Principal.group)
    ),
    max_size=3,
)


@hypothesis_settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lists=st.lists(access_lists, min_size=1, max_size=4),
    asker=st.sampled_from(people),
    memberships=st.sets(st.sampled_from(groups)),
)
def test_results_are_exactly_what_the_lists_allow(
    lists: list[list[Principal]], asker: str, memberships: set[str], run: Run, models: Any, tmp_path_factory: Any
) -> None:
    from rag_service.settings import load_settings
    from rag_service.wiring import open_service
    from tests.conftest import Company

    folder = tmp_path_factory.mktemp("lists")

    async def scenario() -> None:
        settings = load_settings(data_dir=folder / "data", master_key_file=folder / "key", index="memory")
        async with open_service(settings, models) as service:
            await service.store.tenants.create("acme", "identifiers")
            acme = Company(service, "acme")
            documents = {}
            for number, access in enumerate(lists):
                text = f"# Report {number}\n\nThe harbour of district {number} was dredged by crew number {number}.\n"
                allow = [str(one) for one in access]
                documents[await acme.document_id(folder / str(number), allow, **{f"r{number}_md": text})] = access
            tenant = await service.store.tenants.by_name("acme")
            caller = await act_as(tenant, asker, memberships, groups_of=service.store.groups)
            found = await search("Which harbour was dredged?", Filters(), caller, service.query_parts, limit=50)
            mine = {EVERYONE, Principal.user(asker), *(Principal.group(group) for group in memberships)}
            allowed = {document for document, access in documents.items() if mine & set(access)}
            assert {passage.document_id for passage in found.passages} == allowed

    run(scenario())
