"""Tokens of an identity provider: what is believed, what is refused, and what happens while its keys change."""

from __future__ import annotations

import asyncio
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from rag_service.adapters.oidc import OidcProvider, load_oidc
from rag_service.adapters.oidc_claims import ClaimNames, Expected
from rag_service.adapters.oidc_fetch import ProviderAddress
from rag_service.adapters.oidc_keys import ProviderKeys
from rag_service.domain.errors import IdentityProviderUnavailable, InvalidSetting, Unauthenticated
from rag_service.domain.identity import Role
from rag_service.ports import ClaimedIdentity
from rag_service.settings import load_settings
from tests.doubles.identity_provider import (
    AUDIENCE,
    DISCOVERY_PATH,
    KEYS_PATH,
    SIGNERS,
    Provider,
    Reply,
    Signer,
    compact,
    encoded,
    identity_provider,
)

RSA, ED = SIGNERS["RS256"], SIGNERS["EdDSA"]
OWN = Signer("own", "EdDSA")
"""A key that is the attacker's own, and that no provider lists."""
NAMES = ClaimNames(tenant="tenant")
ANN = ClaimedIdentity("acme", "ann", frozenset(), frozenset({Role.QUERY}))


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with identity_provider() as provider:
        yield provider


@pytest.fixture
def provider(running: Provider) -> Provider:
    """As it was when it started."""
    running.replies.clear()
    running.describes()
    running.lists(*(signer.listing for signer in SIGNERS.values()))
    running.asked.clear()
    running.keys_asked.clear()
    return running


