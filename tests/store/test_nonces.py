"""Nonces of signed requests, over the real database: each is spent once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from rag_service.crypto.keys import KeyVault
from rag_service.domain.identity import Role
from rag_service.store.api_keys import ApiKeys
from rag_service.store.database import now
from rag_service.store.key_uses import KeyUses
from rag_service.store.nonces import Nonces
from rag_service.store.tenants import Tenants
from tests.databases import opened, rows

Run = Callable[[Any], Any]
SOON = timedelta(minutes=5)


def test_a_nonce_is_spent_once_by_each_key_however_many_ask_at_a_time(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        databases = [opened(tmp_path), opened(tmp_path)]
        vault = KeyVault(bytes(32))
        stores = [Nonces(database, Tenants(database, vault)) for database in databases]
        tenants = Tenants(databases[0], vault)
        keys = ApiKeys(databases[0], vault, tenants, KeyUses(databases[0]))
        tenant = await tenants.create("acme", "identifiers")
        one, other = [(await keys.create(tenant, "ann", [Role.QUERY], None, is_signed=True)).key_id for _ in range(2)]
        asked = [store.remember(one, "n" * 16, now() + SOON) for _ in range(5) for store in stores]
        assert sorted(await asyncio.gather(*asked)) == [False] * 9 + [True]
        assert await stores[0].remember(other, "n" * 16, now() + SOON)
        assert not await stores[0].remember("0" * 16, "n" * 16, now() + SOON), "of no key"
        for database in databases:
            await database.close()

    run(scenario())


def test_a_nonce_is_remembered_until_its_time_is_over(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        database, vault = opened(tmp_path), KeyVault(bytes(32))
        tenants = Tenants(database, vault)
        nonces = Nonces(database, tenants)
        tenant = await tenants.create("acme", "identifiers")
        key = await ApiKeys(database, vault, tenants, KeyUses(database)).create(tenant, "ann", [Role.QUERY], None)
        for nonce, until in (("past", now()), ("later", now() + SOON), ("last", now() + SOON)):
            assert await nonces.remember(key.key_id, nonce, until)
        assert not await nonces.remember(key.key_id, "later", now() + SOON)
        assert sorted(rows(tmp_path, "select nonce from nonces")) == [("last",), ("later",)]
        await database.close()

    run(scenario())
