"""Tenants, and the groups within each."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError as UniqueViolation

from rag_service.crypto.keys import KeyVault, TenantKeys, WrappedTenantKeys
from rag_service.domain.errors import Conflict, InvalidRequest, NotFound
from rag_service.domain.identity import TenantId
from rag_service.store import tables
from rag_service.store.database import Database, now
from rag_service.store.outbox import Change, note

_OF_A_TENANT = (
    tables.outbox,
    tables.spool,
    tables.uploads,
    tables.jobs,
    tables.turns,
    tables.chunks,
    tables.access,
    tables.versions,
    tables.documents,
    tables.api_keys,
    tables.members,
)
_NAME = re.compile(r"[^\W_][\w .&'-]{0,63}")


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant with its keys open. ``embedding`` is the fingerprint of the model its vectors were made with."""

    id: TenantId
    name: str
    keys: TenantKeys
    pii_policy: str
    embedding: str | None
    created_at: datetime


def folded_name(name: str) -> str:
    """The form under which a tenant's name is compared: look-alike spellings of one name are one tenant.

    >>> folded_name("  Ａcme  Corp ") == folded_name("acme corp")
    True
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def checked_name(kind: str, name: str) -> str:
    """The name, if it may be one. Raises ``InvalidRequest``."""
    cleaned = unicodedata.normalize("NFC", name).strip()
    if not _NAME.fullmatch(cleaned):
        raise InvalidRequest(f"a {kind} name is 1 to 64 letters, digits, spaces and . & ' - _, a letter or digit first")
    return cleaned


class Tenants:
    """The tenants of this installation."""

    def __init__(self, database: Database, vault: KeyVault) -> None:
        self._database = database
        self._vault = vault

    async def create(self, name: str, pii_policy: str) -> Tenant:
        """Raises ``Conflict`` if the name, or one that looks the same, is taken."""
        name = checked_name("tenant", name)
        tenant = TenantId(secrets.token_hex(8))
        wrapped = self._vault.new_tenant_keys(tenant)
        keys = self._vault.open_tenant_keys(tenant, wrapped)
        row = {
            "id": tenant,
            "name_token": self._vault.lookup("tenant", folded_name(name)),
            "sealed_name": keys.seal_name("tenant", name),
            "tenant_key": wrapped.tenant_key,
            "index_key": wrapped.index_key,
            "index_epoch": wrapped.index_epoch,
            "pii_policy": pii_policy,
            "created_at": now(),
        }
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(tables.tenants).values(row))
        except UniqueViolation:
            raise Conflict("tenant") from None
        return await self.by_name(name)

    async def by_name(self, name: str) -> Tenant:
        """Raises ``NotFound``."""
        return await self._one(tables.tenants.c.name_token == self._vault.lookup("tenant", folded_name(name)))

    async def by_id(self, tenant: TenantId) -> Tenant:
        """Raises ``NotFound``."""
        return await self._one(tables.tenants.c.id == tenant)

    async def all(self) -> list[Tenant]:
        async with self._database.read() as connection:
            rows = await connection.execute(select(tables.tenants).order_by(tables.tenants.c.created_at))
            return [self.opened(row) for row in rows]

    async def count(self) -> int:
        """How many tenants there are."""
        async with self._database.read() as connection:
            return int((await connection.execute(select(func.count()).select_from(tables.tenants))).scalar_one())

    async def delete(self, tenant: Tenant) -> None:
        """The tenant's keys and rows are gone, with what waited to be ingested; the index is to drop its collection."""
        async with self._database.write() as connection:
            for table in _OF_A_TENANT:
                await connection.execute(delete(table).where(table.c.tenant_id == tenant.id))
            await connection.execute(delete(tables.tenants).where(tables.tenants.c.id == tenant.id))
            await note(connection, tenant.id, Change.DROP, tenant.keys.index.collection)

    async def set_embedding(self, tenant: Tenant, fingerprint: str) -> None:
        """Records which model the tenant's vectors are made with."""
        async with self._database.write() as connection:
            await connection.execute(
                update(tables.tenants).where(tables.tenants.c.id == tenant.id).values(embedding=fingerprint)
            )

    async def set_members(self, tenant: Tenant, group: str, users: Collection[str]) -> None:
        """The group has exactly these members."""
        group = checked_name("group", group)
        table, keys = tables.members, tenant.keys
        group_token = keys.token("group", group)
        rows = [self._member_row(tenant, group, user) for user in sorted(set(users))]
        async with self._database.write() as connection:
            await connection.execute(
                delete(table).where(table.c.tenant_id == tenant.id, table.c.group_token == group_token)
            )
            if rows:
                await connection.execute(insert(table), rows)

    async def add_member(self, tenant: Tenant, group: str, user: str) -> None:
        """The user is in the group; who was in it stays."""
        row = self._member_row(tenant, checked_name("group", group), user)
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(tables.members).values(row))
        except UniqueViolation:
            return

    async def groups_of(self, tenant: Tenant, user: str) -> frozenset[str]:
        table = tables.members
        query = select(table.c.group_token, table.c.user_token, table.c.sealed_group).where(
            table.c.tenant_id == tenant.id, table.c.user_token == tenant.keys.token("user", user)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return opened_groups(tenant.keys, [(row.group_token, row.user_token, row.sealed_group) for row in rows])

    async def groups(self, tenant: Tenant) -> dict[str, list[str]]:
        """Every group with its members."""
        table = tables.members
        query = select(table).where(table.c.tenant_id == tenant.id)
        found: dict[str, list[str]] = {}
        async with self._database.read() as connection:
            for row in await connection.execute(query):
                at = (row.group_token, row.user_token)
                group = tenant.keys.open_name("group", row.sealed_group, *at)
                found.setdefault(group, []).append(tenant.keys.open_name("user", row.sealed_user, *at))
        return {group: sorted(users) for group, users in sorted(found.items())}

    def _member_row(self, tenant: Tenant, group: str, user: str) -> dict[str, object]:
        user = checked_user(user)
        at = (tenant.keys.token("group", group), tenant.keys.token("user", user))
        return {
            "tenant_id": tenant.id,
            "group_token": at[0],
            "user_token": at[1],
            "sealed_group": tenant.keys.seal_name("group", group, *at),
            "sealed_user": tenant.keys.seal_name("user", user, *at),
        }

    async def _one(self, condition: ColumnElement[bool]) -> Tenant:
        async with self._database.read() as connection:
            row = (await connection.execute(select(tables.tenants).where(condition))).one_or_none()
        if row is None:
            raise NotFound("tenant")
        return self.opened(row)

    def opened(self, row: Row[Any]) -> Tenant:
        """The tenant of a row that holds the columns of ``tables.tenants``."""
        tenant = TenantId(row.id)
        keys = self._vault.open_tenant_keys(tenant, WrappedTenantKeys(row.tenant_key, row.index_key, row.index_epoch))
        return Tenant(
            id=tenant,
            name=keys.open_name("tenant", row.sealed_name),
            keys=keys,
            pii_policy=row.pii_policy,
            embedding=row.embedding,
            created_at=row.created_at,
        )


def opened_groups(keys: TenantKeys, members: Iterable[tuple[str, str, bytes]]) -> frozenset[str]:
    """The groups' names in rows of ``tables.members``: group token, user token, sealed group.

    Raises ``SealBroken`` where a row was altered, or its name comes from another row.
    """
    return frozenset(keys.open_name("group", sealed, group, user) for group, user, sealed in members)


def checked_user(name: str) -> str:
    """A user's name, as an identity provider may write it. Raises ``InvalidRequest``."""
    cleaned = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(cleaned) <= 200 or any(unicodedata.category(letter)[0] in "CZ" for letter in cleaned):
        raise InvalidRequest("a user name is 1 to 200 visible characters without spaces")
    return cleaned