@dataclass
class Clock:
    """A clock that only the test moves."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def verifier(provider: Provider, names: ClaimNames = NAMES, **options: Any) -> OidcProvider:
    address = ProviderAddress(provider.issuer, timeout_s=options.pop("timeout_s", 5.0))
    wall = options.pop("wall", time.time)
    keys = ProviderKeys(address.keys, **options)
    return OidcProvider(keys, Expected(provider.issuer, AUDIENCE), names, clock=wall)


def identified(provider: Provider, token: str, names: ClaimNames = NAMES, **options: Any) -> ClaimedIdentity:
    return asyncio.run(verifier(provider, names, **options).identify(token))


@pytest.mark.parametrize("algorithm", sorted(SIGNERS))
def test_a_good_token_of_each_algorithm_names_its_bearer(algorithm: str, provider: Provider) -> None:
    assert identified(provider, provider.token(SIGNERS[algorithm])) == ANN


def _public_key_as_secret(message: bytes) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = RSA.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return hmac.digest(pem, message, "sha256")


def _good_header(**changes: Any) -> dict[str, Any]:
    return {"alg": "EdDSA", "kid": ED.key_id, "typ": "JWT", **changes}


FORGERIES: dict[str, Callable[[Provider], str]] = {
    "no token at all": lambda _: "",
    "two parts": lambda p: p.token().rpartition(".")[0],
    "four parts": lambda p: p.token() + ".AAAA",
    "padded parts": lambda p: p.token() + "=",
    "a line break at its end": lambda p: p.token() + "\n",
    "longer than any": lambda p: p.token(filler="x" * 20_000),
    "no signature": lambda p: compact({"alg": "none"}, p.claims(), lambda _: b"") + "",
    "none, with a key's name": lambda p: compact(_good_header(alg="none"), p.claims(), lambda _: b"x"),
    "None in capitals": lambda p: compact(_good_header(alg="nOnE"), p.claims(), lambda _: b"x"),
    "the public key as the secret of an HMAC": lambda p: compact(
        {"alg": "HS256", "kid": RSA.key_id}, p.claims(), _public_key_as_secret
    ),
    "another algorithm of the same key": lambda p: compact(
        {"alg": "PS256", "kid": RSA.key_id}, p.claims(), SIGNERS["PS256"].sign
    ),
    "an algorithm that the key's type does not have": lambda p: compact(
        {"alg": "RS256", "kid": ED.key_id}, p.claims(), ED.sign
    ),
    "another key under a listed name": lambda p: p.token(Signer(ED.key_id, "EdDSA")),
    "no name of a key": lambda p: compact({"alg": "EdDSA"}, p.claims(), ED.sign),
    "a list as the name of a key": lambda p: compact(_good_header(kid=[ED.key_id]), p.claims(), ED.sign),
    "its own key in the header": lambda p: compact(_good_header(kid="own", jwk=OWN.listing), p.claims(), OWN.sign),
    "an address of keys in the header": lambda p: compact(
        _good_header(kid="own", jku="http://127.0.0.1:9/keys"), p.claims(), OWN.sign
    ),
    "an extension marked critical": lambda p: compact(_good_header(crit=["exp"], exp=1), p.claims(), ED.sign),
    "an extension that the library knows": lambda p: compact(_good_header(crit=["b64"], b64=True), p.claims(), ED.sign),
    "an unencoded payload": lambda p: compact(_good_header(b64=False, crit=["b64"]), p.claims(), ED.sign),
    "a token of another kind": lambda p: compact(_good_header(typ="logout+jwt"), p.claims(), ED.sign),
    "a header with a field twice": lambda p: compact(
        f'{{"alg":"none","alg":"EdDSA","kid":"{ED.key_id}"}}', p.claims(), ED.sign
    ),
    "a header nested without end": lambda p: compact("[" * 8000, p.claims(), ED.sign),
    "claims that are a list": lambda _: compact(_good_header(), "[]", ED.sign),
    "claims with a field twice": lambda p: compact(
        _good_header(), json.dumps(p.claims())[:-1] + ', "tenant": "bolt"}', ED.sign
    ),
    "a changed claim": lambda p: ".".join(
        [(good := p.token().split("."))[0], encoded(json.dumps(p.claims(sub="root")).encode()), good[2]]
    ),
    "another issuer": lambda p: p.token(iss="https://login.example"),
    "the issuer with a slash more": lambda p: p.token(iss=p.issuer + "/"),
    "no issuer": lambda p: p.token(iss=None),
    "another audience": lambda p: p.token(aud="https://other.example"),
    "a longer audience": lambda p: p.token(aud=AUDIENCE + ".evil.example"),
    "no audience": lambda p: p.token(aud=None),
    "an audience in an audience": lambda p: p.token(aud=[[AUDIENCE]]),
    "no end": lambda p: p.token(exp=None),
    "an end in the past": lambda p: p.token(exp=time.time() - 31),
    "an end that is a text": lambda p: p.token(exp=str(int(time.time()) + 60)),
    "an end that is true": lambda p: p.token(exp=True),
    "an end beyond all numbers": lambda p: compact(
        _good_header(), json.dumps(p.claims(exp=1)).replace('"exp": 1', '"exp": 1e999'), ED.sign
    ),
    "an end that is not a number": lambda p: p.token(exp=float("nan")),
    "no time of issue": lambda p: p.token(iat=None),
    "issued ten minutes ago": lambda p: p.token(iat=time.time() - 601),
    "issued in the future": lambda p: p.token(iat=time.time() + 60),
    "not yet in force": lambda p: p.token(nbf=time.time() + 60),
    "a beginning that is true": lambda p: p.token(nbf=True),
    "bound to a key that nobody shows": lambda p: p.token(cnf={"jkt": "x"}),
    "no user": lambda p: p.token(sub=None),
    "a user that is a number": lambda p: p.token(sub=7),
    "a user with a line break": lambda p: p.token(sub="ann\nroot"),
    "no tenant": lambda p: p.token(tenant=None),
    "a list of tenants": lambda p: p.token(tenant=["acme"]),
}


@pytest.mark.parametrize("forgery", sorted(FORGERIES))
def test_whatever_is_wrong_with_a_token_it_is_refused(forgery: str, provider: Provider) -> None:
    with pytest.raises(Unauthenticated):
        identified(provider, FORGERIES[forgery](provider))


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS512", "ES256K", "rs256"])
def test_of_an_algorithm_that_is_not_allowed_the_provider_is_not_even_asked(algorithm: str, provider: Provider) -> None:
    token = compact({"alg": algorithm, "kid": RSA.key_id}, provider.claims(), RSA.sign)
    with pytest.raises(Unauthenticated):
        identified(provider, token)
    assert provider.asked == []


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": time.time() + 3600},
        {"nbf": time.time() - 5},
        {"aud": ["https://other.example", AUDIENCE]},
        {"iat": time.time() + 5, "nbf": time.time() + 5},
    ],
)
def test_what_is_not_wrong_is_not_refused(changes: dict[str, Any], provider: Provider) -> None:
    assert identified(provider, provider.token(**changes)) == ANN


def test_a_token_ends_although_its_key_is_still_listed(provider: Provider) -> None:
    token = provider.token()
    assert identified(provider, token, wall=lambda: time.time() + 320) == ANN
    with pytest.raises(Unauthenticated):
        identified(provider, token, wall=lambda: time.time() + 331)


LISTINGS: dict[str, tuple[Signer, dict[str, Any]]] = {
    "a key for encryption": (ED, {"use": "enc"}),
    "a key that only signs": (ED, {"key_ops": ["sign"]}),
    "operations that are no list": (ED, {"key_ops": "verify"}),
    "a key for another algorithm": (RSA, {"alg": "RSA-OAEP"}),
    "a key that shows its private part": (ED, {"d": encoded(ED.key.private_bytes_raw())}),
    "a short RSA key": (Signer("short", "RS256", bits=1024), {}),
    "a shared secret": (RSA, {"kty": "oct", "k": "AAAA"}),
    "another curve": (SIGNERS["ES256"], {"crv": "P-384"}),
    "a point that is not on the curve": (SIGNERS["ES256"], {"x": encoded(b"\1" * 32)}),
    "a key that cannot be read": (ED, {"x": 7}),
    "a name that is a number": (ED, {"kid": 7}),
}


@pytest.mark.parametrize("listing", sorted(LISTINGS))
def test_a_listed_key_that_is_not_meant_for_this_verifies_nothing(listing: str, provider: Provider) -> None:
    signer, changes = LISTINGS[listing]
    provider.lists(signer.listing | changes, "no key", SIGNERS["PS256"].listing)
    with pytest.raises(Unauthenticated):
        identified(provider, provider.token(signer))
    assert identified(provider, provider.token(SIGNERS["PS256"])) == ANN, "the others are used all the same"


def test_of_two_keys_with_one_name_neither_verifies(provider: Provider) -> None:
    namesake = Signer(ED.key_id, "EdDSA").listing
    for listings in ([ED.listing, namesake], [namesake, ED.listing]):
        provider.lists(*listings, RSA.listing)
        with pytest.raises(Unauthenticated):
            identified(provider, provider.token())
    assert identified(provider, provider.token(RSA)) == ANN


def test_an_algorithm_that_is_not_allowed_is_refused(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    _configure(monkeypatch, provider, RAG_OIDC_ALGORITHMS="RS256")
    loaded = load_oidc(load_settings())
    assert loaded is not None
    assert asyncio.run(loaded.identify(provider.token(RSA))) == ANN
    with pytest.raises(Unauthenticated):
        asyncio.run(loaded.identify(provider.token(ED)))


# --- claims


FULL = ClaimNames("https://rag.example/tenant", "profile.login", "groups", "realm_access.roles")


def _full(provider: Provider, **changes: Any) -> str:
    claims = {
        "https://rag.example/tenant": "acme",
        "profile": {"login": "Ann.Lee"},
        "groups": ["legal", "Café"],
        "realm_access": {"roles": ["query", "ingest", "offline_access"]},
        "realm_access.rolls": [],
    }
    return provider.token(**(claims | changes))


def test_claims_are_found_by_name_and_by_path(provider: Provider) -> None:
    found = identified(provider, _full(provider), FULL)
    assert found == ClaimedIdentity(
        "acme", "Ann.Lee", frozenset({"legal", "Café"}), frozenset({Role.QUERY, Role.INGEST})
    )


def test_a_claim_of_exactly_the_name_goes_before_a_path(provider: Provider) -> None:
    token = _full(provider, **{"realm_access.roles": ["audit"]})
    assert identified(provider, token, FULL).roles == {Role.AUDIT}


def test_roles_may_stand_in_one_text_as_in_oauth(provider: Provider) -> None:
    names = ClaimNames("tenant", roles="scope")
    assert identified(provider, provider.token(scope="openid query review"), names).roles == {Role.QUERY, Role.REVIEW}
    assert identified(provider, provider.token(scope="openid queryx Query"), names).roles == frozenset()


@pytest.mark.parametrize(
    "changes",
    [
        {"groups": None},
        {"groups": "legal"},
        {"groups": ["legal", 7]},
        {"groups": {"legal": True}},
        {"groups": ["legal", "../etc"]},
        {"groups": ["legal", ""]},
        {"groups": ["a\nb"]},
        {"groups": [str(number) for number in range(501)]},
        {"_claim_names": {"groups": "src1"}, "_claim_sources": {}},
        {"_claim_names": {"groups": "src1"}, "groups": None},
        {"hasgroups": True},
        {"realm_access": None},
        {"realm_access": {"roles": {"query": True}}},
        {"realm_access": {"roles": [["query"]]}},
        {"profile": "Ann.Lee"},
        {"profile": {"login": ""}},
        {"https://rag.example/tenant": " "},
    ],
    ids=str,
)
def test_a_claim_that_is_missing_or_of_the_wrong_type_refuses(changes: dict[str, Any], provider: Provider) -> None:
    with pytest.raises(Unauthenticated):
        identified(provider, _full(provider, **changes), FULL)


def _named(claim: str, name: str) -> dict[str, Any]:
    return {
        "user": {"profile": {"login": name}},
        "group": {"groups": [name]},
        "tenant": {"https://rag.example/tenant": name},
    }[claim]


@pytest.mark.parametrize("claim", ["user", "group", "tenant"])
@pytest.mark.parametrize(
    "name", [" legal", "legal ", "legal\u00a0", "\u2003legal", "legal\n", "\u200blegal"], ids=ascii
)
def test_a_name_in_another_spelling_is_not_taken_for_somebody(claim: str, name: str, provider: Provider) -> None:
    """To the provider it may be another's, who would get what is here for the one of that name."""
    assert identified(provider, _full(provider, **_named(claim, "legal")), FULL)
    with pytest.raises(Unauthenticated):
        identified(provider, _full(provider, **_named(claim, name)), FULL)


