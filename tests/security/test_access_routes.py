"""Managing documents over HTTP: for their owner and administrators, and for everyone else the same 404 as none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from rag_service.authentication import operate
from rag_service.domain.identity import Principal, Role
from tests.conftest import Company
from tests.security.http import ask, client
from tests.security.test_uploads import ended, key, upload, uploaded

Run = Callable[[Any], Any]
Open = Callable[..., Any]

MEMO = "# Board memo\n\nThe board approved the merger with Quillon for 61 million euros.\n"
QUESTION = "Which merger did the board approve?"
DOCUMENTS = "/v1/tenants/{tenant}/documents"
MANAGING = [("GET", "/access", None), ("PUT", "/access", {"allow": ["everyone"]}), ("DELETE", "", None)]
"""Every route that manages a document: method, path and body."""


@asynccontextmanager
async def clients(company: Company, *users: str) -> AsyncIterator[list[httpx.AsyncClient]]:
    """One client a user, each with the scopes query and ingest."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(client(company.service, await key(company, user))) for user in users]


async def manage(
    web: httpx.AsyncClient, document: str, method: str, path: str, body: object, tenant: str = "acme"
) -> httpx.Response:
    return await web.request(method, f"{DOCUMENTS.format(tenant=tenant)}/{document}{path}", json=body)


async def share(web: httpx.AsyncClient, document: str, *allow: str) -> int:
    return (await manage(web, document, "PUT", "/access", {"allow": list(allow)})).status_code


async def listed(web: httpx.AsyncClient, document: str) -> list[str]:
    allow: list[str] = (await manage(web, document, "GET", "/access", None)).json()["allow"]
    return allow


async def reads(web: httpx.AsyncClient, document: str) -> bool:
    """Whether the document is read by this client, which every route that reads must agree on."""
    place = DOCUMENTS.format(tenant="acme")
    shown, text = await web.get(f"{place}/{document}"), await web.get(f"{place}/{document}/text")
    ids = {one["document_id"] for one in (await web.get(place)).json()["documents"]}
    searched = (await ask(web, "acme", QUESTION, "search")).json()["results"]
    answered = (await ask(web, "acme", QUESTION)).json()
    found = {
        shown.status_code == 200,
        text.status_code == 200,
        document in ids,
        document in {one["document_id"] for one in searched},
        document in {one["document_id"] for one in answered["citations"]},
    }
    assert len(found) == 1, f"the routes disagree: {shown}, {text}, {ids}, {searched}, {answered}"
    return found.pop()


def test_for_all_but_its_owner_and_administrators_a_document_is_the_same_404_as_none(
    run: Run, open_companies: Open, tmp_path: Path
) -> None:
    """Bob reads the document, and so learns nothing from what he is refused; the others may not know of it."""

    async def scenario() -> None:
        async with open_companies("acme", "bolt") as (acme, bolt):
            foreign = await bolt.document_id(tmp_path / "bolt", ["everyone"], memo_md=MEMO)
            mighty = await key(bolt, "ann", Role.ADMIN, Role.INGEST)
            async with clients(acme, "ann", "bob") as (ann, bob), client(acme.service, mighty) as elsewhere:
                async with acme.worker_at_work():
                    hers = (await uploaded(ann, content=MEMO.encode(), allow=["user:bob"]))["document_id"]
                    hidden = (await uploaded(ann, content=MEMO.encode() + b"More."))["document_id"]
                waiting = (await upload(ann, content=b"# Waits\n")).json()["job_id"]
                for method, path, body in MANAGING:
                    seen = [await manage(bob, one, method, path, body) for one in (hers, hidden, foreign)]
                    absent = (foreign, "0" * 16, "no-such", "%00", "%ED%A0%80")
                    seen += [await manage(ann, one, method, path, body) for one in absent]
                    seen += [await manage(elsewhere, one, method, path, body, "bolt") for one in (hers, hidden, "none")]
                    assert {one.status_code for one in seen} == {404}, (method, path)
                    assert len({one.content for one in seen}) == 1
                    assert len({tuple(one.headers.items()) for one in seen}) == 1
                    theirs = [await manage(elsewhere, one, method, path, body) for one in (hers, "none")]
                    assert [one.status_code for one in theirs] == [404, 404]
                    assert theirs[0].content == theirs[1].content
                jobs = [f"/v1/tenants/acme/jobs/{one}/cancel" for one in (waiting, "0" * 16, "%00")]
                refused = [await bob.post(one) for one in jobs]
                refused.append(await elsewhere.post(jobs[0].replace("acme", "bolt")))
                assert {one.status_code for one in refused} == {404}
                assert len({(one.content, tuple(one.headers.items())) for one in refused}) == 1
                assert await listed(ann, hers) == ["user:ann", "user:bob"], "a refused change changed something"
                assert await reads(bob, hers)
                async with client(acme.service, await key(acme, "ann", Role.QUERY, Role.REVIEW)) as without:
                    for one in (hers, "0" * 16):
                        for method, path, body in MANAGING:
                            assert (await manage(without, one, method, path, body)).status_code == 403
                    assert (await without.post(jobs[0])).status_code == 403

    run(scenario())


