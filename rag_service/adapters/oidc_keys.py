"""A provider's public keys: kept for a while, fetched again when they are old or a token names an unknown one."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import structlog
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from rag_service.adapters.oidc_fetch import ProviderSilent
from rag_service.adapters.oidc_token import TokenRefused
from rag_service.domain.errors import IdentityProviderUnavailable

KEY_OF = {"RS256": ("RSA", None), "PS256": ("RSA", None), "ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519")}
"""The algorithms that can be allowed, each with the type of key and the curve that it takes. All are asymmetric: a
public key is never the secret of an HMAC."""
_RSA_BITS = range(2048, 8193)
_PAUSE_S = 5.0
"""Between two attempts: tokens with made-up key ids do not make us ask the provider again and again."""
_log = structlog.get_logger()


class ProviderKeys:
    """The keys that ``fetch`` lists, as they were at most ``good_for_s`` ago.

    While the provider is silent they are used on, until they are ``stale_for_s`` old: then no token is believed.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Iterable[Any]]],
        *,
        algorithms: Sequence[str] = tuple(KEY_OF),
        good_for_s: float = 300.0,
        stale_for_s: float = 3600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._algorithms = algorithms
        self._good_for_s = good_for_s
        self._stale_for_s = stale_for_s
        self._clock = clock
        self._keys: dict[tuple[str, str], PyJWK] = {}
        self._fetched_at = -math.inf
        self._attempted_at = -math.inf
        self._problem: str | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, key_id: str, algorithm: str) -> PyJWK:
        """The key of this name that fits this algorithm.

        Raises:
            TokenRefused: the provider lists no such key.
            IdentityProviderUnavailable: that cannot be known, as the provider is silent.
        """
        if (key_id, algorithm) not in self._keys or self._age() >= self._good_for_s:
            await self._refresh()
        if self._age() >= self._stale_for_s:
            raise IdentityProviderUnavailable(self._problem or "its keys are too old")
        if found := self._keys.get((key_id, algorithm)):
            return found
        if self._problem:
            raise IdentityProviderUnavailable(self._problem)
        raise TokenRefused("unknown key")

    def at_hand(self, key_id: str, algorithm: str) -> PyJWK | None:
        """The key, if it was listed lately enough to be used while the provider is silent; nothing is fetched."""
        return self._keys.get((key_id, algorithm)) if self._age() < self._stale_for_s else None

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    async def _refresh(self) -> None:
        """The keys were asked for: by one fetch that all who wait share, and not again right after the last."""
        if self._fetching is None:
            if self._clock() - self._attempted_at < _PAUSE_S:
                return
            self._fetching = asyncio.create_task(self._attempt())
        await asyncio.shield(self._fetching)  # who goes away takes it from nobody else

    async def _attempt(self) -> None:
        try:
            keys = usable_keys(await self._fetch(), self._algorithms)
        except ProviderSilent as problem:
            self._problem = str(problem)
            _log.warning("identity_provider_silent", problem=self._problem)
        except BaseException as defect:
            self._problem = type(defect).__name__  # no failure of ours passes for an answer either
            raise
        else:
            self._keys, self._problem, self._fetched_at = keys, None, self._clock()
        finally:
            self._attempted_at, self._fetching = self._clock(), None


def usable_keys(listed: Iterable[Any], algorithms: Sequence[str]) -> dict[tuple[str, str], PyJWK]:
    """The public signing keys among those listed, by name and algorithm. Of two with both the same, neither."""
    found: dict[tuple[str, str], PyJWK] = {}
    doubtful: set[tuple[str, str]] = set()
    for listing in listed:
        for algorithm in algorithms:
            if (
                not isinstance(listing, dict)
                or not _fits(listing, algorithm)
                or not (key := _opened(listing, algorithm))
            ):
                continue
            name = (listing["kid"], algorithm)
            if name in found:
                doubtful.add(name)
            found[name] = key
    return {name: key for name, key in found.items() if name not in doubtful}


def _fits(listing: dict[str, Any], algorithm: str) -> bool:
    """Whether the key is meant for verifying with this algorithm. One that shows its private part is anybody's."""
    kind, curve = KEY_OF[algorithm]
    operations = listing.get("key_ops", ["verify"])
    return (
        isinstance(listing.get("kid"), str)
        and listing.get("kty") == kind
        and (curve is None or listing.get("crv") == curve)
        and listing.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and listing.get("alg", algorithm) == algorithm
        and "d" not in listing
    )


def _opened(listing: dict[str, Any], algorithm: str) -> PyJWK | None:
    try:
        key = PyJWK(listing, algorithm)
    except (PyJWTError, ValueError, TypeError, KeyError):  # whatever the provider wrote there
        return None
    return key if listing["kty"] != "RSA" or key.key.key_size in _RSA_BITS else None