def test_accents_written_apart_name_no_user_and_no_group_and_a_tenant_as_in_paths(provider: Provider) -> None:
    apart = "Cafe\u0301"
    for claim in ("user", "group"):
        with pytest.raises(Unauthenticated):
            identified(provider, _full(provider, **_named(claim, apart)), FULL)
    assert identified(provider, _full(provider, **_named("tenant", apart)), FULL).tenant == apart


@pytest.mark.parametrize("verified", [None, False, "true", 1])
def test_an_address_that_the_provider_does_not_vouch_for_names_nobody(verified: Any, provider: Provider) -> None:
    names = ClaimNames("tenant", user="email")
    good = provider.token(email="ann@acme.example", email_verified=True)
    assert identified(provider, good, names).user == "ann@acme.example"
    with pytest.raises(Unauthenticated):
        identified(provider, provider.token(email="ann@acme.example", email_verified=verified), names)


# --- the provider's keys


def test_a_new_key_is_known_at_its_first_use_and_a_withdrawn_one_is_not(provider: Provider) -> None:
    old, new, clock = Signer("old", "EdDSA"), Signer("new", "EdDSA"), Clock()
    provider.lists(old.listing)
    tokens = verifier(provider, clock=clock)

    async def scenario() -> None:
        assert await tokens.identify(provider.token(old)) == ANN
        provider.lists(new.listing)
        clock.now += 6
        assert await tokens.identify(provider.token(new)) == ANN
        with pytest.raises(Unauthenticated):
            await tokens.identify(provider.token(old))

    asyncio.run(scenario())


