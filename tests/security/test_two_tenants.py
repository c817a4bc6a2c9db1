"""Two tenants through HTTP: neither sees anything of the other, nor learns that there is anything to see."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.security.http import ask, client

Run = Callable[[Any], Any]
Open = Callable[..., Any]

ACME_POLICY = "# Travel\n\nAcme pays at most 140 euros for a hotel night.\n"
BOLT_POLICY = "# Travel\n\nBolt pays at most 95 pounds for a hotel night.\n"
QUESTION = "What is paid for a hotel night?"


def test_each_tenant_is_answered_from_its_own_documents(run: Run, open_companies: Open, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_companies("acme", "bolt") as (acme, bolt):
            await acme.ingest(tmp_path / "acme", policy_md=ACME_POLICY)
            await bolt.ingest(tmp_path / "bolt", policy_md=BOLT_POLICY)
            for company, own, other in ((acme, "140 euros", "95 pounds"), (bolt, "95 pounds", "140 euros")):
                async with client(company.service, await company.key("ann")) as web:
                    answered = await ask(web, company.name, QUESTION)
                    searched = await ask(web, company.name, QUESTION, "search", limit=100)
                    listed = await web.get(f"/v1/tenants/{company.name}/documents")
                assert own in answered.json()["answer"]
                assert len(listed.json()["documents"]) == 1
                for response in (answered, searched, listed):
                    assert response.status_code == 200
                    assert other not in response.text

    run(scenario())


def test_another_tenants_document_is_the_same_404_as_none_at_all(
    run: Run, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme", "bolt") as (acme, bolt):
            foreign = await bolt.document_id(tmp_path / "bolt", ["everyone"], policy_md=BOLT_POLICY)
            hidden = await acme.document_id(tmp_path / "acme", ["user:zoe"], memo_md="# Memo\n\nThe secret plan.\n")
            async with client(acme.service, await acme.key("ann")) as web:
                for suffix in ("", "/text", "?version=1", "/text?version=1"):
                    path, _, query = suffix.partition("?")
                    seen = {
                        (response.status_code, response.content)
                        for document in (foreign, hidden, "0" * 16, "no-such-id")
                        for response in [await web.get(f"/v1/tenants/acme/documents/{document}{path}?{query}")]
                    }
                    assert [status for status, _ in seen] == [404], "absent, forbidden and foreign must look alike"

    run(scenario())


@pytest.mark.parametrize("route", ["query", "search"])
def test_a_filter_that_names_foreign_documents_finds_nothing(
    route: str, run: Run, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme", "bolt") as (acme, bolt):
            await acme.ingest(tmp_path / "acme", policy_md=ACME_POLICY)
            foreign = await bolt.document_id(tmp_path / "bolt", ["everyone"], policy_md=BOLT_POLICY)
            hidden = await acme.document_id(
                tmp_path / "acme2", ["user:zoe"], memo_md="# Memo\n\nA hotel night is 7 francs.\n"
            )
            async with client(acme.service, await acme.key("ann")) as web:
                for filters in ({"document_ids": [foreign, hidden]}, {"sources": ["memo.md"]}, {"document_ids": []}):
                    response = await ask(web, "acme", QUESTION, route, filters=filters)
                    body = response.json()
                    assert response.status_code == 200
                    assert body.get("results") == [] if route == "search" else body["found"] is False

    run(scenario())


def test_a_key_of_one_tenant_is_no_key_of_another(run: Run, open_companies: Open, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_companies("acme", "bolt") as (acme, bolt):
            await bolt.ingest(tmp_path / "bolt", policy_md=BOLT_POLICY)
            async with client(acme.service, await acme.key("ann")) as web:
                other = await ask(web, "bolt", QUESTION)
                absent = await ask(web, "no-such-tenant", QUESTION)
            assert other.status_code == absent.status_code == 404
            assert other.content == absent.content

    run(scenario())


def test_without_a_live_key_every_route_of_a_tenant_is_a_401(run: Run, open_companies: Open) -> None:
    """The routes are taken from the application, so that a new one is tested by itself."""

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            good = await acme.key("ann")
            revoked = await acme.key("bob")
            await acme.service.store.api_keys.revoke(revoked.split("_")[1])
            wrong = good[:-4] + ("AAAA" if not good.endswith("AAAA") else "BBBB")
            for key in (None, "", "nonsense", wrong, revoked):
                async with client(acme.service, key, free_failures=1000) as web:
                    paths = (await web.get("/openapi.json")).json()["paths"]
                    routes = [(path, method) for path, item in paths.items() for method in item if "{tenant}" in path]
                    assert len(routes) >= 7
                    for path, method in routes:
                        url = path.format(tenant="acme", document_id="x", job_id="x")
                        response = await web.request(
                            method, url, json={"question": "What?"} if method == "post" else None
                        )
                        assert response.status_code == 401, (key, method, url)
                        assert response.headers["www-authenticate"] == "Bearer"

    run(scenario())


def test_a_key_without_the_scope_query_is_refused(run: Run, open_companies: Open) -> None:
    from rag_service.domain.identity import Role

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            tenant = await acme.service.store.tenants.by_name("acme")
            key = await acme.service.store.api_keys.create(tenant, "ann", [Role.INGEST], None)
            async with client(acme.service, key.secret) as web:
                assert (await ask(web, "acme", QUESTION)).status_code == 403

    run(scenario())


def test_no_error_repeats_what_the_caller_sent(run: Run, open_companies: Open) -> None:
    secret = "zebra-passphrase-9"

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            async with client(acme.service, await acme.key("ann")) as web:
                responses = [
                    await ask(web, "acme", secret, filters={secret: 1}),
                    await ask(web, "acme", secret, limit=secret),
                    await ask(web, "acme", secret * 10_000),
                    await web.post("/v1/tenants/acme/query", content=b'{"question": "' + secret.encode()),
                    await ask(web, secret, secret),
                    await web.get(f"/v1/tenants/acme/documents/{secret}"),
                    await web.get(f"/v1/{secret}"),
                ]
            for response in responses:
                assert response.status_code in {404, 413, 422}
                assert response.headers["content-type"] == "application/problem+json"
                assert secret not in response.text

    run(scenario())
