"""An API key as its row in SQL has it: names and secrets sealed, and a code over all that gives authority."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from typing import Any

from rag_service.crypto.keys import TenantKeys
from rag_service.domain.errors import SealBroken
from rag_service.domain.identity import Role
from rag_service.networks import Address, Network, is_within
from rag_service.store.tenants import Tenant

_AUTHORITY = (
    "id",
    "secret_hash",
    "user_token",
    "sealed_user",
    "scopes",
    "created_at",
    "expires_at",
    "revoked_at",
    "sealed_networks",
    "sealed_signing_secret",
)
"""The columns that ``mac`` is over. When the key was last used gives no authority."""
_USER, _NETWORKS, _SECRET = "user", "key networks", "signing secret"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What may be told of a key: never its secret. ``is_altered`` where something else wrote to its row.

    ``revoked_at`` of a rotated key is the end of its overlap, and may be to come.
    """

    key_id: str
    tenant: str
    user: str
    roles: frozenset[Role]
    networks: tuple[str, ...]
    is_signed: bool
    is_altered: bool
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """What a key is for. With ``networks`` it works from there alone; ``is_signed`` has its requests signed."""

    user: str
    roles: frozenset[Role]
    networks: tuple[Network, ...] = ()
    is_signed: bool = False


def new_row(
    keys: TenantKeys,
    key_id: str,
    terms: KeyTerms,
    secret_hash: str,
    signing_secret: str | None,
    dates: tuple[datetime, datetime | None],
) -> dict[str, Any]:
    """The row of a new key. ``dates`` are when it was made, and when it ends."""
    networks = " ".join(map(str, terms.networks))
    row = {
        "id": key_id,
        "tenant_id": keys.tenant,
        "secret_hash": secret_hash,
        "user_token": keys.token("user", terms.user),
        "sealed_user": keys.seal_name(_USER, terms.user, key_id),
        "scopes": " ".join(sorted(terms.roles)),
        "created_at": dates[0],
        "expires_at": dates[1],
        "revoked_at": None,
        "sealed_networks": keys.seal_name(_NETWORKS, networks, key_id) if networks else None,
        "sealed_signing_secret": keys.seal_name(_SECRET, signing_secret, key_id) if signing_secret else None,
    }
    return {**row, "mac": row_mac(keys, row)}


def row_mac(keys: TenantKeys, row: Mapping[str, Any]) -> bytes:
    """What shows that these values were written together, by whoever holds the tenant's keys."""
    return keys.mac("api key", *(_spelled(row[name]) for name in _AUTHORITY))


def is_genuine(keys: TenantKeys, row: Mapping[str, Any]) -> bool:
    """Whether the row is as we wrote it. An earlier state of the whole row is, too: that cannot be told apart."""
    return hmac.compare_digest(row["mac"], row_mac(keys, row))


def terms_of(keys: TenantKeys, row: Mapping[str, Any]) -> KeyTerms:
    """What a genuine row says that its key is for."""
    return KeyTerms(
        user=keys.open_name(_USER, row["sealed_user"], row["id"]),
        roles=frozenset(map(Role, row["scopes"].split())),
        networks=tuple(map(ip_network, _networks(keys, row))),
        is_signed=row["sealed_signing_secret"] is not None,
    )


def signing_secret_of(keys: TenantKeys, row: Mapping[str, Any]) -> bytes | None:
    """The secret under which the key's requests are signed, if they are."""
    sealed = row["sealed_signing_secret"]
    return None if sealed is None else keys.open_name(_SECRET, sealed, row["id"]).encode()


def works_from(terms: KeyTerms, address: Address | None) -> bool:
    """Whether the key may be used there. An address that is not known is in no network."""
    return not terms.networks or (address is not None and is_within(address, terms.networks))


def told(tenant: Tenant, row: Mapping[str, Any]) -> ApiKey:
    """What may be told of a row, also of one that something else wrote to."""
    return ApiKey(
        key_id=row["id"],
        tenant=tenant.name,
        user=_shown(tenant.keys, row),
        roles=frozenset(role for role in Role if role.value in row["scopes"].split()),
        networks=tuple(_shown_networks(tenant.keys, row)),
        is_signed=row["sealed_signing_secret"] is not None,
        is_altered=not is_genuine(tenant.keys, row),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
    )


def _networks(keys: TenantKeys, row: Mapping[str, Any]) -> Sequence[str]:
    sealed = row["sealed_networks"]
    return [] if sealed is None else keys.open_name(_NETWORKS, sealed, row["id"]).split(" ")


def _shown(keys: TenantKeys, row: Mapping[str, Any]) -> str:
    try:
        return keys.open_name(_USER, row["sealed_user"], row["id"])
    except SealBroken:
        return ""


def _shown_networks(keys: TenantKeys, row: Mapping[str, Any]) -> Collection[str]:
    try:
        return _networks(keys, row)
    except SealBroken:
        return ()


def _spelled(value: str | bytes | datetime | None) -> str:
    """The value in letters, no two values alike."""
    match value:
        case None:
            return "-"
        case bytes():
            return f"={value.hex()}"
        case datetime():
            return f"={value.isoformat()}"
        case _:
            return f"={value}"