def test_made_up_keys_do_not_hammer_the_provider(provider: Provider) -> None:
    clock = Clock()
    tokens = verifier(provider, clock=clock)

    async def scenario() -> None:
        for number in range(50):
            with pytest.raises(Unauthenticated):
                await tokens.identify(provider.token(Signer(f"made-up-{number}", "EdDSA")))
        assert provider.asked.count(KEYS_PATH) == 1
        clock.now += 6
        with pytest.raises(Unauthenticated):
            await tokens.identify(provider.token(Signer("made-up", "EdDSA")))
        assert provider.asked.count(KEYS_PATH) == 2

    asyncio.run(scenario())


def test_keys_are_kept_and_fetched_again_when_they_are_old(provider: Provider) -> None:
    clock = Clock()
    tokens = verifier(provider, clock=clock, good_for_s=300.0)

    async def scenario() -> None:
        for moved, fetches in ((0, 1), (299, 1), (2, 2)):
            clock.now += moved
            assert await tokens.identify(provider.token()) == ANN
            assert provider.asked.count(KEYS_PATH) == fetches

    asyncio.run(scenario())


def test_requests_at_the_same_time_share_one_fetch_and_outlive_who_started_it(provider: Provider) -> None:
    gate = threading.Event()
    provider.replies[KEYS_PATH].until = gate
    tokens = verifier(provider)

    async def scenario() -> None:
        asking = [asyncio.create_task(tokens.identify(provider.token())) for _ in range(20)]
        await asyncio.to_thread(provider.keys_asked.wait, 10)
        asking[0].cancel()
        gate.set()
        found = await asyncio.gather(*asking, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert found[1:] == [ANN] * 19

    asyncio.run(scenario())
    assert provider.asked == [DISCOVERY_PATH, KEYS_PATH]


def test_known_keys_outlast_a_silent_provider_for_a_while_and_then_nothing_passes(provider: Provider) -> None:
    clock = Clock()
    tokens = verifier(provider, clock=clock, good_for_s=300.0, stale_for_s=3600.0)

    async def scenario() -> None:
        assert await tokens.identify(provider.token()) == ANN
        provider.replies[KEYS_PATH] = Reply(500)
        clock.now += 3599
        assert await tokens.identify(provider.token()) == ANN
        with pytest.raises(IdentityProviderUnavailable):
            await tokens.identify(provider.token(Signer("perhaps-new", "EdDSA")))
        clock.now += 1
        with pytest.raises(IdentityProviderUnavailable):
            await tokens.identify(provider.token())
        provider.lists(ED.listing)
        clock.now += 6
        assert await tokens.identify(provider.token()) == ANN

    asyncio.run(scenario())


def _secretly_long(provider: Provider) -> Reply:
    return Reply(body=json.dumps({"keys": [ED.listing], "filler": "x" * 600_000}).encode())


def _zipped(provider: Provider) -> Reply:
    import gzip

    return Reply(body=gzip.compress(provider.replies[KEYS_PATH].body), headers={"Content-Encoding": "gzip"})


BROKEN: dict[str, Callable[[Provider], tuple[str, Reply]]] = {
    "an error": lambda p: (KEYS_PATH, Reply(503, p.replies[KEYS_PATH].body)),
    "another success": lambda p: (KEYS_PATH, Reply(203, p.replies[KEYS_PATH].body)),
    "a redirect": lambda p: (KEYS_PATH, Reply(302, headers={"Location": p.issuer + "/elsewhere"})),
    "no JSON": lambda _: (KEYS_PATH, Reply(body=b"<html>")),
    "a list": lambda _: (KEYS_PATH, Reply(body=b"[]")),
    "nesting without end": lambda _: (KEYS_PATH, Reply(body=b"[" * 100_000)),
    "no key set": lambda _: (KEYS_PATH, Reply(body=b'{"keys": {}}')),
    "more than it may": lambda p: (KEYS_PATH, _secretly_long(p)),
    "a compressed body": lambda p: (KEYS_PATH, _zipped(p)),
    "a body that breaks off": lambda _: (KEYS_PATH, Reply(body=b"{", headers={"Content-Length": "9"})),
    "no discovery": lambda _: (DISCOVERY_PATH, Reply(404)),
}


@pytest.mark.parametrize("broken", sorted(BROKEN))
def test_no_token_passes_while_the_provider_gives_nothing_usable(broken: str, provider: Provider) -> None:
    provider.replies["/elsewhere"] = provider.replies[KEYS_PATH]
    path, reply = BROKEN[broken](provider)
    provider.replies[path] = reply
    with pytest.raises(IdentityProviderUnavailable):
        identified(provider, provider.token())
    assert "/elsewhere" not in provider.asked


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"jwks_uri": "http://keys.example/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "http://127.0.0.1:port/keys"},
        {"jwks_uri": 7},
    ],
    ids=str,
)
def test_a_discovery_document_that_is_not_the_issuers_own_is_not_followed(
    changes: dict[str, Any], provider: Provider
) -> None:
    provider.describes(**changes)
    with pytest.raises(IdentityProviderUnavailable):
        identified(provider, provider.token())
    assert provider.asked == [DISCOVERY_PATH]


