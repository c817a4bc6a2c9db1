"""Who calls, through HTTP: keys, tokens for keys, and the tokens of an identity provider."""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest

from rag_service.authentication import operate
from rag_service.domain.errors import Conflict, DatabaseUnavailable
from rag_service.domain.identity import Role
from rag_service.request_signing import sign_request
from rag_service.settings import Settings
from rag_service.store.api_keys import NewApiKey
from rag_service.throttle import Throttle
from rag_service.tokens import ServiceTokens
from rag_service.web.app import create_app
from tests.conftest import Company
from tests.databases import rows, tamper
from tests.doubles.identity_provider import (
    AUDIENCE,
    KEYS_PATH,
    SIGNERS,
    Provider,
    Reply,
    Signer,
    compact,
    identity_provider,
)
from tests.security.http import ask, client

Run = Callable[[Any], Any]
Open = Callable[..., Any]

MEMO = "# Board memo\n\nThe board approved the merger with Quillon.\n"
QUESTION = "Which merger did the board approve?"
LIST = "/v1/tenants/acme/documents"


async def new_key(company: Company, *roles: Role, user: str = "ann", **terms: Any) -> NewApiKey:
    tenant = await company.service.store.tenants.by_name(company.name)
    lifetime = terms.pop("lifetime", None)
    return await company.service.store.api_keys.create(tenant, user, roles or [Role.QUERY], lifetime, **terms)


async def answered(company: Company, credential: str | None, address: str = "127.0.0.1") -> httpx.Response:
    """What a route of the company says to whoever shows this credential, from this address."""
    async with client(company.service, credential, address=address) as web:
        return await web.get(f"/v1/tenants/{company.name}/documents")


async def token_for(company: Company, key: str, scope: str | None = None, address: str = "127.0.0.1") -> str:
    async with client(company.service, key, address=address) as web:
        response = await web.post("/v1/token", json={"scope": scope} if scope else None)
    assert response.status_code == 200, response.text
    token: str = response.json()["access_token"]
    return token


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with identity_provider() as running:
        yield running


