"""API keys: a random secret is shown once; SQL keeps a lookup id and a keyed hash."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import insert, select, update

from rag_service.crypto.keys import KeyVault
from rag_service.domain.errors import Conflict, NotFound, Unauthenticated
from rag_service.domain.identity import Role
from rag_service.networks import Address, Network
from rag_service.ports import SigningKey
from rag_service.store import tables
from rag_service.store.database import Connection, Database, now
from rag_service.store.key_rows import (
    ApiKey,
    KeyTerms,
    is_genuine,
    new_row,
    row_mac,
    signing_secret_of,
    terms_of,
    told,
    works_from,
)
from rag_service.store.key_uses import KeyUses
from rag_service.store.names import checked_user
from rag_service.store.tenants import Tenant, Tenants
from rag_service.tokens import TokenGrant

_KEY = re.compile(r"rag_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)
_NO_HASH = "0" * 64
_log = structlog.get_logger()

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """``secret`` is to be shown this once: the key as it is sent, or what the requests of one are signed with."""

    key_id: str
    secret: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class RotatedKey:
    """The key that takes another's place, and when that other one ends."""

    successor: NewApiKey
    old_expires_at: datetime


@dataclass(frozen=True, slots=True)
class VerifiedKey:
    """Proof that a caller holds a live key of this tenant, or a token that stands for it. Made here alone."""

    key_id: str
    tenant: Tenant
    user: str
    roles: frozenset[Role]


def claimed_id(presented: str) -> str | None:
    """The id of the key that this says it is, existing or not; ``None`` of what has not the form of a key."""
    match = _KEY.fullmatch(presented)
    return match[1] if match else None


@dataclass(frozen=True, slots=True)
class Signer:
    """A live key that never travels. Only a request whose signature by ``key`` was verified is the ``holder``'s."""

    key: SigningKey
    holder: VerifiedKey