def test_a_provider_that_hangs_is_given_up(provider: Provider) -> None:
    gate = threading.Event()
    provider.replies[KEYS_PATH].until = gate
    try:
        with pytest.raises(IdentityProviderUnavailable) as silent:
            identified(provider, provider.token(), timeout_s=0.05)
    finally:
        gate.set()
    assert "too long" in str(silent.value)


def test_a_provider_that_is_not_there_is_unavailable(provider: Provider) -> None:
    address = ProviderAddress("http://127.0.0.1:9", timeout_s=5.0)
    tokens = OidcProvider(ProviderKeys(address.keys), Expected(provider.issuer, AUDIENCE), NAMES)
    with pytest.raises(IdentityProviderUnavailable):
        asyncio.run(tokens.identify(provider.token()))


# --- settings


def _configure(monkeypatch: pytest.MonkeyPatch, provider: Provider, **changes: str | None) -> None:
    good = {
        "RAG_OIDC_ISSUER": provider.issuer,
        "RAG_OIDC_AUDIENCE": AUDIENCE,
        "RAG_OIDC_TENANT_CLAIM": "tenant",
        "RAG_OIDC_JWKS_URL": provider.issuer + KEYS_PATH,
    }
    for name, value in {**good, **changes}.items():
        if value is not None:
            monkeypatch.setenv(name, value)


