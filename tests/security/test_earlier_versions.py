"""A list says who reads what is live: what was there before is its owner's and the administrators'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rag_service.domain.identity import Role
from tests.security.http import client
from tests.security.test_access_routes import DOCUMENTS, clients, share
from tests.security.test_uploads import key, uploaded

Run = Callable[[Any], Any]
Open = Callable[..., Any]

PLACE = DOCUMENTS.format(tenant="acme")


def test_widening_a_list_does_not_open_what_was_redacted(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with (
            open_companies("acme") as (acme,),
            acme.worker_at_work(),
            clients(acme, "ann", "bob") as (ann, bob),
            client(acme.service, await key(acme, "root", Role.QUERY, Role.ADMIN)) as root,
        ):
            await uploaded(ann, source="memo", content=b"# Plan\n\nNine people will be laid off.\n")
            document = (await uploaded(ann, source="memo", content=b"# Plan\n\nRedacted.\n"))["document_id"]
            assert await share(ann, document, "everyone") == 204
            none = await bob.get(f"{PLACE}/{document}", params={"version": 3})
            for path in ("", "/text"):
                for web, version, status in ((bob, 1, 404), (bob, 2, 200), (ann, 1, 200), (root, 1, 200)):
                    response = await web.get(f"{PLACE}/{document}{path}", params={"version": version})
                    assert response.status_code == status, (path, version)
                    assert status == 200 or response.text == none.text
            assert await share(ann, document, "user:bob") == 204  # who is not on the list reads no version
            for web in (ann, root):
                assert (await web.get(f"{PLACE}/{document}", params={"version": 1})).status_code == 404

    run(scenario())


def test_who_took_a_document_over_does_not_read_what_came_before(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,), acme.worker_at_work(), clients(acme, "ann") as (ann,):
            await uploaded(ann, source="memo", content=b"# Plan\n\nNine people will be laid off.\n")
            async with client(acme.service, await key(acme, "bob", Role.INGEST, Role.ADMIN)) as admin:
                content = b"# Plan\n\nRedacted.\n"
                document = (await uploaded(admin, source="memo", content=content, allow=["everyone"]))["document_id"]
            async with clients(acme, "bob") as (bob,):
                statuses = [
                    (await web.get(f"{PLACE}/{document}/text", params={"version": version})).status_code
                    for web in (ann, bob)
                    for version in (1, 2)
                ]
                assert statuses == [404, 200, 404, 200]

    run(scenario())
