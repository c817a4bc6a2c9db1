"""Our own short-lived tokens: each stands for an API key that must be live whenever the token is used.

A token is a JSON Web Token (RFC 7519, HS256). Its header is always the same bytes, and nothing in it is read: there is
no algorithm to choose and no key to name. It tells the key's id, its tenant and a narrowed list of roles. Who the user
is, and which groups they are in, is looked up each time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rag_service.domain.errors import Unauthenticated
from rag_service.domain.identity import Role, TenantId

LONGEST_S = 600
KIND = "rag+jwt"
_AHEAD_S = 5
"""By how much the clock of another process of this installation may go before ours."""
_MOST_CHARS = 1024
_CLAIMS = {"iss", "aud", "iat", "exp", "jti", "tenant", "key", "roles"}
_KEY_ID = re.compile(r"[0-9a-f]{16}")


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


_HEADER = _encoded(b'{"alg":"HS256","typ":"%s"}' % KIND.encode())


@dataclass(frozen=True, slots=True)
class NewToken:
    """``text`` is the whole token, to be handed to whoever showed the key."""

    text: str
    expires_in_s: int


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """What a verified token stands for: this key, if it is live, and of its roles at most these."""

    tenant: TenantId
    key_id: str
    roles: frozenset[Role]


class ServiceTokens:
    """Mints and verifies the tokens of one installation. ``key`` is ``KeyVault.token_key`` of its folder."""

    def __init__(
        self, key: bytes, folder_id: str, lifetime_s: int = LONGEST_S, clock: Callable[[], float] = time.time
    ) -> None:
        self._key = key
        self._issuer = f"urn:rag-service:{folder_id}"
        self._lifetime_s = min(lifetime_s, LONGEST_S)
        self._clock = clock

    def mint(self, tenant: TenantId, key_id: str, roles: Iterable[Role]) -> NewToken:
        """A token for a key that was just verified, for these of its roles."""
        issued = int(self._clock())
        claims = {
            "iss": self._issuer,
            "aud": self._issuer,
            "iat": issued,
            "exp": issued + self._lifetime_s,
            "jti": secrets.token_hex(8),
            "tenant": tenant,
            "key": key_id,
            "roles": sorted(roles),
        }
        signed = f"{_HEADER}.{_encoded(json.dumps(claims, separators=(',', ':')).encode())}"
        return NewToken(f"{signed}.{self._signature(signed)}", self._lifetime_s)

    def verify(self, text: str) -> TokenGrant:
        """What the token stands for. Raises ``Unauthenticated``, alike whatever is wrong with it."""
        signed, _, signature = text.rpartition(".")
        if not is_ours(text) or not hmac.compare_digest(signature.encode(), self._signature(signed).encode()):
            raise Unauthenticated
        claims = json.loads(base64.urlsafe_b64decode(_padded(signed.partition(".")[2])))  # these bytes are our own
        if not self._is_in_force(claims):
            raise Unauthenticated
        return TokenGrant(TenantId(claims["tenant"]), claims["key"], frozenset(map(Role, claims["roles"])))

    def _is_in_force(self, claims: dict[str, Any]) -> bool:
        age = self._clock() - claims["iat"]
        return (
            claims.keys() == _CLAIMS
            and claims["iss"] == claims["aud"] == self._issuer
            and -_AHEAD_S <= age < min(claims["exp"] - claims["iat"], self._lifetime_s)
            and _KEY_ID.fullmatch(claims["key"]) is not None
        )

    def _signature(self, signed: str) -> str:
        return _encoded(hmac.digest(self._key, signed.encode(), hashlib.sha256))


def is_ours(text: str) -> bool:
    """Whether it says of itself that it is such a token: then it is nothing else, however it is signed."""
    return len(text) <= _MOST_CHARS and text.startswith(_HEADER + ".")


def _padded(segment: str) -> str:
    return segment + "=" * (-len(segment) % 4)
