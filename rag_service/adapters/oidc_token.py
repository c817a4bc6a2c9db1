"""The compact form of a signed token (RFC 7515), read strictly before anything in it is believed."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

_MOST_CHARS = 16_384
_MOST_KEY_ID_CHARS = 256
_SHAPE = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
_KINDS = frozenset({"jwt", "at+jwt", "application/at+jwt"})
"""Access tokens (RFC 9068) and those that do not say. What says that it is something else is no access token."""
_REFUSED_HEADERS = ("crit", "b64", "zip")
"""Extensions that change what is signed. We know none, and RFC 7515 has whoever does not know one refuse."""


class TokenRefused(Exception):
    """Why a token is not believed, in a word for the operator's log: never for the caller."""


@dataclass(frozen=True, slots=True)
class SignedToken:
    """What a token says, which means nothing until its signature is verified. Header fields that name or bring a key
    (``jku``, ``x5u``, ``jwk``, ``x5c``) were not read."""

    text: str
    algorithm: str
    key_id: str
    claims: Mapping[str, Any]


def read_token(text: str, algorithms: Sequence[str]) -> SignedToken:
    """The token, if it is one of these algorithms' in the strict form. Raises ``TokenRefused``."""
    match = _SHAPE.fullmatch(text) if len(text) <= _MOST_CHARS else None
    if match is None:
        raise TokenRefused("shape")
    header, claims = _json(match[1], "header"), _json(match[2], "claims")
    if any(name in header for name in _REFUSED_HEADERS):
        raise TokenRefused("unknown extension")
    algorithm, key_id, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise TokenRefused("algorithm")
    if not isinstance(key_id, str) or not 1 <= len(key_id) <= _MOST_KEY_ID_CHARS:
        raise TokenRefused("key id")
    if not isinstance(kind, str) or kind.lower() not in _KINDS:
        raise TokenRefused("type")
    return SignedToken(text, algorithm, key_id, claims)


def number(claims: Mapping[str, Any], name: str) -> float:
    """A claim that is seconds since 1970. Raises ``TokenRefused`` for anything that is not a finite number."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 2**53:
        raise TokenRefused(name)
    return float(value)


def _json(segment: str, part: str) -> dict[str, Any]:
    """The object in a segment. One that names a field twice, which readers take differently, is refused."""
    try:
        decoded = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
        found = json.loads(decoded, object_pairs_hook=_once, parse_constant=_no_constant)
    except (binascii.Error, ValueError, RecursionError):
        raise TokenRefused(part) from None
    if not isinstance(found, dict):
        raise TokenRefused(part)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _no_constant(_name: str) -> NoReturn:
    raise ValueError  # NaN and Infinity are not JSON
