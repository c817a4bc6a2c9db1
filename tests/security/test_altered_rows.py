"""Rows altered without the master key: they let nobody in, and hide nothing but what was altered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from rag_service.doctor.examine import examine
from rag_service.domain.errors import NotFound
from rag_service.domain.identity import Role
from rag_service.owner.desk import LocalDesk
from rag_service.settings import Settings
from rag_service.wiring import Models, open_service
from tests.databases import rows, tamper
from tests.security.http import client
from tests.security.test_access_routes import DOCUMENTS, clients
from tests.security.test_uploads import key, upload

Run = Callable[[Any], Any]
Open = Callable[..., Any]

PLACE = DOCUMENTS.format(tenant="acme")


def test_a_tenant_found_under_anothers_name_is_none(run: Run, settings: Settings, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme", "bolt") as (acme, bolt):
            tenants = acme.service.store.tenants
            ids = [(await tenants.by_name(company.name)).id for company in (acme, bolt)]
            query = "select name_token from tenants where id = ?"
            tokens = [rows(settings.data_dir, query, tenant)[0][0] for tenant in ids]
            for tenant, token in ((ids[0], "elsewhere"), (ids[1], tokens[0]), (ids[0], tokens[1])):
                assert tamper(settings.data_dir, "update tenants set name_token = ? where id = ?", token, tenant) == 1
            for name in ("acme", "bolt"):
                with pytest.raises(NotFound):
                    await tenants.by_name(name)

    run(scenario())


def test_a_tenant_that_does_not_open_keeps_no_other_from_being_served(
    run: Run, settings: Settings, models: Models, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme", "bolt") as (acme, _):
            await acme.ingest(tmp_path, memo_md="# Memo\n\nAcme buys Quillon.\n")
            altered = (await acme.service.store.tenants.by_name("bolt")).id
            web_key = await acme.key("ann")
        assert tamper(settings.data_dir, "update tenants set sealed_name = tenant_key where id = ?", altered) == 1
        async with open_service(settings, models) as service:
            tenants = service.store.tenants
            assert [tenant.name for tenant in await tenants.all()] == ["acme"]
            assert await tenants.altered() == [altered]
            checks = await examine(
                settings, service.store, LocalDesk(service), lambda *_: None, deep=False, repair=True
            )
            wrong = {check.name: check.detail for check in checks if not check.ok}
            assert set(wrong) == {"tenants", "collections"}  # none is removed: one may be that tenant's
            assert altered in wrong["tenants"]
            async with client(service, web_key) as web:
                assert len((await web.get(PLACE)).json()["documents"]) == 1

    run(scenario())


async def pages(web: httpx.AsyncClient, limit: int) -> list[str]:
    """The documents of all pages, as a client comes by them that stops where no next one is named."""
    shown: list[str] = []
    params: dict[str, str | int] = {"limit": limit}
    while True:
        page = (await web.get(PLACE, params=params)).json()
        shown += [one["document_id"] for one in page["documents"]]
        if page["next"] is None:
            return shown
        params["after"] = page["next"]


def test_an_altered_document_ends_no_list_and_is_the_404_of_none(
    run: Run, settings: Settings, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            files = {f"memo{number}_md": f"# Memo\n\nMemo {number} is here.\n" for number in range(4)}
            await acme.ingest(tmp_path, **files)
            ids = sorted(one for (one,) in rows(settings.data_dir, "select id from documents"))
            async with client(acme.service, await acme.key("ann")) as web:
                none = await web.get(f"{PLACE}/{'0' * 16}")
                left = list(ids)
                for altered in (ids[1], ids[0], ids[3]):
                    sql = "update versions set sealed_meta = version_key where document_id = ?"
                    assert tamper(settings.data_dir, sql, altered) == 1
                    for path in ("", "/text"):
                        response = await web.get(f"{PLACE}/{altered}{path}")
                        assert (response.status_code, response.text) == (404, none.text)
                    left.remove(altered)
                    for limit in (1, 2):
                        assert await pages(web, limit) == left, (altered, limit)

    run(scenario())


def test_a_job_whose_owner_was_copied_is_cancelled_by_whoever_uploaded_it(
    run: Run, settings: Settings, open_companies: Open
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,), clients(acme, "ann", "eve") as (ann, eve):
            hers, others = [(await upload(web, source=str(web))).json()["job_id"] for web in (ann, eve)]
            sql = "update jobs set owner_token = (select owner_token from jobs where id = ?) where id = ?"
            assert tamper(settings.data_dir, sql, others, hers) == 1
            assert (await eve.post(f"/v1/tenants/acme/jobs/{hers}/cancel")).status_code == 404
            async with client(acme.service, await key(acme, "root", Role.ADMIN)) as root:
                job = (await root.get(f"/v1/tenants/acme/jobs/{hers}")).json()
                assert job["state"] == "queued"
                assert (await root.post(f"/v1/tenants/acme/jobs/{hers}/cancel")).status_code == 204
                assert (await root.post(f"/v1/tenants/acme/jobs/{hers}/cancel")).status_code == 409

    run(scenario())
