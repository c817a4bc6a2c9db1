"""API keys: a random secret is shown once; SQL keeps a lookup id and a keyed hash."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, insert, select, update

from rag_service.crypto.keys import KeyVault
from rag_service.domain.errors import NotFound, Unauthenticated
from rag_service.domain.identity import Role, TenantId
from rag_service.store import tables
from rag_service.store.database import Database, now
from rag_service.store.tenants import Tenant, Tenants, checked_user, opened_groups

_KEY = re.compile(r"rag_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NO_HASH = "0" * 64


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
    """Proof that a caller holds a live key of this tenant, with the groups that they are in now."""

    tenant: Tenant
    user: str
    roles: frozenset[Role]
    groups: frozenset[str]


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
        row = {
            "id": key_id,
            "tenant_id": tenant.id,
            "secret_hash": self._vault.credential_hash(secret),
            "user_token": tenant.keys.token("user", user),
            "sealed_user": tenant.keys.seal_name("user", user, key_id),
            "scopes": " ".join(sorted(roles)),
            "created_at": created,
            "expires_at": created + expires_after if expires_after else None,
        }
        async with self._database.write() as connection:
            await connection.execute(insert(tables.api_keys).values(row))
        return NewApiKey(key_id, f"rag_{key_id}_{secret}")

    async def verify(self, presented: str) -> VerifiedKey:
        """Raises ``Unauthenticated``, alike for a malformed, unknown, wrong, expired or revoked key."""
        match = _KEY.fullmatch(presented)
        key_id, secret = match.groups() if match else ("", "")
        keys, tenants, members = tables.api_keys.c, tables.tenants.c, tables.members.c
        query = (
            select(
                keys.secret_hash,
                keys.sealed_user,
                keys.scopes,
                keys.expires_at,
                keys.revoked_at,
                members.group_token,
                members.user_token,
                members.sealed_group,
                tables.tenants,
            )
            .join_from(tables.api_keys, tables.tenants, tenants.id == keys.tenant_id)
            .outerjoin(
                tables.members,
                (members.tenant_id == keys.tenant_id) & (members.user_token == keys.user_token),
            )
            .where(keys.id == key_id)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        expected = rows[0].secret_hash if rows else _NO_HASH
        is_right = hmac.compare_digest(self._vault.credential_hash(secret), expected)
        if not rows or not is_right or rows[0].revoked_at or (rows[0].expires_at and rows[0].expires_at <= now()):
            raise Unauthenticated
        tenant = self._tenants.opened(rows[0])
        memberships = [
            (row.group_token, row.user_token, row.sealed_group) for row in rows if row.sealed_group is not None
        ]
        return VerifiedKey(
            tenant=tenant,
            user=tenant.keys.open_name("user", rows[0].sealed_user, key_id),
            roles=frozenset(Role(scope) for scope in rows[0].scopes.split()),
            groups=opened_groups(tenant.keys, memberships),
        )

    async def all(self, tenant: Tenant | None = None) -> list[ApiKey]:
        query: Select[tuple[object, ...]] = select(tables.api_keys).order_by(tables.api_keys.c.created_at)
        if tenant is not None:
            query = query.where(tables.api_keys.c.tenant_id == tenant.id)
        by_id = {known.id: known for known in await self._tenants.all()}
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [
            ApiKey(
                key_id=row.id,
                tenant=by_id[TenantId(row.tenant_id)].name,
                user=by_id[TenantId(row.tenant_id)].keys.open_name("user", row.sealed_user, row.id),
                roles=frozenset(Role(scope) for scope in row.scopes.split()),
                created_at=row.created_at,
                expires_at=row.expires_at,
                revoked_at=row.revoked_at,
            )
            for row in rows
        ]

    async def rotate(self, key_id: str, overlap: timedelta) -> NewApiKey:
        """A new key with the same user and scopes; the old one works until the overlap ends. Raises ``NotFound``."""
        old = next((key for key in await self.all() if key.key_id == key_id and key.revoked_at is None), None)
        if old is None or (old.expires_at and old.expires_at <= now()):
            raise NotFound("key")
        lifetime = old.expires_at - old.created_at if old.expires_at else None
        fresh = await self.create(await self._tenants.by_name(old.tenant), old.user, old.roles, lifetime)
        ends = now() + overlap
        async with self._database.write() as connection:
            await connection.execute(
                update(tables.api_keys)
                .where(tables.api_keys.c.id == key_id)
                .values(expires_at=min(ends, old.expires_at or ends))
            )
        return fresh

    async def revoke(self, key_id: str) -> None:
        """The key is refused from the next request on. Raises ``NotFound``."""
        async with self._database.write() as connection:
            result = await connection.execute(
                update(tables.api_keys)
                .where(tables.api_keys.c.id == key_id, tables.api_keys.c.revoked_at.is_(None))
                .values(revoked_at=now())
            )
            if not result.rowcount:
                raise NotFound("key")
