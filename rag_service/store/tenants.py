"""Tenants, each with keys of its own.

``sealed_name`` holds the name and, each behind a NUL, the tenant's policy for answers and what is scrubbed from its
documents: whoever writes SQL can neither set a policy nor take one away. The column ``pii_policy`` is for people who
look at the table; nothing believes it.
"""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError as UniqueViolation

from rag_service.crypto.keys import KeyVault, TenantKeys, WrappedTenantKeys
from rag_service.domain.errors import Conflict, IntegrityError, NotFound
from rag_service.domain.identity import TenantId
from rag_service.domain.policy import AnswerPolicy
from rag_service.domain.scrubbing import Preset, ScrubPolicy
from rag_service.store import tables
from rag_service.store.database import SHARED, Connection, Database, now
from rag_service.store.names import checked_name, folded_name
from rag_service.store.outbox import Change, note

_log = structlog.get_logger()

_OF_A_TENANT = [table for table in reversed(tables.metadata.sorted_tables) if "tenant_id" in table.c]
"""What refers to others comes first."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant with its keys open. ``embedding`` is the fingerprint of the model its vectors were made with."""

    id: TenantId
    name: str
    keys: TenantKeys
    scrubbing: ScrubPolicy
    policy: AnswerPolicy
    embedding: str | None
    created_at: datetime

    @property
    def pii_policy(self) -> str:
        """The preset that its scrubbing begins from."""
        return self.scrubbing.preset.value