@pytest.fixture
def provider(running: Provider, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """A provider that the service is set up to believe. Ask for it before the service."""
    running.lists(*(signer.listing for signer in SIGNERS.values()))
    monkeypatch.setenv("RAG_OIDC_ISSUER", running.issuer)
    monkeypatch.setenv("RAG_OIDC_AUDIENCE", AUDIENCE)
    monkeypatch.setenv("RAG_OIDC_TENANT_CLAIM", "tenant")
    monkeypatch.setenv("RAG_OIDC_GROUPS_CLAIM", "groups")
    monkeypatch.setenv("RAG_OIDC_ROLES_CLAIM", "roles")
    return running


def vouched(provider: Provider, signer: Signer = SIGNERS["EdDSA"], **changes: Any) -> str:
    return provider.token(signer, **{"groups": [], "roles": ["query"], **changes})


# --- what is refused


def test_every_credential_that_is_not_live_is_the_same_401(provider: Provider, run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            keys = acme.service.store.api_keys
            revoked, rotated = await new_key(acme), await new_key(acme)
            token_of_revoked = await token_for(acme, revoked.secret)
            await keys.revoke(revoked.key_id)
            await keys.rotate(rotated.key_id, timedelta(0))
            live, signed = await new_key(acme), await new_key(acme, is_signed=True)
            vault, folder = acme.service.store.folder.vault, acme.service.store.folder.id
            tenant = (await acme.service.store.tenants.by_name("acme")).id
            hour_ago = ServiceTokens(vault.token_key(folder), folder, clock=lambda: time.time() - 3600)
            elsewhere = ServiceTokens(vault.token_key("other"), "other")
            public = json.dumps(SIGNERS["RS256"].listing).encode()
            credentials = {
                "none": None,
                "nonsense": "nonsense",
                "no key's id": f"rag_{'0' * 16}_{'A' * 43}",
                "another secret": live.secret[:-4] + "AAAA",
                "another key's id": f"rag_{signed.key_id}_{live.secret[21:]}",
                "revoked": revoked.secret,
                "expired": (await new_key(acme, lifetime=timedelta(seconds=-1))).secret,
                "rotated out": rotated.secret,
                "for signing only": f"rag_{signed.key_id}_{signed.secret}",
                "what is signed with": signed.secret,
                "from elsewhere only": (await new_key(acme, networks=[ip_network("192.0.2.0/24")])).secret,
                "token of a revoked key": token_of_revoked,
                "token that has run out": hour_ago.mint(tenant, live.key_id, [Role.QUERY]).text,
                "token of another installation": elsewhere.mint(tenant, live.key_id, [Role.QUERY]).text,
                "token of a signing key": acme.service.tokens.mint(tenant, signed.key_id, [Role.QUERY]).text,
                "token of no key": acme.service.tokens.mint(tenant, "0" * 16, [Role.QUERY]).text,
                "vouched for too long ago": vouched(provider, iat=time.time() - 601),
                "vouched for in another's name": vouched(provider, iss="https://login.example"),
                "vouched for to somebody else": vouched(provider, aud="https://other.example"),
                "vouched for by a stranger": vouched(provider, Signer("EdDSA-1", "EdDSA")),
                "signed by nobody": compact({"alg": "none", "kid": "RS256-1"}, provider.claims(), lambda _: b"x"),
                "signed with the public key": compact(
                    {"alg": "HS256", "kid": "RS256-1"}, provider.claims(), lambda m: hmac.digest(public, m, "sha256")
                ),
            }
            responses = {name: await answered(acme, credential) for name, credential in credentials.items()}
            told = {
                name: (one.status_code, one.content, one.headers["www-authenticate"]) for name, one in responses.items()
            }
            assert {name for name, one in told.items() if one != told["none"]} == set()
            assert told["none"][0] == 401
            assert (await answered(acme, live.secret)).status_code == 200
            assert (await answered(acme, vouched(provider))).status_code == 200

    run(scenario())


MISPLACED = [
    [("Authorization", "Bearer {key}"), ("Authorization", "Bearer {key}")],
    [("Authorization", "Bearer {key}"), ("Authorization", "Basic eDp5")],
    [("Authorization", "Basic {key}")],
    [("Authorization", "{key}")],
    [("X-Api-Key", "{key}")],
]


def test_a_credential_stands_once_where_it_belongs(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            key = (await new_key(acme)).secret
            async with client(acme.service, None) as web:
                for headers in MISPLACED:
                    sent = [(name, value.format(key=key)) for name, value in headers]
                    assert (headers, (await web.get(LIST, headers=sent)).status_code) == (headers, 401)

    run(scenario())


def test_every_kind_of_credential_is_of_one_tenant(provider: Provider, run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme", "bolt") as (acme, bolt):
            await bolt.key("bob")
            key = (await new_key(acme)).secret
            for credential in (key, await token_for(acme, key), vouched(provider)):
                async with client(acme.service, credential) as web:
                    own = await web.get(LIST)
                    other, absent = [await ask(web, name, QUESTION) for name in ("bolt", "no-such-tenant")]
                assert own.status_code == 200
                assert other.status_code == absent.status_code == 404
                assert other.content == absent.content
            nobodys = vouched(provider, tenant="no-such-tenant")
            async with client(acme.service, nobodys) as web:
                assert (await ask(web, "no-such-tenant", QUESTION)).content == absent.content

    run(scenario())


def test_a_role_that_is_missing_is_a_403_for_every_kind_of_credential(
    provider: Provider, run: Run, open_companies: Open
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            key = (await new_key(acme, Role.INGEST, Role.REVIEW)).secret
            for credential in (key, await token_for(acme, key), vouched(provider, roles=["ingest", "owner", "QUERY"])):
                assert (await answered(acme, credential)).status_code == 403

    run(scenario())


# --- tokens


def test_a_token_has_at_most_the_scopes_of_its_key(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            key = (await new_key(acme, Role.QUERY, Role.INGEST)).secret
            narrow = await token_for(acme, key, "query")
            async with client(acme.service, narrow) as web:
                assert (await web.get(LIST)).status_code == 200
                assert (await web.post(LIST, files={"file": ("a.md", b"# A")})).status_code == 403
            async with client(acme.service, await token_for(acme, key)) as web:
                assert (await web.post(LIST, files={"file": ("a.md", b"# A")})).status_code == 202
            async with client(acme.service, key) as web:
                for scope, status in {"admin": 403, "query admin": 403, "quack": 422, " ": 422, "QUERY": 422}.items():
                    refused = await web.post("/v1/token", json={"scope": scope})
                    assert (scope, refused.status_code) == (scope, status)
                    assert "quack" not in refused.text

    run(scenario())


def test_a_token_is_told_as_oauth_has_it_and_stored_by_nobody(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            async with client(acme.service, (await new_key(acme, Role.QUERY, Role.INGEST)).secret) as web:
                response = await web.post("/v1/token")
            body = response.json()
            assert body.keys() == {"access_token", "token_type", "expires_in", "scope"}
            assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 600, "ingest query")
            assert response.headers["cache-control"] == "no-store"
            claims = json.loads(base64.urlsafe_b64decode(body["access_token"].split(".")[1] + "=="))
            assert "ann" not in str(claims)
            assert "acme" not in str(claims)

    run(scenario())


def test_only_a_key_that_may_travel_is_exchanged_for_a_token(
    provider: Provider, run: Run, open_companies: Open
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            key = (await new_key(acme)).secret
            new = await new_key(acme, is_signed=True)
            signed = f"rag_{new.key_id}_{new.secret}"
            for credential in (await token_for(acme, key), vouched(provider), signed, "nonsense", None):
                async with client(acme.service, credential) as web:
                    for body in ({"json": {}}, {"content": b"{"}, {"json": {"scope": 7}}):
                        assert (await web.post("/v1/token", **body)).status_code == 401

    run(scenario())


def test_a_scope_taken_from_the_key_is_gone_from_its_tokens(settings: Settings, run: Run, open_companies: Open) -> None:
    """A token carries no authority beyond its key: what it was given counts only as long as the key has it."""

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            key = await new_key(acme, Role.INGEST)
            tenant = (await acme.service.store.tenants.by_name("acme")).id
            wide = acme.service.tokens.mint(tenant, key.key_id, [Role.QUERY, Role.INGEST]).text
            assert (await answered(acme, wide)).status_code == 403

    run(scenario())


# --- rotation and revocation


def test_a_rotated_key_and_its_successor_work_side_by_side(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            keys = acme.service.store.api_keys
            old = await new_key(acme, Role.QUERY, Role.AUDIT, networks=[ip_network("127.0.0.0/8")], user="zoe")
            new = (await keys.rotate(old.key_id, timedelta(hours=1))).successor
            for key in (old, new):
                assert (await answered(acme, key.secret)).status_code == 200
                assert (await answered(acme, key.secret, "192.0.2.1")).status_code == 401
            known = {key.key_id: key for key in await keys.all()}
            for same in ("user", "roles", "networks", "is_signed", "tenant"):
                assert getattr(known[new.key_id], same) == getattr(known[old.key_id], same)
            assert known[old.key_id].revoked_at is not None
            assert (known[new.key_id].revoked_at, known[new.key_id].expires_at) == (None, None)
            await keys.revoke(old.key_id)
            assert (await answered(acme, old.secret)).status_code == 401
            assert (await answered(acme, new.secret)).status_code == 200
            signed = (await keys.rotate((await new_key(acme, is_signed=True)).key_id, timedelta(0))).successor
            assert (await answered(acme, f"rag_{signed.key_id}_{signed.secret}")).status_code == 401

    run(scenario())


@pytest.mark.parametrize("lifetime", [None, timedelta(days=90)])
def test_a_key_that_was_rotated_gives_no_second_successor(
    lifetime: timedelta | None, run: Run, open_companies: Open
) -> None:
    """Its successors would each have their own end, and none would be the one that the client was given."""

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            keys = acme.service.store.api_keys
            old = await new_key(acme, lifetime=lifetime)
            first = await keys.rotate(old.key_id, timedelta(minutes=1))
            with pytest.raises(Conflict, match="rotate its successor"):
                await keys.rotate(old.key_id, timedelta(minutes=1))
            second = await keys.rotate(first.successor.key_id, timedelta(days=200))
            known = {key.key_id: key for key in await keys.all()}
            assert set(known) == {old.key_id, first.successor.key_id, second.successor.key_id}
            for key in known.values():
                assert key.expires_at == (key.created_at + lifetime if lifetime else None)
            assert first.old_expires_at == known[old.key_id].revoked_at
            middle = known[first.successor.key_id]
            assert second.old_expires_at == (middle.expires_at or middle.revoked_at), "no overlap outlives the key"
            assert (await answered(acme, first.successor.secret)).status_code == 200

    run(scenario())


def test_revoking_a_key_ends_its_tokens_at_the_next_request(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            key = await new_key(acme)
            token = await token_for(acme, key.secret)
            assert (await answered(acme, token)).status_code == 200
            await acme.service.store.api_keys.revoke(key.key_id)
            assert (await answered(acme, token)).status_code == 401

    run(scenario())


# --- groups


def test_leaving_a_group_holds_from_the_next_request_on_for_keys_and_tokens(
    run: Run, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            document = await acme.document_id(tmp_path, ["group:board"], memo_md=MEMO)
            key = await acme.key("ann", "board")
            store, credentials = acme.service.store, (key, await token_for(acme, key))
            tenant = await store.tenants.by_name("acme")
            for credential in credentials:
                assert document in (await answered(acme, credential)).text
            await store.groups.set(operate(tenant), tenant.keys, "board", ["bob"])
            for credential in credentials:
                assert document not in (await answered(acme, credential)).text
                async with client(acme.service, credential) as web:
                    assert (await ask(web, "acme", QUESTION)).json()["found"] is False

    run(scenario())


def test_groups_of_a_provider_hold_for_the_token_that_names_them(
    provider: Provider, run: Run, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            boards = await acme.document_id(tmp_path / "a", ["group:board"], memo_md=MEMO)
            anns = await acme.document_id(tmp_path / "b", ["user:ann"], note_md="# Note\n\nA note for one reader.\n")
            leads = await acme.document_id(tmp_path / "c", ["group:leads"], plan_md="# Plan\n\nWhat leads plan.\n")
            tenant = await acme.service.store.tenants.by_name("acme")
            await acme.service.store.groups.set(operate(tenant), tenant.keys, "leads", [], ["board"])
            for changes, seen in (
                ({"groups": ["board"]}, {boards, anns, leads}),
                ({"groups": ["Board", "boards"]}, {anns}),
                ({"groups": ["board"], "sub": "bob"}, {boards, leads}),
                ({"sub": "bob"}, set()),
            ):
                listed = (await answered(acme, vouched(provider, **changes))).json()["documents"]
                assert {one["document_id"] for one in listed} == seen, changes

    run(scenario())


def test_no_token_of_a_provider_passes_while_its_keys_cannot_be_had(
    provider: Provider, run: Run, open_companies: Open
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            provider.replies[KEYS_PATH] = Reply(500)
            response = await answered(acme, vouched(provider))
            assert response.status_code == 503
            assert provider.issuer not in response.text
            assert (await answered(acme, await acme.key("ann"))).status_code == 200, "keys of ours need no provider"

    run(scenario())


def test_without_a_provider_in_the_settings_nobody_vouches(run: Run, open_companies: Open, running: Provider) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            assert (await answered(acme, vouched(running))).status_code == 401

    run(scenario())


# --- a row that something else wrote

TAMPERINGS = {
    "scopes widened": "update api_keys set scopes = 'admin ingest query' where id = :key",
    "a revocation taken back": "update api_keys set revoked_at = null where id = :revoked",
    "an overlap made longer": "update api_keys set revoked_at = '2999-01-01 00:00:00.000000' where id = :rotated",
    "an expiry taken away": "update api_keys set expires_at = null where id = :expired",
    "an expiry moved": "update api_keys set expires_at = '2999-01-01 00:00:00.000000' where id = :expired",
    "networks taken away": "update api_keys set sealed_networks = null where id = :bound",
    "networks of another key": "update api_keys set sealed_networks = (select sealed_networks from api_keys "
    "where id = :home) where id = :bound",
    "signing no longer asked for": "update api_keys set sealed_signing_secret = null, "
    "secret_hash = (select secret_hash from api_keys where id = :key) where id = :signed",
    "its signing secret taken away": "update api_keys set sealed_signing_secret = null where id = :signed",
    "another user": "update api_keys set sealed_user = (select sealed_user from api_keys where id = :zoe), "
    "user_token = (select user_token from api_keys where id = :zoe) where id = :key",
    "another's secret": "update api_keys set secret_hash = (select secret_hash from api_keys where id = :key) "
    "where id = :zoe",
    "another row's code": "update api_keys set scopes = 'admin query', mac = (select mac from api_keys "
    "where id = :zoe) where id = :key",
    "no code": "update api_keys set mac = sealed_user where id = :key",
    "a time of making": "update api_keys set created_at = '2000-01-01 00:00:00.000000' where id = :key",
}


AS_MADE = """select secret_hash, user_token, sealed_user, scopes, created_at, expires_at, revoked_at, sealed_networks,
             sealed_signing_secret, mac from api_keys where id = ?"""
RESTORE = """update api_keys set secret_hash = ?, user_token = ?, sealed_user = ?, scopes = ?, created_at = ?,
             expires_at = ?, revoked_at = ?, sealed_networks = ?, sealed_signing_secret = ?, mac = ? where id = ?"""


def test_a_key_whose_row_was_written_by_something_else_is_refused(
    settings: Settings, run: Run, open_companies: Open
) -> None:
    folder = settings.data_dir

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            home, away = [ip_network("127.0.0.0/8")], [ip_network("192.0.2.0/24")]
            made = {
                "key": await new_key(acme),
                "zoe": await new_key(acme, user="zoe"),
                "revoked": await new_key(acme),
                "rotated": await new_key(acme),
                "expired": await new_key(acme, lifetime=timedelta(seconds=-1)),
                "bound": await new_key(acme, networks=away),
                "home": await new_key(acme, networks=home),
                "signed": await new_key(acme, is_signed=True),
            }
            await acme.service.store.api_keys.revoke(made["revoked"].key_id)
            await acme.service.store.api_keys.rotate(made["rotated"].key_id, timedelta(0))
            for tampering, statement in TAMPERINGS.items():
                target = made[statement.rpartition(":")[2]]
                [before] = rows(folder, AS_MADE, target.key_id)
                assert tamper(folder, re.sub(r":([a-z]+)", lambda name: f"'{made[name[1]].key_id}'", statement)) == 1
                for secret in {target.secret[-43:], made["key"].secret[-43:]}:
                    response = await answered(acme, f"rag_{target.key_id}_{secret}")
                    assert (tampering, response.status_code) == (tampering, 401)
                told = {key.key_id for key in await acme.service.store.api_keys.all() if key.is_altered}
                assert (tampering, told) == (tampering, {target.key_id})
                tamper(folder, RESTORE, *before, target.key_id)
                assert (await answered(acme, made["key"].secret)).status_code == 200

    run(scenario())


def test_a_key_that_is_looked_up_for_another_tenant_is_no_key_there(
    settings: Settings, run: Run, open_companies: Open
) -> None:
    async def scenario() -> None:
        async with open_companies("acme", "bolt") as (acme, bolt):
            key = await new_key(acme)
            other = (await bolt.service.store.tenants.by_name("bolt")).id
            for statement in (
                "update key_lookups set tenant_id = ? where id = ?",
                "update api_keys set tenant_id = ? where id = ?",
            ):
                assert tamper(settings.data_dir, statement, other, key.key_id) == 1
                for company in (acme, bolt):
                    assert (await answered(company, key.secret)).status_code == 401

    run(scenario())


# --- signed requests


async def signed(company: Company, key: NewApiKey, *, address: str = "127.0.0.1", **request: Any) -> httpx.Response:
    """What the company says to a request that is signed with the key."""
    async with client(company.service, None, address=address) as web:
        built = web.build_request(**{"method": "GET", "url": LIST, **request})
        body, kind = built.read(), built.headers.get("content-type")
        url = str(built.url)
        built.headers.update(
            sign_request(built.method, url, key_id=key.key_id, secret=key.secret, body=body, content_type=kind)
        )
        return await web.send(built)


def test_a_signed_request_is_its_signers_and_good_once(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme", "bolt") as (acme, _):
            key = await new_key(acme, is_signed=True)
            question = {"method": "POST", "url": "/v1/tenants/acme/query", "json": {"question": QUESTION}}
            for request in ({}, question):
                assert (await signed(acme, key, **request)).status_code == 200
                once = await signed(acme, key, **request)
                assert once.status_code == 200
                async with client(acme.service, None) as web:
                    assert (await web.send(once.request)).status_code == 401, "a second time"
            assert (await signed(acme, key, url="/v1/tenants/bolt/documents")).status_code == 404
            assert (await signed(acme, key, method="POST", files={"file": ("a", b"a")})).status_code == 403
            assert (await signed(acme, key, method="POST", url="/v1/token")).status_code == 401
            await acme.service.store.key_uses.flush()
            assert (await acme.service.store.api_keys.all())[0].last_used_at is not None

    run(scenario())


def test_a_signature_by_a_key_that_is_not_live_or_not_for_signing_is_refused(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            keys = acme.service.store.api_keys
            key, revoked = await new_key(acme, is_signed=True), await new_key(acme, is_signed=True)
            away = await new_key(acme, is_signed=True, networks=[ip_network("192.0.2.0/24")])
            await keys.revoke(revoked.key_id)
            bearer = await new_key(acme)
            refused = [
                revoked,
                away,
                bearer,
                NewApiKey(bearer.key_id, bearer.secret[-43:], None),
                NewApiKey(key.key_id, revoked.secret, None),
                NewApiKey("0" * 16, key.secret, None),
                await new_key(acme, is_signed=True, lifetime=timedelta(seconds=-1)),
            ]
            for one in refused:
                assert (await signed(acme, one)).status_code == 401
            assert (await signed(acme, away, address="192.0.2.9")).status_code == 200
            await acme.service.store.key_uses.flush()
            used = {known.key_id for known in await keys.all() if known.last_used_at}
            assert used == {away.key_id}, "a wrong signature is no use"

    run(scenario())


def test_what_is_wrong_with_a_signed_request_is_told_to_its_signer_alone(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            key = await new_key(acme, is_signed=True)
            broken = {"method": "POST", "url": "/v1/tenants/acme/query", "content": b"{"}
            broken["headers"] = {"content-type": "application/json"}
            assert (await signed(acme, key, **broken)).status_code == 422
            other = NewApiKey(key.key_id, "A" * 43, None)
            assert (await signed(acme, other, **broken)).status_code == 401

    run(scenario())


# --- where a key works


ADDRESSES = {
    "192.0.2.7": 200,
    "::ffff:192.0.2.7": 200,
    "2001:db8::1": 200,
    "192.0.3.7": 401,
    "127.0.0.1": 401,
    "2001:db9::1": 401,
    "": 401,
    "testclient": 401,
}


def test_a_key_with_networks_works_from_there_alone(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            networks = [ip_network("192.0.2.0/24"), ip_network("2001:db8::/64")]
            key = (await new_key(acme, networks=networks)).secret
            for credential in (key, await token_for(acme, key, address="192.0.2.200")):
                for address, status in ADDRESSES.items():
                    assert (address, (await answered(acme, credential, address)).status_code) == (address, status)
                    async with client(acme.service, credential, address=address) as web:
                        claimed = await web.get(LIST, headers={"X-Forwarded-For": "192.0.2.7"})
                    assert (address, claimed.status_code) == (address, status), "a header that anybody may write"

    run(scenario())


# --- failed attempts


@asynccontextmanager
async def clients(company: Company, *addresses: str) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Clients at these addresses, all of one running application, for which no time passes."""
    app = create_app(company.service)
    app.state.throttle = Throttle(company.service.settings.auth_failures, clock=lambda: 0.0)
    async with AsyncExitStack() as stack:
        opened = []
        for address in addresses:
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=(address, 50_000))
            opened.append(await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://s")))
        yield opened


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


def test_who_fails_again_and_again_waits_and_nobody_else_does(
    provider: Provider, run: Run, open_companies: Open
) -> None:
    async def scenario() -> None:
        async with (
            open_companies("acme") as (acme,),
            clients(acme, "192.0.2.1", "198.51.100.7") as (attacker, holder),
        ):
            key, other = (await new_key(acme)).secret, (await new_key(acme)).secret
            wrong = {
                "a key": key[:-4] + "AAAA",
                "a token": await token_for(acme, key) + "A",
                "a stranger's token": vouched(provider, Signer("EdDSA-1", "EdDSA")),
            }
            for name, credential in wrong.items():
                said = [(await attacker.get(LIST, headers=bearer(credential))).status_code for _ in range(12)]
                assert (name, said) == (name, [401] * 11 + [429])
                refused = await attacker.post("/v1/token", headers=bearer(credential))
                assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert (await attacker.get(LIST, headers=bearer(key))).status_code == 429, "its pair waits, right or wrong"
            for who, credential in ((holder, key), (attacker, other), (attacker, vouched(provider))):
                assert (await who.get(LIST, headers=bearer(credential))).status_code == 200

    run(scenario())


def test_wrong_signatures_are_counted_too(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,), clients(acme, "192.0.2.1", "198.51.100.7") as (attacker, holder):
            key = await new_key(acme, is_signed=True)

            def signature(secret: str) -> dict[str, str]:
                return sign_request("GET", f"http://s{LIST}", key_id=key.key_id, secret=secret)

            said = [(await attacker.get(LIST, headers=signature("A" * 43))).status_code for _ in range(12)]
            assert said == [401] * 11 + [429]
            assert (await holder.get(LIST, headers=signature(key.secret))).status_code == 200

    run(scenario())


# --- last used


def test_the_last_use_is_written_by_and_by_and_once_a_minute(
    run: Run, open_companies: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            keys, uses = acme.service.store.api_keys, acme.service.store.key_uses
            key = await new_key(acme)
            assert (await keys.all())[0].last_used_at is None
            await answered(acme, key.secret[:-4] + "AAAA")
            await uses.flush()
            assert (await keys.all())[0].last_used_at is None, "a failed attempt is no use"
            await answered(acme, key.secret)
            await uses.flush()
            first = (await keys.all())[0].last_used_at
            assert first is not None
            await answered(acme, key.secret)
            await uses.flush()
            assert (await keys.all())[0].last_used_at == first
            monkeypatch.setattr("rag_service.store.key_uses._EVERY", timedelta(0))
            await answered(acme, await token_for(acme, key.secret))
            await uses.flush()
            last = (await keys.all())[0]
            assert last.last_used_at is not None
            assert last.last_used_at > first
            assert not last.is_altered

    run(scenario())


def test_a_last_use_that_cannot_be_written_fails_no_request(
    run: Run, open_companies: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            key = await new_key(acme)
            uses = acme.service.store.key_uses

            async def full(*_: Any) -> None:
                raise DatabaseUnavailable("SQLITE_FULL")

            with monkeypatch.context() as broken:
                broken.setattr(uses, "_write", full)
                assert (await answered(acme, key.secret)).status_code == 200
                await uses.flush()
            assert (await answered(acme, key.secret)).status_code == 200
            await uses.flush()
            assert (await acme.service.store.api_keys.all())[0].last_used_at is not None

    run(scenario())
