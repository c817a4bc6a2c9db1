"""The quarantine over HTTP: who has no business there learns nothing, and what is held reaches nobody by any door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from rag_service.authentication import operate
from rag_service.doctor.examine import examine
from rag_service.domain.errors import Conflict
from rag_service.domain.identity import Role
from rag_service.owner.desk import LocalDesk
from rag_service.settings import Settings
from tests.conftest import Company
from tests.databases import rows, tamper
from tests.security.http import ask, client
from tests.security.test_uploads import key, uploaded
from tests.store.test_quarantine import CLEAN, HELD, QUESTION, decide, in_quarantine

Run = Callable[[Any], Any]
Open = Callable[..., Any]

PLACE = "/v1/tenants/acme/quarantine"
SHARED = {"allow": ["everyone"], "source": "wiki:ferry"}


@asynccontextmanager
async def reviewers(company: Company, *users: str) -> AsyncIterator[list[httpx.AsyncClient]]:
    """One client a user, with the scope review alone."""
    opened = [client(company.service, await key(company, user, Role.REVIEW)) for user in users]
    yield [await one.__aenter__() for one in opened]
    for one in opened:
        await one.__aexit__(None, None, None)


def routes(document: str, tenant: str = "acme") -> list[tuple[str, str]]:
    place = f"/v1/tenants/{tenant}/quarantine"
    return [
        ("GET", place),
        ("GET", f"{place}/history"),
        ("GET", f"{place}/{document}"),
        ("POST", f"{place}/{document}/release"),
        ("POST", f"{place}/{document}/reject"),
    ]


def test_only_reviewers_of_the_tenant_learn_what_is_held(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with (
            open_companies("acme", "bolt") as (acme, bolt),
            acme.worker_at_work(),
            client(acme.service, await key(acme, "ann")) as ann,
            reviewers(acme, "rex") as (rex,),
            reviewers(bolt, "eve") as (eve,),
        ):
            job = await uploaded(ann, content=HELD.encode(), **SHARED)
            document = job["document_id"]
            assert (job["state"], job["held"]) == ("quarantined", ["injected_instruction"])
            everything_else = [Role.QUERY, Role.INGEST, Role.ADMIN, Role.AUDIT]
            async with client(acme.service, await key(acme, "root", *everything_else)) as root:
                for method, path in routes(document):
                    status = (await root.request(method, path)).status_code
                    assert status == (200 if path.endswith("/history") else 403), (method, path)
            for method, path in routes(document):
                for web in (ann,):
                    assert (await web.request(method, path)).status_code == 403
                absent = await eve.request(method, path.replace("acme", "nowhere"))
                foreign = await eve.request(method, path)
                assert (foreign.status_code, foreign.text) == (absent.status_code, absent.text) == (404, foreign.text)
            for method, path in routes(document, "bolt")[2:]:  # the right id in the wrong tenant
                foreign = await eve.request(method, path)
                absent = await eve.request(method, path.replace(document, "0" * 16))
                assert (foreign.status_code, foreign.text) == (404, absent.text)
            assert (await eve.get("/v1/tenants/bolt/quarantine")).json()["quarantined"] == []
            listed = (await rex.get(PLACE)).json()
            assert [one["id"] for one in listed["quarantined"]] == [document]
            assert listed["next"] is None

    run(scenario())


def test_a_held_document_is_behind_no_door(run: Run, open_companies: Open, settings: Settings) -> None:
    async def scenario() -> None:
        async with (
            open_companies("acme") as (acme,),
            acme.worker_at_work(),
            client(acme.service, await key(acme, "ann", Role.QUERY, Role.INGEST, Role.ADMIN)) as ann,
        ):
            document = (await uploaded(ann, content=CLEAN.encode(), **SHARED))["document_id"]
            held = await uploaded(ann, content=HELD.encode(), **SHARED)
            new = await uploaded(ann, content=HELD.encode(), allow=["everyone"], source="wiki:other")
            assert held["document_id"] == document
            service, tenant = acme.service, await acme.service.store.tenants.by_name("acme")

            async def doors() -> set[str]:
                """Everything that is shown of documents, to their owner, who is an administrator too."""
                shown = [
                    await ann.get("/v1/tenants/acme/documents"),
                    await ask(ann, "acme", QUESTION),
                    await ask(ann, "acme", QUESTION, "search", limit=100),
                ]
                shown += [
                    await ann.get(f"/v1/tenants/acme/documents/{one}{path}", params=version)
                    for one in (document, new["document_id"])
                    for path in ("", "/text")
                    for version in ({}, {"version": 1}, {"version": 2})
                ]
                points = await service.index.point_ids(tenant.keys.index.collection)
                assert points == await service.store.versions.chunk_ids(operate(tenant))
                return {one.text for one in shown}

            for _ in range(3):
                told = await doors()
                assert any("nine" in one for one in told)
                assert not any("eleven" in one or new["document_id"] in one for one in told)
                await service.store.outbox.request_rebuild(operate(tenant))
                await service.follower.catch_up(tenant.id)
                checks = await examine(
                    settings, service.store, LocalDesk(service), lambda *_: None, deep=True, repair=True
                )
                assert [one.detail for one in checks if not one.ok and one.name != "master key"] == []

    run(scenario())


def test_whoever_writes_sql_without_the_keys_brings_nothing_held_to_readers(
    run: Run, open_companies: Open, tmp_path: Path, settings: Settings
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            document = await acme.document_id(tmp_path, ["everyone"], ferry_md=CLEAN)
            await acme.ingest(tmp_path, ferry_md=HELD)
            service, tenant = acme.service, await acme.service.store.tenants.by_name("acme")
            flips = [
                "UPDATE versions SET quarantined_at = NULL WHERE document_id = ?",
                "UPDATE documents SET live_version = 2 WHERE id = ?",
            ]
            async with client(service, await acme.key("ann")) as ann:
                for statement in flips:
                    assert tamper(settings.data_dir, statement, document) > 0
                    await service.store.outbox.request_rebuild(operate(tenant))
                    await service.follower.catch_up(tenant.id)
                    answers = [
                        await ask(ann, "acme", QUESTION),
                        await ask(ann, "acme", QUESTION, "search", limit=100),
                        await ann.get("/v1/tenants/acme/documents"),
                        await ann.get(f"/v1/tenants/acme/documents/{document}/text"),
                        await ann.get(f"/v1/tenants/acme/documents/{document}/text", params={"version": 2}),
                    ]
                    assert not any("eleven" in one.text for one in answers)
            chunks = [chunk for (chunk,) in rows(settings.data_dir, "SELECT id FROM chunks WHERE version = 2")]
            assert not set(chunks) & await service.index.point_ids(tenant.keys.index.collection)
            from rag_service.authentication import act_as

            scope = (await act_as(tenant, "ann", (), groups_of=service.store.groups)).scope
            opened = await service.store.documents.open_chunks(scope, tenant.keys, chunks)
            assert opened.chunks == {}  # though the row says that it is live, and the index might hold it
            assert opened.tampered
            assert await service.store.consistency.problems(operate(tenant), tenant.keys, document)

    run(scenario())


def test_a_reviewer_sees_safely_and_does_not_judge_their_own(run: Run, open_companies: Open) -> None:
    hostile = f"# <script>alert(1)</script>\n\n{HELD}\nGo\u202eod \u27e8U+200B\u27e9 <img src=x onerror=alert(2)>\n"

    async def scenario() -> None:
        async with (
            open_companies("acme") as (acme,),
            acme.worker_at_work(),
            client(acme.service, await key(acme, "ann", Role.INGEST, Role.REVIEW)) as ann,
            reviewers(acme, "rex") as (rex,),
        ):
            document = (await uploaded(ann, content=hostile.encode(), name="a.txt"))["document_id"]
            shown = await rex.get(f"{PLACE}/{document}")
            assert shown.headers["content-type"] == "application/json"
            assert shown.headers["x-content-type-options"] == "nosniff"
            assert "<" not in shown.text
            told = shown.json()
            marked = [piece for piece in told["segments"] if "injected_instruction" in piece["kinds"]]
            assert any("gnore all previous" in piece["text"] for piece in marked)
            text = "".join(piece["text"] for piece in told["segments"])
            assert "\u202e" not in text
            assert "\u27e8U+27E8\u27e9U+200B" in text  # whoever writes such a mark does not pass for us
            pages, offset = "", 0
            while offset is not None:
                page = (await rex.get(f"{PLACE}/{document}", params={"offset": offset, "limit": 50})).json()
                pages, offset = pages + "".join(piece["text"] for piece in page["segments"]), page["next"]
            assert pages == text
            own = await ann.post(f"{PLACE}/{document}/release", json={"reason": "mine"})
            assert own.status_code == 409
            stale = await rex.post(f"{PLACE}/{document}/release", json={"version": 7})
            assert stale.status_code == 409
            done = await rex.post(f"{PLACE}/{document}/release", json={"reason": "harmless", "version": 1})
            assert done.json() == {"document_id": document, "version": 1, "decision": "released"}
            assert (await rex.post(f"{PLACE}/{document}/reject")).status_code == 404
            entries = (await rex.get(f"{PLACE}/history")).json()["reviews"]
            assert [(one["decision"], one["by"], one["note"]) for one in entries[:1]] == [
                ("released", "rex", "harmless")
            ]
            assert {one["by"] for one in entries if one["decision"] == "previewed"} == {"rex"}

    run(scenario())


def test_of_two_who_decide_at_once_one_is_told_that_it_is_done(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with (
            open_companies("acme") as (acme,),
            acme.worker_at_work(),
            client(acme.service, await key(acme, "ann")) as ann,
            reviewers(acme, "rex", "roz") as (rex, roz),
        ):
            for number in range(3):  # as what was released once is not held again
                content = f"{HELD}\nRound {number}.\n".encode()
                document = (await uploaded(ann, content=content, **SHARED))["document_id"]
                answers = await asyncio.gather(
                    rex.post(f"{PLACE}/{document}/release"), roz.post(f"{PLACE}/{document}/reject")
                )
                assert sorted(one.status_code for one in answers) == [200, 404]
                tenant = await acme.service.store.tenants.by_name("acme")
                assert await acme.service.store.consistency.strays() == {}
                is_live = answers[0].status_code == 200
                assert bool(await acme.service.store.versions.document_ids(operate(tenant))) == is_live
                if is_live:
                    await acme.service.store.versions.delete(operate(tenant), document)

    run(scenario())


def test_a_released_version_brings_the_readers_and_owner_it_was_uploaded_for(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with (
            open_companies("acme") as (acme,),
            acme.worker_at_work(),
            client(acme.service, await key(acme, "ann")) as ann,
            client(acme.service, await key(acme, "root", Role.INGEST, Role.ADMIN, Role.QUERY)) as root,
        ):
            document = (await uploaded(ann, content=CLEAN.encode(), source="wiki:ferry"))["document_id"]
            held = await uploaded(root, content=HELD.encode(), source="wiki:ferry", allow=["user:bob"])
            assert held["state"] == "quarantined"
            [waiting] = await in_quarantine(acme)  # whoever releases it is told to whom
            assert (waiting.owner, waiting.readers) == ("root", ("user:bob", "user:root"))
            place = f"/v1/tenants/acme/documents/{document}"
            assert "nine" in (await ann.get(f"{place}/text")).text  # until then it is ann's as it was
            assert (await root.get(f"{place}/access")).json() == {"allow": ["user:ann"], "owner": "ann"}
            await decide(acme, "release", document)
            assert (await ann.get(f"{place}/text")).status_code == 404
            told = (await root.get(f"{place}/access")).json()
            assert told == {"allow": ["user:bob", "user:root"], "owner": "root"}

    run(scenario())


def test_a_released_version_reaches_nobody_whom_the_list_was_widened_for_since(run: Run, open_companies: Open) -> None:
    """Its owner named who may read it; what is live was shared with everyone while it waited."""

    async def scenario() -> None:
        async with (
            open_companies("acme") as (acme,),
            acme.worker_at_work(),
            client(acme.service, await key(acme, "ann")) as ann,
        ):
            told = {"source": "wiki:ferry", "allow": ["user:bob"]}
            document = (await uploaded(ann, content=CLEAN.encode(), **told))["document_id"]
            assert (await uploaded(ann, content=HELD.encode(), **told))["state"] == "quarantined"
            place = f"/v1/tenants/acme/documents/{document}/access"
            assert (await ann.put(place, json={"allow": ["everyone"]})).status_code == 204
            with pytest.raises(Conflict):
                await decide(acme, "release", document)
            assert (await ann.put(place, json={"allow": ["user:ann"]})).status_code == 204
            await decide(acme, "release", document)
            assert (await ann.get(place)).json()["allow"] == ["user:ann"]

    run(scenario())


def test_nothing_is_decided_about_what_took_the_place_of_what_the_reviewer_saw(
    run: Run, open_companies: Open, settings: Settings
) -> None:
    async def scenario() -> None:
        async with (
            open_companies("acme") as (acme,),
            acme.worker_at_work(),
            client(acme.service, await key(acme, "ann")) as ann,
            reviewers(acme, "rex", "roz") as (rex, roz),
        ):
            document = (await uploaded(ann, content=HELD.encode(), **SHARED))["document_id"]
            assert (await rex.get(f"{PLACE}/{document}")).json()["version"] == 1
            await uploaded(ann, content=HELD.replace("eleven", "ten").encode(), **SHARED)
            for what in ("release", "reject"):
                assert (await rex.post(f"{PLACE}/{document}/{what}")).status_code == 409
            await roz.get(f"{PLACE}/{document}")  # what another saw is not what this one judged
            assert (await rex.post(f"{PLACE}/{document}/release")).status_code == 409
            assert (await roz.post(f"{PLACE}/{document}/release")).json()["version"] == 2

            entries = (await rex.get(f"{PLACE}/history")).json()["reviews"]
            spoil = "UPDATE reviews SET sealed_entry = ? WHERE id = ?"
            assert tamper(settings.data_dir, spoil, b"x", entries[0]["review_id"]) == 1
            page = (await rex.get(f"{PLACE}/history", params={"limit": 1})).json()
            assert page["next"] == page["reviews"][0]["review_id"] == entries[1]["review_id"]

    run(scenario())


def test_whoever_deletes_a_document_deletes_what_is_held_of_it(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with (
            open_companies("acme") as (acme,),
            acme.worker_at_work(),
            client(acme.service, await key(acme, "ann")) as ann,
            client(acme.service, await key(acme, "bob")) as bob,
        ):
            document = (await uploaded(ann, content=HELD.encode(), **SHARED))["document_id"]
            place = f"/v1/tenants/acme/documents/{document}"
            assert (await bob.delete(place)).status_code == 404
            assert (await ann.delete(place)).status_code == 204
            assert await in_quarantine(acme) == []
            assert await acme.service.store.consistency.strays() == {}

    run(scenario())


@pytest.mark.parametrize("reasons", [("flood",), ("flood", "made_up_tomorrow")])
def test_an_uploader_learns_nothing_of_other_documents(reasons: tuple[str, ...]) -> None:
    from rag_service.domain.review import told_to_uploader

    assert told_to_uploader(reasons) == ("under_review",)


def test_an_uploader_learns_every_reason_that_lies_in_the_document_itself() -> None:
    from rag_service.domain.review import told_to_uploader
    from rag_service.domain.verdict import HELD_CONTAINER, REASONS

    unsaid = {reason for reason in REASONS if told_to_uploader([reason]) != (reason,)}
    assert unsaid == {"flood", HELD_CONTAINER}