class Tenants:
    """The tenants of this installation."""

    def __init__(self, database: Database, vault: KeyVault) -> None:
        self._database = database
        self._vault = vault

    async def create(self, name: str, preset: str) -> Tenant:
        """A tenant with this preset. Raises ``Conflict`` if the name, or one that looks the same, is taken."""
        scrubbing = ScrubPolicy(Preset(preset))
        name = checked_name("tenant", name)
        tenant = TenantId(secrets.token_hex(8))
        wrapped = self._vault.new_tenant_keys(tenant)
        keys = self._vault.open_tenant_keys(tenant, wrapped)
        row = {
            "id": tenant,
            "name_token": self._vault.lookup("tenant", folded_name(name)),
            "sealed_name": keys.seal_name("tenant", _spelled(name, AnswerPolicy(), scrubbing)),
            "tenant_key": wrapped.tenant_key,
            "index_key": wrapped.index_key,
            "index_epoch": wrapped.index_epoch,
            "pii_policy": scrubbing.preset.value,
            "created_at": now(),
        }
        try:
            async with self._database.write(tenant) as connection:
                await connection.execute(insert(tables.tenants).values(row))
        except UniqueViolation:
            raise Conflict("tenant") from None
        return await self.by_name(name)

    async def by_name(self, name: str) -> Tenant:
        """Raises ``NotFound``, also where its name, which is sealed, is not the one that its row is found under."""
        tenant = await self._one(tables.tenants.c.name_token == self._vault.lookup("tenant", folded_name(name)))
        if folded_name(tenant.name) != folded_name(name):
            _log.error("broken_seal", tenant=tenant.id)
            raise NotFound("tenant")
        return tenant

    async def by_id(self, tenant: TenantId) -> Tenant:
        """Raises ``NotFound``."""
        return await self._one(tables.tenants.c.id == tenant)

    async def of_key(self, key_id: str) -> Tenant | None:
        """The tenant whose API key it may be; ``None`` where there is no key of that id."""
        lookups = tables.key_lookups
        query = select(tables.tenants).join(lookups, lookups.c.tenant_id == tables.tenants.c.id)
        async with self._database.read(SHARED) as connection:
            row = (await connection.execute(query.where(lookups.c.id == key_id))).one_or_none()
        return None if row is None else self.opened(row)

    async def all(self) -> list[Tenant]:
        """Those whose rows open, the oldest first: an altered row must not hide the others."""
        return (await self._all())[0]

    async def altered(self) -> list[TenantId]:
        """Those whose rows do not open: nobody can be served from them."""
        return (await self._all())[1]

    async def _all(self) -> tuple[list[Tenant], list[TenantId]]:
        async with self._database.read(SHARED) as connection:
            rows = (await connection.execute(select(tables.tenants).order_by(tables.tenants.c.created_at))).all()
        tenants: list[Tenant] = []
        altered: list[TenantId] = []
        for row in rows:
            try:
                tenants.append(self.opened(row))
            except IntegrityError:
                _log.error("broken_seal", tenant=row.id)
                altered.append(TenantId(row.id))
        return tenants, altered

    async def count(self) -> int:
        """How many tenants there are, those included whose rows do not open."""
        async with self._database.read(SHARED) as connection:
            return int((await connection.execute(select(func.count()).select_from(tables.tenants))).scalar_one())

    async def delete(self, tenant: Tenant) -> None:
        """The tenant's keys and rows are gone, with what waited to be ingested; the index is to drop its collection."""
        async with self._database.write(tenant.id) as connection:
            beside = await self._beside_collections(connection, tenant)
            for table in _OF_A_TENANT:
                await connection.execute(delete(table).where(table.c.tenant_id == tenant.id))
            await connection.execute(delete(tables.tenants).where(tables.tenants.c.id == tenant.id))
            for collection in (tenant.keys.index.collection, *beside):
                await note(connection, tenant.id, Change.DROP, collection)

    async def _beside_collections(self, connection: Connection, tenant: Tenant) -> list[str]:
        """The collections of its other epochs; one whose key does not open is left to the consistency check."""
        epochs = tables.epochs.c
        of_tenant = select(tables.tenants).where(tables.tenants.c.id == tenant.id)
        row = (await connection.execute(of_tenant)).one_or_none()
        if row is None:
            return []
        kept = await connection.execute(
            select(epochs.index_key, epochs.epoch, epochs.embedding).where(epochs.tenant_id == tenant.id)
        )
        found = {row.index_epoch: (row.index_key, row.embedding)} | {one.epoch: tuple(one)[::2] for one in kept}
        names = []
        for epoch, (index_key, embedding) in found.items():
            with suppress(IntegrityError):
                names.append(self.opened_in(row, index_key, epoch, embedding).keys.index.collection)
        return [name for name in names if name != tenant.keys.index.collection]

    async def set_policy(self, tenant: Tenant, policy: AnswerPolicy) -> Tenant:
        """The policy holds from the next request on. Raises ``NotFound``."""
        return await self._set(tenant, policy=policy)

    async def set_scrubbing(self, tenant: Tenant, scrubbing: ScrubPolicy) -> Tenant:
        """It holds from the next document and question on; what is stored stays as it was scrubbed.

        Raises ``NotFound``.
        """
        return await self._set(tenant, scrubbing=scrubbing)

    async def _set(
        self, tenant: Tenant, *, policy: AnswerPolicy | None = None, scrubbing: ScrubPolicy | None = None
    ) -> Tenant:
        """One of them is another; the other is what it is by now, whatever it was when the tenant was looked up."""
        this = tables.tenants.c.id == tenant.id
        async with self._database.write(tenant.id) as connection:
            row = (await connection.execute(select(tables.tenants).where(this))).one_or_none()
            if row is None:
                raise NotFound("tenant")
            found = self.opened(row)
            scrubbing = scrubbing or found.scrubbing
            sealed = found.keys.seal_name("tenant", _spelled(found.name, policy or found.policy, scrubbing))
            values = {"sealed_name": sealed, "pii_policy": scrubbing.preset.value}
            await connection.execute(update(tables.tenants).where(this).values(values))
        return await self.by_id(tenant.id)

    async def set_embedding(self, tenant: Tenant, fingerprint: str) -> None:
        """Records which model the tenant's vectors are made with, where none was recorded."""
        tenants = tables.tenants.c
        unbound = (tenants.id == tenant.id) & tenants.embedding.is_(None)
        async with self._database.write(tenant.id) as connection:
            await connection.execute(update(tables.tenants).where(unbound).values(embedding=fingerprint))

    async def _one(self, condition: ColumnElement[bool]) -> Tenant:
        async with self._database.read(SHARED) as connection:
            row = (await connection.execute(select(tables.tenants).where(condition))).one_or_none()
        if row is None:
            raise NotFound("tenant")
        return self.opened(row)

    def opened(self, row: Row[Any]) -> Tenant:
        """The tenant of a row that holds the columns of ``tables.tenants``."""
        return self.opened_in(row, row.index_key, row.index_epoch, row.embedding)

    def opened_in(self, row: Row[Any], index_key: bytes, epoch: int, embedding: str | None) -> Tenant:
        """The tenant as seen in this epoch of its index, which need not be the live one of its row."""
        tenant = TenantId(row.id)
        wrapped = WrappedTenantKeys(row.tenant_key, index_key, epoch, embedding)
        keys = self._vault.open_tenant_keys(tenant, wrapped)
        name, policy, scrubbing = _read(keys.open_name("tenant", row.sealed_name))
        return Tenant(
            id=tenant,
            name=name,
            keys=keys,
            scrubbing=scrubbing,
            policy=policy,
            embedding=embedding,
            created_at=row.created_at,
        )


def _spelled(name: str, policy: AnswerPolicy, scrubbing: ScrubPolicy) -> str:
    return "\0".join((name, *(json.dumps(one.as_json(), sort_keys=True) for one in (policy, scrubbing))))


def _read(spelled: str) -> tuple[str, AnswerPolicy, ScrubPolicy]:
    """Where nothing is said of scrubbing, as in a row from before, all is removed: a weaker word could be anybody's."""
    name, policy, scrubbing, *_ = *spelled.split("\0"), "", ""
    return (
        name,
        AnswerPolicy.parse(json.loads(policy)) if policy else AnswerPolicy(),
        ScrubPolicy.parse(json.loads(scrubbing)) if scrubbing else ScrubPolicy(Preset.STRICT),
    )
