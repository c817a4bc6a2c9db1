"""Uploads over HTTP: durable and sealed from the 202 on, private by default, and nobody else's to see or replace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from rag_service.authentication import operate
from rag_service.domain.identity import Role
from rag_service.domain.jobs import ENDED
from rag_service.settings import load_settings
from rag_service.wiring import Models, open_service
from tests.conftest import Company
from tests.security.http import ask, client

Run = Callable[[Any], Any]
Open = Callable[..., Any]

TEXT = b"# Ferry\n\nThe ferry to Quillfjord leaves at nine.\n"
QUESTION = "When does the ferry to Quillfjord leave?"


async def key(company: Company, user: str, *roles: Role) -> str:
    tenant = await company.service.store.tenants.by_name(company.name)
    return (await company.service.store.api_keys.create(tenant, user, roles or [Role.QUERY, Role.INGEST], None)).secret


async def upload(web: httpx.AsyncClient, tenant: str = "acme", content: bytes = TEXT, **fields: Any) -> httpx.Response:
    name = fields.pop("name", "ferry.md")
    return await web.post(f"/v1/tenants/{tenant}/documents", files={"file": (name, content)}, data=fields)


async def ended(web: httpx.AsyncClient, job_id: str, tenant: str = "acme") -> dict[str, Any]:
    while True:
        job: dict[str, Any] = (await web.get(f"/v1/tenants/{tenant}/jobs/{job_id}")).json()
        if job["state"] in ENDED:
            return job
        await asyncio.sleep(0.02)


async def uploaded(web: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await upload(web, **fields)
    assert response.status_code == 202, response.text
    return await ended(web, response.json()["job_id"])


def test_an_upload_becomes_a_document_that_only_its_owner_reads(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme", "bolt") as (acme, bolt), acme.worker_at_work():
            async with client(acme.service, await key(acme, "ann")) as web:
                accepted = await upload(web)
                assert accepted.status_code == 202
                job = await ended(web, accepted.json()["job_id"])
                assert (job["state"], job["version"]) == ("done", 1)
                assert job["document_id"] == accepted.json()["document_id"]
                answer = (await ask(web, "acme", QUESTION)).json()
                assert "nine" in answer["answer"]
                assert answer["citations"][0]["document_id"] == job["document_id"]
            for company, user in ((acme, "bob"), (bolt, "ann")):
                async with client(company.service, await key(company, user)) as web:
                    assert (await ask(web, company.name, QUESTION)).json()["found"] is False
                    shown = await web.get(f"/v1/tenants/{company.name}/documents/{job['document_id']}")
                    assert shown.status_code == 404

    run(scenario())


def test_those_whom_an_upload_names_read_it_and_its_uploader_too(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,), acme.worker_at_work():
            async with client(acme.service, await key(acme, "ann")) as web:
                await uploaded(web, allow=["group:crew", "user:cyd"])
            readers: list[tuple[str, list[str], bool]] = [("ann", [], True), ("cyd", [], True), ("bob", [], False)]
            for user, groups, reads in [*readers, ("eve", ["crew"], True)]:
                async with client(acme.service, await acme.key(user, *groups)) as web:
                    assert (await ask(web, "acme", QUESTION)).json()["found"] is reads, user

    run(scenario())


def test_a_job_of_another_user_or_tenant_is_the_same_404_as_none(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme", "bolt") as (acme, bolt):
            async with client(acme.service, await key(acme, "ann")) as web:
                job = (await upload(web)).json()["job_id"]
                assert (await web.get(f"/v1/tenants/acme/jobs/{job}")).status_code == 200
            bodies = set()
            for company, user, wanted in ((acme, "bob", job), (bolt, "ann", job), (acme, "ann", "0" * 16)):
                async with client(company.service, await key(company, user)) as web:
                    response = await web.get(f"/v1/tenants/{company.name}/jobs/{wanted}")
                    assert response.status_code == 404
                    bodies.add(response.text)
            assert len(bodies) == 1
            async with client(acme.service, await key(acme, "root", Role.INGEST, Role.ADMIN)) as web:
                assert (await web.get(f"/v1/tenants/acme/jobs/{job}")).status_code == 200

    run(scenario())


def test_only_the_owner_or_an_administrator_replaces_a_document(run: Run, open_companies: Open) -> None:
    new = TEXT.replace(b"nine", b"eleven")

    async def scenario() -> None:
        async with open_companies("acme") as (acme,), acme.worker_at_work():
            async with client(acme.service, await key(acme, "ann")) as ann:
                first = await uploaded(ann, source="wiki:ferry", allow=["everyone"])
                async with client(acme.service, await key(acme, "bob")) as bob:
                    assert (await upload(bob, source="wiki:ferry", content=new)).status_code == 409
                    assert "nine" in (await ask(bob, "acme", QUESTION)).json()["answer"]
                second = await uploaded(ann, source="wiki:ferry", content=new)
                assert (second["document_id"], second["version"]) == (first["document_id"], 2)
            async with client(acme.service, await key(acme, "bob", Role.INGEST, Role.ADMIN, Role.QUERY)) as root:
                assert "eleven" in (await ask(root, "acme", QUESTION)).json()["answer"]  # its readers stayed
                unnamed = await uploaded(root, source="wiki:ferry", content=TEXT)
                assert (unnamed["state"], unnamed["reason"]) == ("refused", "access_wider")
                third = await uploaded(root, source="wiki:ferry", content=TEXT, allow=["everyone"])
                assert (third["document_id"], third["version"]) == (first["document_id"], 3)
            async with client(acme.service, await key(acme, "ann")) as ann:  # it is the administrator's from then on
                assert (await upload(ann, source="wiki:ferry", content=new)).status_code == 409

    run(scenario())


def test_whoever_takes_a_source_first_does_not_read_what_an_administrator_puts_there(
    run: Run, open_companies: Open
) -> None:
    """An upload that names nobody is private to its uploader, whatever list lies in wait under its source."""
    secret = b"# Plan\n\nNine people will be laid off in May.\n"

    async def scenario() -> None:
        async with (
            open_companies("acme") as (acme,),
            acme.worker_at_work(),
            client(acme.service, await key(acme, "eve")) as eve,
            client(acme.service, await key(acme, "root", Role.INGEST, Role.ADMIN)) as root,
        ):
            await uploaded(eve, source="hr:layoffs", content=b"# Plan\n\nNothing yet.\n")
            job = await uploaded(root, source="hr:layoffs", content=secret)
            assert (job["state"], job["reason"]) == ("refused", "access_wider")
            assert "laid off" not in (await ask(eve, "acme", "Who is laid off in May?", "search")).text

    run(scenario())


def test_a_waiting_upload_is_its_owners_too(run: Run, open_companies: Open) -> None:
    """Nobody slips content under a source between its acceptance and its document."""

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            async with client(acme.service, await key(acme, "ann")) as ann:
                accepted = (await upload(ann, source="wiki:ferry")).json()
                again = (await upload(ann, source="wiki:ferry")).json()
                assert again == accepted
            async with client(acme.service, await key(acme, "bob")) as bob:
                refused = await upload(bob, source="wiki:ferry")
                assert refused.status_code == 409
                assert refused.json()["detail"] == "another user owns the document with that source"

    run(scenario())


def test_uploads_without_a_source_never_share_a_document(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,), acme.worker_at_work():
            documents = set()
            for user in ("ann", "bob"):
                async with client(acme.service, await key(acme, user)) as web:
                    for content in (TEXT, TEXT):
                        documents.add((await uploaded(web, content=content))["document_id"])
                    empty = await uploaded(web, content=b"")
                    assert (empty["state"], empty["version"]) == ("refused", None)
                    assert empty["document_id"] not in documents
            assert len(documents) == 4

    run(scenario())


def test_a_refused_upload_says_why(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with (
            open_companies("acme") as (acme,),
            acme.worker_at_work(),
            client(acme.service, await key(acme, "ann")) as web,
        ):
            job = await uploaded(web, name="report.docx", content=b"MZ\x90\x00 not a document")
            assert job["state"] == "refused"
            assert job["reason"]
            assert job["detail"]

    run(scenario())


@pytest.mark.sqlite
def test_nothing_of_an_accepted_upload_can_be_read_on_the_disk(
    run: Run, open_companies: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    marks = [b"Quillfjord", b"ferry-of-ann", b"wiki:secret", b"cyd-the-reader", b"Harbour plan"]

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            async with client(acme.service, await key(acme, "ann")) as web:
                response = await upload(
                    web,
                    name="ferry-of-ann.md",
                    content=TEXT * 60_000,  # more than a form parser keeps in memory by itself
                    source="wiki:secret",
                    allow=["user:cyd-the-reader"],
                    title="Harbour plan",
                )
                assert response.status_code == 202
            assert_unreadable()

    def assert_unreadable() -> None:
        stored = [path for path in tmp_path.rglob("*") if path.is_file() and "keys" not in path.parts]
        assert any(path.stat().st_size > len(TEXT) * 60_000 for path in stored)
        assert [(path, mark) for path in stored for mark in marks if mark in path.read_bytes()] == []

    run(scenario())


def test_a_body_is_not_read_before_its_sender_is_known(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme", "bolt") as (acme, bolt):
            secrets = [None, await acme.key("ann"), await key(bolt, "ann")]
            for secret, status in zip(secrets, (401, 403, 404), strict=True):
                read = 0

                async def body() -> AsyncIterator[bytes]:
                    nonlocal read
                    for _ in range(64):
                        read += 1
                        yield b"x" * 65536

                async with client(acme.service, secret) as web:
                    response = await web.post(
                        "/v1/tenants/acme/documents",
                        content=body(),
                        headers={"Content-Type": "multipart/form-data; boundary=b"},
                    )
                assert response.status_code == status
                assert read <= 1

    run(scenario())


def test_malformed_uploads_are_refused_without_an_echo(run: Run, open_companies: Open) -> None:
    secret = "zebra-passphrase-9"
    url = "/v1/tenants/acme/documents"

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            async with client(acme.service, await key(acme, "ann")) as web:
                file = {"file": ("a.md", TEXT)}
                responses = [
                    await web.post(url, json={"file": secret}),
                    await web.post(url, data={"source": secret}),
                    await web.post(url, files={"source": ("a.md", TEXT)}),
                    await web.post(url, files=file, data={secret: "1"}),
                    await web.post(url, files=file, data={"allow": f"admin:{secret}"}),
                    await web.post(url, files=file, data={"allow": f"user:{secret}\x00"}),
                    await web.post(url, files=file, data={"source": secret * 100}),
                    await web.post(url, files=file, data={"source": f"{secret}\n"}),
                    await web.post(url, files=file, data={"title": [secret, secret]}),
                    await web.post(url, files=[("file", ("a.md", TEXT)), ("file", ("b.md", secret.encode()))]),
                    await web.post(
                        url, content=secret.encode(), headers={"Content-Type": "multipart/form-data; boundary=b"}
                    ),
                    await web.post(url, content=secret.encode(), headers={"Content-Type": "multipart/form-data"}),
                    await web.post(  # a codec that raises an error of its own
                        url,
                        content=f'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\n{secret}\r\n--b--\r\n',
                        headers={"Content-Type": "multipart/form-data; charset=undefined; boundary=b"},
                    ),
                ]
            for number, response in enumerate(responses):
                assert response.status_code == 422, (number, response.text)
                assert response.headers["content-type"] == "application/problem+json"
                assert secret not in response.text
            tenant = await acme.service.store.tenants.by_name("acme")
            assert await acme.service.store.queue.states() == {}
            assert await acme.service.store.documents.all(operate(tenant), tenant.keys) == []

    run(scenario())


def test_more_than_may_wait_is_told_to_come_later(run: Run, models: Models, tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = load_settings(data_dir=tmp_path / "data", queue_jobs=2, max_upload_mb=1)
        async with open_service(settings, models) as service:
            for name in ("acme", "bolt"):
                await service.store.tenants.create(name, "identifiers")
            acme, bolt = Company(service, "acme"), Company(service, "bolt")
            async with client(service, await key(acme, "ann")) as web:
                assert [(await upload(web)).status_code for _ in range(3)] == [202, 202, 429]
                assert int((await upload(web)).headers["retry-after"]) > 0
                assert (await upload(web, content=b"x" * (2**20 + 1))).status_code == 413
                refused = await upload(web, content=b"x" * 2**22)
                assert refused.status_code == 413
                assert str(2**20) in refused.json()["detail"]  # what a file may have, not what a body may
            async with client(service, await key(bolt, "ann")) as web:  # one tenant's queue is not another's
                assert (await upload(web, "bolt")).status_code == 202

    run(scenario())
