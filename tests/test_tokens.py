"""Our own tokens: what is minted is verified, and nothing else is."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_service.crypto.keys import KeyVault
from rag_service.domain.errors import Unauthenticated
from rag_service.domain.identity import Role, TenantId
from rag_service.tokens import KIND, LONGEST_S, ServiceTokens, TokenGrant
from tests.doubles.identity_provider import compact, encoded

FOLDER = "00112233aabbccdd"
VAULT = KeyVault(bytes(range(32)))
KEY = VAULT.token_key(FOLDER)
TENANT, KEY_ID = TenantId("a1" * 8), "b2" * 8
GRANT = TokenGrant(TENANT, KEY_ID, frozenset({Role.QUERY, Role.INGEST}))


def tokens(clock: float | None = None, lifetime_s: int = LONGEST_S) -> ServiceTokens:
    return ServiceTokens(KEY, FOLDER, lifetime_s, time.time if clock is None else lambda: clock)


def minted(**options: Any) -> str:
    return tokens(**options).mint(TENANT, KEY_ID, GRANT.roles).text


def test_a_token_stands_for_the_key_that_it_was_minted_for() -> None:
    new = tokens().mint(TENANT, KEY_ID, GRANT.roles)
    assert tokens().verify(new.text) == GRANT
    assert new.expires_in_s == 600


def test_another_library_reads_the_same_in_it() -> None:
    """PyJWT verifies what we mint, and we what PyJWT signs with the same header and claims."""
    text = minted()
    audience = f"urn:rag-service:{FOLDER}"
    claims = jwt.decode(text, KEY, algorithms=["HS256"], audience=audience, issuer=audience)
    assert (claims["tenant"], claims["key"], claims["roles"]) == (TENANT, KEY_ID, ["ingest", "query"])
    assert claims["exp"] - claims["iat"] == 600
    assert {"jti", "iat", "exp"} <= claims.keys()
    assert jwt.get_unverified_header(text) == {"alg": "HS256", "typ": KIND}
    assert tokens().verify(jwt.encode(claims, KEY, "HS256", {"typ": KIND})) == GRANT


def test_it_is_good_until_its_time_is_over_and_not_a_second_longer() -> None:
    text = minted(clock=1_000_000)
    assert tokens(clock=1_000_599.9).verify(text) == GRANT
    assert tokens(clock=999_995).verify(text) == GRANT, "of a process whose clock is a little behind"
    for moment in (1_000_600, 1_000_601, 2_000_000, 999_994, 0):
        with pytest.raises(Unauthenticated):
            tokens(clock=moment).verify(text)


def test_a_shorter_time_holds_for_tokens_that_were_minted_before_it_was_set() -> None:
    text = minted(clock=1_000_000)
    with pytest.raises(Unauthenticated):
        tokens(clock=1_000_060, lifetime_s=60).verify(text)
    assert tokens(lifetime_s=10_000).mint(TENANT, KEY_ID, ()).expires_in_s == LONGEST_S


def _signed(**changes: Any) -> str:
    """A token with changed claims that is signed all the same."""
    now = int(time.time())
    issuer = f"urn:rag-service:{FOLDER}"
    good = {"iss": issuer, "aud": issuer, "iat": now, "exp": now + 600, "jti": "c3", "tenant": TENANT, "key": KEY_ID}
    return jwt.encode({**good, "roles": ["query"], **changes}, KEY, "HS256", {"typ": KIND})


def _with_header(header: dict[str, str], digest: str = "sha256") -> str:
    claims = base64.urlsafe_b64decode(minted().split(".")[1] + "==").decode()
    return compact(header, claims, lambda message: hmac.digest(KEY, message, digest))


FORGERIES = {
    "nothing": "",
    "another installation's": ServiceTokens(VAULT.token_key("other"), "other").mint(TENANT, KEY_ID, GRANT.roles).text,
    "this one's by name, under another's key": ServiceTokens(VAULT.token_key("other"), FOLDER)
    .mint(TENANT, KEY_ID, GRANT.roles)
    .text,
    "another's by name, under this one's key": ServiceTokens(KEY, "other").mint(TENANT, KEY_ID, GRANT.roles).text,
    "another master key's": ServiceTokens(KeyVault(bytes(32)).token_key(FOLDER), FOLDER)
    .mint(TENANT, KEY_ID, GRANT.roles)
    .text,
    "without a signature": minted().rpartition(".")[0] + ".",
    "signed by none": ".".join([encoded(b'{"alg":"none"}'), minted().split(".")[1], ""]),
    "of a longer hash": _with_header({"alg": "HS512", "typ": KIND}, "sha512"),
    "of another kind": _with_header({"alg": "HS256", "typ": "JWT"}),
    "with a key's name": _with_header({"alg": "HS256", "typ": KIND, "kid": "x"}),
    "with other claims": ".".join(
        [minted().split(".")[0], encoded(json.dumps({"tenant": "x"}).encode()), minted().split(".")[2]]
    ),
    "with a longer life than any": _signed(exp=int(time.time()) + 3600, iat=int(time.time()) - 601),
    "with an end before its beginning": _signed(exp=0),
    "for another audience": _signed(aud="urn:rag-service:other"),
    "by another issuer": _signed(iss="urn:rag-service:other"),
    "with a claim more": _signed(sub="root"),
    "of a key whose id is none": _signed(key="%"),
    "longer than any": minted() + "A" * 1024,
    "in other letters": minted() + "é",
    "with a line break": minted() + "\n",
    "padded": minted() + "=",
}


@pytest.mark.parametrize("forgery", sorted(FORGERIES))
def test_whatever_is_not_minted_here_is_refused(forgery: str) -> None:
    with pytest.raises(Unauthenticated):
        tokens().verify(FORGERIES[forgery])


GOOD = minted()


@given(st.integers(0, len(GOOD) - 1), st.characters(max_codepoint=0x7F))
def test_no_changed_letter_goes_unnoticed(place: int, letter: str) -> None:
    changed = GOOD[:place] + letter + GOOD[place + 1 :]
    if changed == GOOD:
        return
    with pytest.raises(Unauthenticated):
        tokens().verify(changed)
