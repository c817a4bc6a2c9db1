"""API keys: a random secret is shown once; SQL keeps a lookup id and a keyed hash."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, select, update

from rag_service.crypto.keys import KeyVault
from rag_service.domain.errors import NotFound, Unauthenticated
from rag_service.domain.identity import Role
from rag_service.store import tables
from rag_service.store.database import Database, now
from rag_service.store.names import checked_user
from rag_service.store.tenants import Tenant, Tenants

_KEY = re.compile(r"rag_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NO_HASH = "0" * 64
_AUTHORITY = ("id", "secret_hash", "user_token", "scopes", "created_at", "expires_at", "revoked_at")


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """``secret`` is the whole key, to be shown this once."""

    key_id: str
    secret: str


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What may be told of a key: never its secret."""

    key_id: str
    tenant: str
    user: str
    roles: frozenset[Role]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class VerifiedKey:
    """Proof that a caller holds a live key of this tenant."""

    tenant: Tenant
    user: str
    roles: frozenset[Role]


class ApiKeys:
    def __init__(self, database: Database, vault: KeyVault, tenants: Tenants) -> None:
        self._database = database
        self._vault = vault
        self._tenants = tenants

    async def create(
        self, tenant: Tenant, user: str, roles: Collection[Role], expires_after: timedelta | None
    ) -> NewApiKey:
        user = checked_user(user)
        key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        created = now()
        row: dict[str, Any] = {
            "id": key_id,
            "tenant_id": tenant.id,
            "secret_hash": self._vault.credential_hash(secret),
            "user_token": tenant.keys.token("user", user),
            "sealed_user": tenant.keys.seal_name("user", user, key_id),
            "scopes": " ".join(sorted(roles)),
            "created_at": created,
            "expires_at": created + expires_after if expires_after else None,
            "revoked_at": None,
        }
        row["mac"] = _mac(tenant, row)
        async with self._database.write(tenant.id) as connection:
            await connection.execute(insert(tables.key_lookups).values(id=key_id, tenant_id=tenant.id))
            await connection.execute(insert(tables.api_keys).values(row))
        return NewApiKey(key_id, f"rag_{key_id}_{secret}")

    async def verify(self, presented: str) -> VerifiedKey:
        """Raises ``Unauthenticated``, alike for a malformed, unknown, wrong, expired or revoked key."""
        match = _KEY.fullmatch(presented)
        key_id, secret = match.groups() if match else ("", "")
        tenant = await self._tenants.of_key(key_id)
        row = None if tenant is None else await self._row(tenant, key_id)
        expected = row.secret_hash if row else _NO_HASH
        is_right = hmac.compare_digest(self._vault.credential_hash(secret), expected)
        if tenant is None or row is None or not is_right or not _is_live(tenant, row):
            raise Unauthenticated
        return VerifiedKey(
            tenant=tenant,
            user=tenant.keys.open_name("user", row.sealed_user, key_id),
            roles=frozenset(Role(scope) for scope in row.scopes.split()),
        )

    async def all(self, tenant: Tenant | None = None) -> list[ApiKey]:
        found: list[ApiKey] = []
        for one in [tenant] if tenant else await self._tenants.all():
            query = select(tables.api_keys).where(tables.api_keys.c.tenant_id == one.id)
            async with self._database.read(one.id) as connection:
                found += [_told(one, row) for row in await connection.execute(query)]
        return sorted(found, key=lambda key: key.created_at)

    async def rotate(self, key_id: str, overlap: timedelta) -> NewApiKey:
        """A new key with the same user and scopes; the old one works until the overlap ends. Raises ``NotFound``."""
        tenant, row = await self._live(key_id)
        lifetime = row.expires_at - row.created_at if row.expires_at else None
        old = _told(tenant, row)
        fresh = await self.create(tenant, old.user, old.roles, lifetime)
        ends = now() + overlap
        await self._change(tenant, row, {"expires_at": min(ends, row.expires_at or ends)})
        return fresh

    async def revoke(self, key_id: str) -> None:
        """The key is refused from the next request on. Raises ``NotFound``."""
        tenant = await self._tenants.of_key(key_id)
        row = await self._row(tenant, key_id) if tenant else None
        if tenant is None or row is None or row.revoked_at:
            raise NotFound("key")
        await self._change(tenant, row, {"revoked_at": now()})

    async def _live(self, key_id: str) -> tuple[Tenant, Row[Any]]:
        tenant = await self._tenants.of_key(key_id)
        row = await self._row(tenant, key_id) if tenant else None
        if tenant is None or row is None or not _is_live(tenant, row):
            raise NotFound("key")
        return tenant, row

    async def _row(self, tenant: Tenant, key_id: str) -> Row[Any] | None:
        query = select(tables.api_keys).where(tables.api_keys.c.tenant_id == tenant.id, tables.api_keys.c.id == key_id)
        async with self._database.read(tenant.id) as connection:
            return (await connection.execute(query)).one_or_none()

    async def _change(self, tenant: Tenant, row: Row[Any], changes: Mapping[str, object]) -> None:
        changed = {**row._asdict(), **changes}
        this = (tables.api_keys.c.tenant_id == tenant.id) & (tables.api_keys.c.id == row.id)
        async with self._database.write(tenant.id) as connection:
            await connection.execute(
                update(tables.api_keys).where(this).values({**changes, "mac": _mac(tenant, changed)})
            )


def _mac(tenant: Tenant, row: Mapping[str, Any]) -> bytes:
    """Over all in the row that gives authority: a row that something else wrote opens nothing."""
    return tenant.keys.mac("api key", *(str(row[name]) for name in _AUTHORITY))


def _is_live(tenant: Tenant, row: Row[Any]) -> bool:
    is_ours = hmac.compare_digest(row.mac, _mac(tenant, row._asdict()))
    return is_ours and row.revoked_at is None and (row.expires_at is None or row.expires_at > now())


def _told(tenant: Tenant, row: Row[Any]) -> ApiKey:
    return ApiKey(
        key_id=row.id,
        tenant=tenant.name,
        user=tenant.keys.open_name("user", row.sealed_user, row.id),
        roles=frozenset(Role(scope) for scope in row.scopes.split()),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