def test_a_list_is_exactly_what_its_owner_last_said(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            tenant = await acme.service.store.tenants.by_name("acme")
            async with acme.worker_at_work(), clients(acme, "ann", "bob", "cyd") as (ann, bob, cyd):
                memo = (await uploaded(ann, content=MEMO.encode(), allow=["everyone"]))["document_id"]
                await acme.service.store.groups.set(operate(tenant), tenant.keys, "crew", ["cyd"])
                assert await reads(bob, memo)
                for _ in range(2):  # the second time it changes nothing
                    assert await share(ann, memo, "group:crew", "user:eve", "user:eve") == 204
                    assert await listed(ann, memo) == ["group:crew", "user:eve"]
                assert not await reads(bob, memo), "revocation holds at once, although the index has yet to follow"
                await acme.service.follower.catch_up(tenant.id)
                assert await reads(cyd, memo)
                assert not await reads(ann, memo), "an owner who is not on the list does not read, but manages"
                async with client(acme.service, await key(acme, "root", Role.ADMIN)) as root:
                    assert await share(root, memo, "user:bob") == 204
                    assert await share(root, memo) == 204
                    shown = await manage(root, memo, "GET", "/access", None)
                    assert shown.json() == {"allow": ["user:ann"], "owner": "ann"}, "of nobody, it is private again"
                    await acme.service.follower.catch_up(tenant.id)
                assert [await reads(one, memo) for one in (ann, bob, cyd)] == [True, False, False]
                for wrong in ({}, {"allow": "everyone"}, {"allow": ["bob"]}, {"allow": ["user:"]}, {"allow": [3]}):
                    assert (await manage(ann, memo, "PUT", "/access", wrong)).status_code == 422, wrong
                for wrong in ({"allow": [], "owner": "bob"}, {"allow": ["user:x\u0000"]}, {"allow": ["group:a"] * 201}):
                    assert (await manage(ann, memo, "PUT", "/access", wrong)).status_code == 422, wrong
                assert await listed(ann, memo) == ["user:ann"]

    run(scenario())


def test_a_deleted_document_is_gone_with_what_waited_to_replace_it(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,), clients(acme, "ann", "bob") as (ann, bob):
            async with acme.worker_at_work():
                memo = await uploaded(ann, content=MEMO.encode(), allow=["everyone"], source="memo")
                assert await reads(bob, memo["document_id"])
            job = (await upload(ann, content=MEMO.encode() + b"More.", source="memo")).json()["job_id"]
            other = (await upload(ann, content=b"# Another\n\nIt may stay.\n")).json()["job_id"]
            assert (await manage(ann, memo["document_id"], "DELETE", "", None)).status_code == 204
            assert not await reads(bob, memo["document_id"])
            assert (await manage(ann, memo["document_id"], "DELETE", "", None)).status_code == 404
            assert (await ended(ann, job))["state"] == "cancelled"
            assert (await ann.post(f"/v1/tenants/acme/jobs/{other}/cancel")).status_code == 204
            assert (await ended(ann, other))["state"] == "cancelled"
            assert (await ann.post(f"/v1/tenants/acme/jobs/{other}/cancel")).status_code == 409
            assert (await bob.post(f"/v1/tenants/acme/jobs/{other}/cancel")).status_code == 404

    run(scenario())


def test_a_document_without_an_owner_is_an_administrators_and_never_nobodys(
    run: Run, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            memo = await acme.document_id(tmp_path, ["user:bob"], memo_md=MEMO)
            async with client(acme.service, await key(acme, "root", Role.ADMIN)) as root:
                assert await share(root, memo) == 422
                assert (await manage(root, memo, "GET", "/access", None)).json() == {
                    "allow": ["user:bob"],
                    "owner": None,
                }
                assert await share(root, memo, "user:cyd") == 204
            async with clients(acme, "bob") as (bob,):
                assert await share(bob, memo, "user:bob") == 404
                assert not await reads(bob, memo)

    run(scenario())


def test_ingesting_again_keeps_the_list_that_was_put(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,), acme.worker_at_work(), clients(acme, "ann", "bob") as (ann, bob):
            memo = (await uploaded(ann, content=MEMO.encode(), source="memo"))["document_id"]
            assert await share(ann, memo, "user:ann", "user:bob") == 204
            again = await uploaded(ann, content=MEMO.encode() + b"It closes in May.\n", source="memo")
            assert (again["document_id"], again["version"]) == (memo, 2)
            assert await listed(ann, memo) == ["user:ann", "user:bob"]
            assert await reads(bob, memo)

    run(scenario())


def test_no_moment_between_two_lists_is_seen(run: Run, open_companies: Open, tmp_path: Path) -> None:
    """Bob stands on both lists and never misses the document; eve stands on neither and never meets it."""
    lists = (["user:bob", "user:cyd"], ["user:bob", "user:dee"])

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            memo = await acme.document_id(tmp_path, lists[0], memo_md=MEMO)
            text = f"/v1/tenants/acme/documents/{memo}/text"
            async with clients(acme, "bob", "eve") as (bob, eve), AsyncExitStack() as stack:
                roots = [
                    await stack.enter_async_context(client(acme.service, await key(acme, user, Role.ADMIN)))
                    for user in ("root", "rita")
                ]
                writing = [
                    asyncio.create_task(_alternate(root, memo, lists[place:] + lists[:place]))
                    for place, root in enumerate(roots)
                ]
                seen = set()
                while not all(task.done() for task in writing):
                    by_bob, by_eve, now = await asyncio.gather(bob.get(text), eve.get(text), listed(roots[0], memo))
                    assert (by_bob.status_code, by_eve.status_code) == (200, 404)
                    seen.add(tuple(now))
                await asyncio.gather(*writing)
            assert seen == set(map(tuple, lists))

    run(scenario())


async def _alternate(web: httpx.AsyncClient, document: str, lists: tuple[list[str], ...]) -> None:
    for turn in range(8):
        assert await share(web, document, *lists[turn % 2]) == 204


def test_a_nested_group_reads_and_what_is_taken_from_it_holds_from_the_next_request_on(
    run: Run, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            memo = await acme.document_id(tmp_path, ["group:staff"], memo_md=MEMO)
            groups, tenant = acme.service.store.groups, await acme.service.store.tenants.by_name("acme")

            async def members(group: str, users: list[str], inner: tuple[str, ...] = ()) -> None:
                await groups.set(operate(tenant), tenant.keys, group, users, inner)

            async with clients(acme, "ann") as (ann,):
                assert not await reads(ann, memo)
                await members("crew", ["ann"])
                await members("staff", [], ("crew",))
                assert await reads(ann, memo), "a user of a group in the group"
                await members("crew", ["bob"])
                assert not await reads(ann, memo), "she left the inner group"
                await members("crew", ["ann", "bob"])
                assert await reads(ann, memo)
                await members("staff", [])
                assert not await reads(ann, memo), "the inner group left the outer one"
                assert Principal.user("ann") in (await groups.all(operate(tenant), tenant.keys))["crew"]

    run(scenario())
