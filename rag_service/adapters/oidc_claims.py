"""What a verified token's claims mean here: checked against what is expected, and mapped to names of ours."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from rag_service.adapters.oidc_token import TokenRefused, number
from rag_service.domain.errors import InvalidRequest
from rag_service.domain.identity import Role
from rag_service.ports import ClaimedIdentity
from rag_service.store.names import checked_name, checked_user

_MOST_GROUPS = 500


@dataclass(frozen=True, slots=True)
class Expected:
    """Who must have issued a token, for whom, and when: groups in it hold for at most ``max_age_s``."""

    issuer: str
    audience: str
    leeway_s: float = 30.0
    max_age_s: float = 600.0


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """Where the claims stand: a claim's own name, or a path such as ``realm_access.roles``.

    Without ``groups`` a token brings no groups, and without ``roles`` the role ``query`` alone.
    """

    tenant: str
    user: str = "sub"
    groups: str | None = None
    roles: str | None = None


def check_claims(claims: Mapping[str, Any], expected: Expected, now: float) -> None:
    """Raises ``TokenRefused`` unless the token is of this issuer, for this audience, and in force.

    ``exp`` and ``iat`` must be there. ``nbf`` holds where it stands: most providers write none. A token that is bound
    to its holder's own key (``cnf``: RFC 7800, 8705, 9449) is not taken, as nothing here asks for that key.
    """
    if claims.get("iss") != expected.issuer:
        raise TokenRefused("issuer")
    audience = claims.get("aud")
    if expected.audience not in (audience if isinstance(audience, list) else [audience]):
        raise TokenRefused("audience")
    if "cnf" in claims:
        raise TokenRefused("bound to a key")
    if number(claims, "exp") <= now - expected.leeway_s:
        raise TokenRefused("expired")
    issued = number(claims, "iat")
    if issued > now + expected.leeway_s:
        raise TokenRefused("issued in the future")
    if issued < now - expected.max_age_s:
        raise TokenRefused("issued too long ago")
    if "nbf" in claims and number(claims, "nbf") > now + expected.leeway_s:
        raise TokenRefused("not yet in force")


def identity_in(claims: Mapping[str, Any], names: ClaimNames) -> ClaimedIdentity:
    """Who the token names. Raises ``TokenRefused``.

    Users and groups must be spelled as they are kept here: to a provider, a name with a space before it, or with its
    accents written apart, may be somebody else. A tenant's name is compared folded, as in paths.
    """
    try:
        return ClaimedIdentity(
            tenant=_tenant(_text(claims, names.tenant)),
            user=_unchanged(checked_user, _user(claims, names.user)),
            groups=_groups(claims, names.groups) if names.groups else frozenset(),
            roles=_roles(claims, names.roles) if names.roles else frozenset({Role.QUERY}),
        )
    except InvalidRequest:
        raise TokenRefused("a name that cannot be one") from None


def _tenant(name: str) -> str:
    if name != name.strip() or any(unicodedata.category(letter)[0] == "C" for letter in name):
        raise TokenRefused("a name that cannot be one")
    return name


def _unchanged(checked: Callable[[str], str], name: str) -> str:
    if checked(name) != name:
        raise TokenRefused("a name in another spelling")
    return name


def _user(claims: Mapping[str, Any], path: str) -> str:
    """An e-mail address names a user only where the provider vouches for it: else anybody may have typed it in."""
    if path == "email" and claims.get("email_verified") is not True:
        raise TokenRefused("email is not verified")
    return _text(claims, path)


def _groups(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    """Of a user who is in too many groups, some providers name none and say where to ask: that is not "no groups"."""
    if "_claim_names" in claims or claims.get("hasgroups"):
        raise TokenRefused("groups stand elsewhere")
    found = _claim(claims, path)
    if not isinstance(found, list) or len(found) > _MOST_GROUPS or not all(isinstance(one, str) for one in found):
        raise TokenRefused(path)
    return frozenset(_unchanged(partial(checked_name, "group"), one) for one in found)


def _roles(claims: Mapping[str, Any], path: str) -> frozenset[Role]:
    """The roles of ours that are listed, or stand in one text as in OAuth's ``scope``; others mean nothing here."""
    found = _claim(claims, path)
    listed = found.split(" ") if isinstance(found, str) else found
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise TokenRefused(path)
    return frozenset(role for role in Role if role.value in listed)


def _text(claims: Mapping[str, Any], path: str) -> str:
    found = _claim(claims, path)
    if not isinstance(found, str) or not found.strip():
        raise TokenRefused(path)
    return found


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of exactly this name (it may be an address, with dots), else what stands at the path.

    >>> _claim({"realm_access": {"roles": ["query"]}}, "realm_access.roles")
    ['query']
    """
    if path in claims:
        return claims[path]
    found: Any = claims
    for step in path.split("."):
        if not isinstance(found, Mapping) or step not in found:
            raise TokenRefused(path)
        found = found[step]
    return found