class ApiKeys:
    """The keys of all tenants. What is changed of one holds from the next request on."""

    def __init__(self, database: Database, vault: KeyVault, tenants: Tenants, uses: KeyUses) -> None:
        self._database = database
        self._vault = vault
        self._tenants = tenants
        self._uses = uses

    async def create(
        self,
        tenant: Tenant,
        user: str,
        roles: Collection[Role],
        expires_after: timedelta | None,
        *,
        networks: Sequence[Network] = (),
        is_signed: bool = False,
    ) -> NewApiKey:
        """A key of this user, from now on."""
        terms = KeyTerms(checked_user(user), frozenset(roles), tuple(networks), is_signed)
        async with self._database.write(tenant.id) as connection:
            return await self._insert(connection, tenant, terms, expires_after)

    async def verify(self, presented: str, address: Address | None) -> VerifiedKey:
        """The key's holder, at this address.

        Raises ``Unauthenticated``, alike for a key that is malformed, unknown, wrong, expired, revoked or altered, that
        may not be used from there, or that never travels because its requests are signed.
        """
        match = _KEY.fullmatch(presented)
        key_id, secret = match.groups() if match else ("", "")
        tenant, row = await self._found(key_id)
        is_right = hmac.compare_digest(self._vault.credential_hash(secret), row["secret_hash"] if row else _NO_HASH)
        if tenant is None or row is None or not is_right or row["sealed_signing_secret"] is not None:
            raise Unauthenticated
        return self._used(self._admitted(tenant, row, address))

    async def standing_for(self, grant: TokenGrant, address: Address | None) -> VerifiedKey:
        """The holder of a token: of the key's roles those that the token was given. Raises ``Unauthenticated``."""
        tenant, row = await self._found(grant.key_id)
        if tenant is None or row is None or tenant.id != grant.tenant or row["sealed_signing_secret"] is not None:
            raise Unauthenticated
        return self._used(self._admitted(tenant, row, address, at_most=grant.roles))

    async def signing(self, key_id: str, address: Address | None) -> Signer | None:
        """Who sends what is signed with the key of this id from this address; ``None`` without such a key."""
        tenant, row = await self._found(key_id)
        secret = signing_secret_of(tenant.keys, row) if tenant and row and _is_live(tenant, row) else None
        if tenant is None or row is None or secret is None:
            return None
        try:
            return Signer(SigningKey(secret), self._admitted(tenant, row, address))
        except Unauthenticated:
            return None

    async def all(self, tenant: Tenant | None = None) -> list[ApiKey]:
        """The keys of this tenant, or of each, in the order in which they were made."""
        found: list[ApiKey] = []
        for one in [tenant] if tenant else await self._tenants.all():
            query = select(tables.api_keys).where(tables.api_keys.c.tenant_id == one.id)
            async with self._database.read(one.id) as connection:
                found += [told(one, dict(row)) for row in (await connection.execute(query)).mappings()]
        return sorted(found, key=lambda key: key.created_at)

    async def rotate(self, key_id: str, overlap: timedelta) -> RotatedKey:
        """A new key on the same terms, its whole lifetime before it; the old one is revoked as the overlap ends.

        Raises ``NotFound`` of a key that is not live, and ``Conflict`` of one that was rotated already.
        """
        async with self._changing(key_id) as (connection, tenant, row):
            if not _is_live(tenant, row):
                raise NotFound("key")
            if row["revoked_at"] is not None:
                raise Conflict("key", "the key was rotated already: rotate its successor")
            made, ends, last = row["created_at"], row["expires_at"], now() + overlap
            fresh = await self._insert(connection, tenant, terms_of(tenant.keys, row), ends - made if ends else None)
            await _change(connection, tenant, row, revoked_at=last)
            return RotatedKey(fresh, min(last, ends or last))

    async def revoke(self, key_id: str) -> None:
        """The key, and each token that stands for it, is refused from the next request on. Raises ``NotFound``."""
        async with self._changing(key_id) as (connection, tenant, row):
            if _is_revoked(row):
                raise NotFound("key")
            await _change(connection, tenant, row, revoked_at=now())

    @asynccontextmanager
    async def _changing(self, key_id: str) -> AsyncIterator[tuple[Connection, Tenant, Row]]:
        """The key's row, which nobody else changes meanwhile. Raises ``NotFound``."""
        tenant = await self._tenants.of_key(key_id)
        if tenant is None:
            raise NotFound("key")
        async with self._database.write(tenant.id) as connection:
            row = await _row(connection, tenant, key_id)
            if row is None:
                raise NotFound("key")
            yield connection, tenant, row

    async def _insert(
        self, connection: Connection, tenant: Tenant, terms: KeyTerms, expires_after: timedelta | None
    ) -> NewApiKey:
        key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        made = now()
        hashed = secrets.token_urlsafe(32) if terms.is_signed else secret  # of a signed key, none that anybody knows
        row = new_row(
            tenant.keys,
            key_id,
            terms,
            self._vault.credential_hash(hashed),
            secret if terms.is_signed else None,
            (made, made + expires_after if expires_after else None),
        )
        await connection.execute(insert(tables.key_lookups).values(id=key_id, tenant_id=tenant.id))
        await connection.execute(insert(tables.api_keys).values(row))
        return NewApiKey(key_id, secret if terms.is_signed else f"rag_{key_id}_{secret}", row["expires_at"])

    async def _found(self, key_id: str) -> tuple[Tenant | None, Row | None]:
        tenant = await self._tenants.of_key(key_id)
        if tenant is None:
            return None, None
        async with self._database.read(tenant.id) as connection:
            return tenant, await _row(connection, tenant, key_id)

    def _admitted(
        self, tenant: Tenant, row: Row, address: Address | None, at_most: frozenset[Role] = frozenset(Role)
    ) -> VerifiedKey:
        if not _is_live(tenant, row):
            raise Unauthenticated
        terms = terms_of(tenant.keys, row)
        if not works_from(terms, address):
            raise Unauthenticated
        return VerifiedKey(row["id"], tenant, terms.user, terms.roles & at_most)

    def _used(self, holder: VerifiedKey) -> VerifiedKey:
        self._uses.note(holder.tenant.id, holder.key_id)
        return holder


def _is_live(tenant: Tenant, row: Row) -> bool:
    if not is_genuine(tenant.keys, row):
        _log.error("api_key_altered", key_id=row["id"], tenant=tenant.id)
        return False
    return not _is_revoked(row) and (row["expires_at"] is None or row["expires_at"] > now())


def _is_revoked(row: Row) -> bool:
    """Whether its revocation has come: that of a rotated key is the end of its overlap."""
    return row["revoked_at"] is not None and row["revoked_at"] <= now()


async def _row(connection: Connection, tenant: Tenant, key_id: str) -> Row | None:
    table = tables.api_keys
    query = select(table).where(table.c.tenant_id == tenant.id, table.c.id == key_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else dict(row)


async def _change(connection: Connection, tenant: Tenant, row: Row, **changes: datetime) -> None:
    this = (tables.api_keys.c.tenant_id == tenant.id) & (tables.api_keys.c.id == row["id"])
    mac = row_mac(tenant.keys, {**row, **changes})
    await connection.execute(update(tables.api_keys).where(this).values(**changes, mac=mac))