def test_the_settings_make_a_provider_that_asks_for_keys_where_they_say(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_oidc(load_settings()) is None
    _configure(monkeypatch, provider, RAG_OIDC_ROLES_CLAIM="scope")
    loaded = load_oidc(load_settings())
    assert loaded is not None
    assert asyncio.run(loaded.identify(provider.token(scope="ingest"))).roles == {Role.INGEST}
    assert provider.asked == [KEYS_PATH]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("RAG_OIDC_AUDIENCE", None),
        ("RAG_OIDC_TENANT_CLAIM", None),
        ("RAG_OIDC_ALGORITHMS", "HS256"),
        ("RAG_OIDC_ALGORITHMS", "RS256 none"),
        ("RAG_OIDC_ALGORITHMS", " "),
        ("RAG_OIDC_ISSUER", "http://login.example.com"),
        ("RAG_OIDC_ISSUER", "https://user:word@login.example.com"),
        ("RAG_OIDC_ISSUER", "login.example.com"),
        ("RAG_OIDC_JWKS_URL", "http://login.example.com/keys"),
        ("RAG_OIDC_CA_FILE", "/nowhere/ca.pem"),
    ],
)
def test_incomplete_or_unsafe_settings_are_named(
    setting: str, value: str | None, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    _configure(monkeypatch, provider, **{setting: value})
    with pytest.raises(InvalidSetting) as refusal:
        load_oidc(load_settings())
    assert refusal.value.setting == setting


def test_plain_http_to_another_machine_is_for_whoever_allows_it() -> None:
    assert ProviderAddress("http://login.internal", allows_plain_http=True).issuer == "http://login.internal"
