"""Whose attempts are slowed down, through HTTP: whoever is known is not, whatever comes from beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from rag_service.request_signing import sign_request
from rag_service.store.api_keys import NewApiKey
from tests.doubles.identity_provider import Provider
from tests.security.test_identity import LIST, bearer, clients, new_key, provider, running, vouched

__all__ = ["provider", "running"]  # fixtures

Run = Callable[[Any], Any]
Open = Callable[..., Any]
HERE = "192.0.2.1"


def signed(key: NewApiKey, secret: str | None = None, **request: Any) -> dict[str, str]:
    return sign_request("GET", f"http://s{LIST}", key_id=key.key_id, secret=secret or key.secret, **request)


async def said(web: httpx.AsyncClient, headers: Any, times: int = 1) -> list[int]:
    return [(await web.get(LIST, headers=headers)).status_code for _ in range(times)]


async def flood(web: httpx.AsyncClient) -> None:
    """Made-up keys come from this network until it has to wait."""
    answers = [
        (await web.get(LIST, headers=bearer(f"rag_{number:016x}_{'A' * 43}"))).status_code for number in range(102)
    ]
    assert answers[-1] == 429


def test_a_fresh_token_of_a_known_holder_passes_whatever_comes_from_their_network(
    provider: Provider, run: Run, open_companies: Open
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,), clients(acme, HERE) as (web,):
            key, stranger = await new_key(acme), await new_key(acme)
            assert await said(web, bearer(key.secret)) == [200]
            assert await said(web, bearer(vouched(provider, sub="ann", jti="1"))) == [200]
            await flood(web)
            token = (await web.post("/v1/token", headers=bearer(key.secret))).json()["access_token"]
            assert await said(web, bearer(token)) == [200]
            assert await said(web, bearer(vouched(provider, sub="ann", jti="2"))) == [200]
            for nobody_known in (stranger.secret, token + "A", vouched(provider, sub="bob")):
                assert await said(web, bearer(nobody_known)) == [429]

    run(scenario())


def test_a_signer_passes_whatever_is_signed_in_their_name_beside_them(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,), clients(acme, HERE) as (web,):
            key, other = await new_key(acme, is_signed=True), await new_key(acme, is_signed=True)
            assert await said(web, signed(key)) == [200]
            assert await said(web, signed(key, "A" * 43), 15) == [401] * 15
            await flood(web)
            assert await said(web, signed(key)) == [200]
            assert await said(web, signed(other)) == [429], "which did not succeed here yet"

    run(scenario())


def test_a_recorded_request_that_is_repeated_does_not_count_against_its_signer(run: Run, open_companies: Open) -> None:
    """Counted, the pair would wait as soon as its hour of being known is over."""

    async def scenario() -> None:
        async with open_companies("acme") as (acme,), clients(acme, HERE) as (web,):
            recorded = signed(key := await new_key(acme, is_signed=True))
            assert await said(web, recorded) == [200]
            assert await said(web, recorded, 15) == [401] * 15
            throttle = web._transport.app.state.throttle  # type: ignore[attr-defined]  # ours, in this process
            throttle._good.clear()
            assert await said(web, signed(key)) == [200]

    run(scenario())


@pytest.mark.parametrize("kind", ["key", "token", "signature"])
def test_a_revoked_credential_that_worked_is_slowed_down_like_any_other(
    kind: str, run: Run, open_companies: Open
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,), clients(acme, HERE) as (web,):
            key = await new_key(acme, is_signed=kind == "signature")
            if kind == "token":
                token = (await web.post("/v1/token", headers=bearer(key.secret))).json()["access_token"]

            def headers() -> dict[str, str]:
                return signed(key) if kind == "signature" else bearer(token if kind == "token" else key.secret)

            assert await said(web, headers()) == [200]
            await acme.service.store.api_keys.revoke(key.key_id)
            answers = [*[(await said(web, headers()))[0] for _ in range(12)]]
            assert answers == [401] * 11 + [429]

    run(scenario())


@pytest.mark.parametrize(
    "headers",
    [
        {"Signature": "x", "Signature-Input": "y"},
        [("Authorization", "Bearer a"), ("Authorization", "Bearer b")],
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer"},
    ],
)
def test_what_is_no_credential_is_counted_like_a_wrong_one(headers: Any, run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,), clients(acme, HERE) as (web,):
            assert await said(web, headers, 12) == [401] * 11 + [429]
            assert await said(web, None, 15) == [401] * 15, "who shows nothing tries nothing"
            assert await said(web, bearer((await new_key(acme)).secret)) == [200]

    run(scenario())
