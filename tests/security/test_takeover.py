"""Who has a source first has it no longer when an operator or an administrator puts something else there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from ingestion.batch import FoundFile, Ingested
from ingestion.stages import LocalStages
from rag_service.authentication import operate
from rag_service.domain.identity import Role
from tests.conftest import Company
from tests.security.http import client
from tests.security.test_access_routes import DOCUMENTS, MANAGING, clients, listed, manage, share
from tests.security.test_uploads import key, upload, uploaded

Run = Callable[[Any], Any]
Open = Callable[..., Any]

PLACE = DOCUMENTS.format(tenant="acme")
BAIT = b"# Bait\n\nNothing is here at all.\n"
SECRET = b"# Payroll\n\nAnn earns 99000 a year.\n"
SOURCE = "hr:payroll"


async def operator_puts(company: Company, folder: Path, content: bytes, *allow: str) -> int:
    """The operator's file is the document of the source. Returns its version."""
    path = folder / "payroll.md"
    path.write_bytes(content)
    [outcome] = await company.submit([FoundFile(path, SOURCE)], list(allow))
    assert isinstance(outcome.result, Ingested), outcome.result
    return outcome.result.version


async def text(web: httpx.AsyncClient, document: str, **params: object) -> str | None:
    response = await web.get(f"{PLACE}/{document}/text", params=params)
    assert response.status_code in {200, 404}, response.text
    return response.json()["text"] if response.status_code == 200 else None


async def assert_lost(web: httpx.AsyncClient, document: str) -> None:
    """Whoever had the document reads nothing of it, and can neither manage nor replace it."""
    for version in ({}, {"version": 1}, {"version": 2}):
        assert await text(web, document, **version) is None, version
    for method, path, body in MANAGING:
        assert (await manage(web, document, method, path, body)).status_code == 404, method
    assert (await upload(web, source=SOURCE, content=BAIT)).status_code == 409


@pytest.mark.parametrize(
    ("bait", "readers"),
    [(BAIT, ["user:eve"]), (BAIT, ["group:hr"]), (SECRET, ["everyone"])],
    ids=["held privately", "the operator's own list", "the same content, as was guessed"],
)
def test_what_an_operator_ingests_is_no_longer_whose_the_source_was(
    bait: bytes, readers: list[str], run: Run, open_companies: Open, tmp_path: Path
) -> None:
    """Neither is her list: a source that is held privately is not closed to the operator either."""

    async def scenario() -> None:
        async with (
            open_companies("acme") as (acme,),
            acme.worker_at_work(),
            client(acme.service, await key(acme, "eve")) as eve,
            client(acme.service, await acme.key("hal", "hr")) as hal,
        ):
            document = (await uploaded(eve, source=SOURCE, content=bait, name="payroll.md"))["document_id"]
            assert await share(eve, document, *readers) == 204
            assert await operator_puts(acme, tmp_path, SECRET, "group:hr") == 2
            await assert_lost(eve, document)
            assert "99000" in str(await text(hal, document))
            async with client(acme.service, await key(acme, "root", Role.ADMIN)) as root:
                told = (await manage(root, document, "GET", "/access", None)).json()
                assert told == {"allow": ["group:hr"], "owner": None}

    run(scenario())


@pytest.mark.parametrize("allow", [[], ["user:ann"]], ids=["its readers left as they are", "its readers named"])
def test_what_an_administrator_uploads_is_theirs(allow: list[str], run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with (
            open_companies("acme") as (acme,),
            acme.worker_at_work(),
            client(acme.service, await key(acme, "eve")) as eve,
            client(acme.service, await key(acme, "root", Role.QUERY, Role.INGEST, Role.ADMIN)) as root,
        ):
            document = (await uploaded(eve, source=SOURCE, content=BAIT))["document_id"]
            assert await share(eve, document, "user:root") == 204
            taken = await uploaded(root, source=SOURCE, content=SECRET, allow=allow)
            assert (taken["document_id"], taken["version"]) == (document, 2)
            await assert_lost(eve, document)
            assert "99000" in str(await text(root, document))
            assert await listed(root, document) == [*allow, "user:root"]

    run(scenario())


def test_an_owner_who_uploads_again_keeps_document_and_list(run: Run, open_companies: Open, tmp_path: Path) -> None:
    """So does the operator: of what has no owner already, the list that somebody put stays."""

    async def scenario() -> None:
        async with open_companies("acme") as (acme,), acme.worker_at_work(), clients(acme, "ann") as (ann,):
            document = (await uploaded(ann, source="memo", content=BAIT))["document_id"]
            assert await share(ann, document, "user:bob") == 204
            assert (await uploaded(ann, source="memo", content=SECRET))["version"] == 2
            assert (await uploaded(ann, source="memo", content=BAIT, allow=["user:bob", "user:eve"]))["version"] == 3
            assert await listed(ann, document) == ["user:bob"]
            assert await operator_puts(acme, tmp_path, BAIT, "user:bob", "user:eve") == 1
            async with client(acme.service, await key(acme, "root", Role.ADMIN)) as root:
                tenant = await acme.service.store.tenants.by_name("acme")
                live = await acme.service.store.versions.live(operate(tenant), tenant.keys, SOURCE)
                assert live is not None
                assert await share(root, live.document_id, "user:eve") == 204
                assert await operator_puts(acme, tmp_path, SECRET, "user:bob", "user:eve") == 2
                assert await listed(root, live.document_id) == ["user:eve"]

    run(scenario())


@pytest.mark.parametrize("allow", [[], ["user:ann"]], ids=["its readers left as they are", "its readers named"])
def test_an_owner_who_shares_in_the_last_moment_reads_nothing_of_what_replaces_theirs(
    allow: list[str], run: Run, open_companies: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at owner and list and the switch of versions lie parsing and embedding."""

    async def scenario() -> None:
        async with (
            open_companies("acme") as (acme,),
            acme.worker_at_work(),
            client(acme.service, await key(acme, "eve")) as eve,
            client(acme.service, await key(acme, "root", Role.QUERY, Role.INGEST, Role.ADMIN)) as root,
        ):
            document = (await uploaded(eve, source=SOURCE, content=BAIT))["document_id"]
            assert await share(eve, document, "user:root") == 204
            embed = LocalStages.embed

            async def shared(self: LocalStages, texts: Sequence[str]) -> Any:
                assert await share(eve, document, "user:eve", "user:root") == 204
                return await embed(self, texts)

            monkeypatch.setattr(LocalStages, "embed", shared)
            job = await uploaded(root, source=SOURCE, content=SECRET, allow=allow)
            assert (job["state"], job["reason"]) == (("done", None) if allow else ("refused", "access_wider"))
            assert "99000" not in str(await text(eve, document))
            if allow:
                await assert_lost(eve, document)

    run(scenario())
