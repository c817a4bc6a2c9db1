"""Why a user can or cannot see a document: told as the check itself decides."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rag_service.authentication import operate
from rag_service.cli import build_app
from rag_service.domain.identity import Principal
from rag_service.explain import Explanation, explain_access
from rag_service.settings import Settings, load_settings
from rag_service.wiring import Models, open_service
from tests.conftest import Company
from tests.databases import tamper

Run = Callable[[Any], Any]
Open = Callable[..., Any]
MEMO = "# Memo\n\nThe board met.\n"


def test_it_says_by_what_a_user_reads_a_document_or_that_they_do_not(
    run: Run, settings: Settings, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            store = acme.service.store
            tenant = await store.tenants.by_name("acme")
            memo = await acme.document_id(tmp_path, ["user:ann", "group:staff"], memo_md=MEMO)
            for group, users, inner in (("crew", ["bob"], ()), ("staff", ["cyd"], ("crew",))):
                await store.groups.set(operate(tenant), tenant.keys, group, users, inner)

            async def why(user: str, document: str = memo, *groups: str) -> Explanation:
                return await explain_access(store, tenant, user, document, groups)

            ann, bob, cyd, dee = [await why(user) for user in ("ann", "bob", "cyd", "dee")]
            assert [one.reads for one in (ann, bob, cyd, dee)] == [True, True, True, False]
            assert ann.reason == "the access list names user:ann (by name)"
            assert bob.reason == "the access list names group:staff (through group:crew, which belongs to the group)"
            assert cyd.reason == "the access list names group:staff (a member of the group)"
            assert dee.reason == "the access list names nobody that the user is"
            assert [(one.principal, one.how) for one in bob.principals] == [
                ("everyone", "everyone in the tenant is"),
                ("group:crew", "a member of the group"),
                ("group:staff", "through group:crew, which belongs to the group"),
                ("user:bob", "by name"),
            ]
            assert [(one.principal, one.matches) for one in bob.access] == [("group:staff", True), ("user:ann", False)]
            brought = await why("dee", memo, "crew")
            assert brought.reads
            assert ("group:crew", "named for this call") in [(one.principal, one.how) for one in brought.principals]

            absent = await why("ann", "0" * 16)
            assert (absent.exists, absent.reads, absent.access) == (False, False, ())

            assert not ann.index_lags
            await store.versions.set_access(operate(tenant), tenant.keys, memo, [Principal.user("dee")])
            assert ((await why("ann")).reads, (await why("dee")).reads) == (False, True)
            assert (await why("dee")).index_lags

            tamper(settings.data_dir, "update access set sealed_principal = ?", bytes(40))
            spoilt = await why("dee")
            assert (spoilt.reads, spoilt.spoilt_entries, spoilt.access) == (False, 1, ())
            assert "that opens in its place" in spoilt.reason
            tamper(settings.data_dir, "update versions set sealed_meta = ?", bytes(40))
            assert (await why("dee")).opens is False

    run(scenario())


def test_the_command_replaces_a_list_as_ever_and_explains_it(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    monkeypatch.setenv("RAG_INDEX", "memory")

    async def prepared() -> str:
        async with open_service(load_settings(data_dir=data), models) as service:
            await service.store.tenants.create("acme", "identifiers")
            return await Company(service, "acme").document_id(tmp_path / "docs", ["everyone"], memo_md=MEMO)

    memo = asyncio.run(prepared())
    of_tenant = ["--tenant", "acme", "--data-dir", str(data)]

    def rag(*arguments: str, status: int = 0) -> str:
        ended = CliRunner().invoke(build_app(), ["documents", "access", *arguments])
        assert ended.exit_code == status, ended.output
        return ended.output

    for words in ([memo], ["set", memo]):
        told = json.loads(rag(*words, *of_tenant, "--allow", "user:ann", "--json"))
        assert told == {"document_id": memo, "access": ["user:ann"]}
    why = json.loads(rag("explain", *of_tenant, "--user", "bob", "--document", memo, "--json"))
    assert (why["reads"], why["access"]) == (False, [{"principal": "user:ann", "matches": False}])
    assert f"ann reads {memo}" in rag("explain", *of_tenant, "--user", "ann", "--document", memo)
    rag("--tenant", "acme", status=2)
    assert "explain" in rag("--help")
