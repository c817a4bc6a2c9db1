"""Rows of owners, access lists and memberships that were written without the master key: they grant nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rag_service.authentication import operate
from rag_service.domain.identity import Principal
from rag_service.settings import Settings
from tests.databases import tamper
from tests.security.http import ask, client
from tests.security.test_access_routes import MANAGING, MEMO, QUESTION, clients, manage, reads
from tests.security.test_uploads import key, upload, uploaded

Run = Callable[[Any], Any]
Open = Callable[..., Any]


FORGED_OWNERS = (
    "update documents set owner_token = (select owner_token from documents where id = ?) where id = ?",
    (
        "update documents set (owner_token, sealed_owner) = (select owner_token, sealed_owner from documents where "
        "id = ?) where id = ?"
    ),
)
_FORGED = "insert into members select ?, ?, ?, sealed_group, sealed_member from members "
FORGED_MEMBERS = (
    _FORGED + "where tenant_id <> ? limit 1",
    _FORGED + "where member_token = ? limit 1",
    _FORGED + "where group_token = ? limit 1",
)
"""Whose names stand under the tokens of the board and bob: a foreign tenant's, those of his true membership, ann's."""

COPIED_MEMBER = (
    "insert into members select ?, group_token, member_token, sealed_group, sealed_member from members "
    "where tenant_id <> ?"
)
COPIED_ENTRIES = "insert into access select ?, ?, principal_token, sealed_principal from access where document_id = ?"
RENAMED_ENTRY = (
    "update access set sealed_principal = (select sealed_principal from access where document_id = ? and "
    "principal_token = ?) where document_id = ? and principal_token = ?"
)


def test_an_owner_copied_from_another_document_owns_nothing(run: Run, settings: Settings, open_companies: Open) -> None:
    """With bob's token in its row, ann's document is found as his; its owner's name does not open there."""
    folder = settings.data_dir

    async def scenario() -> None:
        async with open_companies("acme") as (acme,), clients(acme, "ann", "bob") as (ann, bob):
            async with acme.worker_at_work():
                hers = (await uploaded(ann, content=MEMO.encode(), source="memo"))["document_id"]
                his = (await uploaded(bob))["document_id"]
            job = (await upload(ann, content=b"# Hers\n", name="hers.md")).json()["job_id"]
            for forgery in FORGED_OWNERS:
                assert tamper(folder, forgery, his, hers) == 1
                tamper(folder, "update jobs set owner_token = (select owner_token from documents where id = ?)", his)
                for method, path, body in MANAGING:
                    assert (await manage(bob, hers, method, path, body)).status_code == 404, (forgery, method)
                assert (await upload(bob, source="memo", content=b"# His now\n")).status_code == 409
                assert (await bob.get(f"/v1/tenants/acme/jobs/{job}")).status_code == 404
            assert await reads(ann, hers)
            assert not await reads(bob, hers)

    run(scenario())


def test_an_entry_copied_from_another_document_or_tenant_lets_nobody_read(
    run: Run, settings: Settings, open_companies: Open, tmp_path: Path
) -> None:
    folder = settings.data_dir

    async def scenario() -> None:
        async with open_companies("acme", "bolt") as (acme, bolt):
            memo = await acme.document_id(tmp_path / "a", ["user:ann"], memo_md=MEMO)
            open_to_bob = await acme.document_id(tmp_path / "b", ["user:bob", "everyone"], b_md="# Open\n\nTo all.\n")
            foreign = await bolt.document_id(tmp_path / "c", ["user:bob"], c_md="# Bolt\n\nOf bolt.\n")
            tenant, other = [await acme.service.store.tenants.by_name(name) for name in ("acme", "bolt")]
            anns, bobs = [tenant.keys.principal_token(Principal.user(user)) for user in ("ann", "bob")]
            bobs_of_bolt = other.keys.principal_token(Principal.user("bob"))
            async with clients(acme, "bob") as (bob,):
                assert tamper(folder, COPIED_ENTRIES, tenant.id, memo, open_to_bob) == 2
                assert not await reads(bob, memo)
                for whose, document in ((anns, memo), (bobs_of_bolt, foreign)):  # other names under bob's own token
                    assert tamper(folder, RENAMED_ENTRY, document, whose, memo, bobs) == 1
                    assert not await reads(bob, memo)
            async with client(acme.service, await key(acme, "eve")) as eve:
                assert "Quillon" not in (await ask(eve, "acme", QUESTION)).text

    run(scenario())


def test_a_membership_copied_from_another_group_or_tenant_makes_nobody_a_member(
    run: Run, settings: Settings, open_companies: Open, tmp_path: Path
) -> None:
    """A copy that would let bob in closes the service to him: it is not passed over in silence."""
    folder = settings.data_dir

    async def scenario() -> None:
        async with open_companies("acme", "bolt") as (acme, bolt):
            memo = await acme.document_id(tmp_path, ["group:board"], memo_md=MEMO)
            for company, members in ((acme, {"board": "ann", "canteen": "bob"}), (bolt, {"board": "bob"})):
                tenant = await company.service.store.tenants.by_name(company.name)
                for group, user in members.items():
                    await company.service.store.groups.set(operate(tenant), tenant.keys, group, [user])
            acme_id = (await acme.service.store.tenants.by_name("acme")).id
            tokens = (await acme.service.store.tenants.by_name("acme")).keys.token
            board, bobs = tokens("group", "board"), tokens("user", "bob")
            async with clients(acme, "bob") as (bob,):
                assert tamper(folder, COPIED_MEMBER, acme_id, acme_id) == 1
                assert not await reads(bob, memo)
                for forgery, whose in zip(FORGED_MEMBERS, (acme_id, bobs, board), strict=True):
                    tamper(folder, "delete from members where group_token = ? and member_token = ?", board, bobs)
                    assert tamper(folder, forgery, acme_id, board, bobs, whose) == 1
                    for route in ("documents", f"documents/{memo}", f"documents/{memo}/text"):
                        response = await bob.get(f"/v1/tenants/acme/{route}")
                        assert response.status_code == 500, (forgery, route)
                        assert "Quillon" not in response.text
                    assert (await ask(bob, "acme", QUESTION, "search")).status_code == 500

    run(scenario())
