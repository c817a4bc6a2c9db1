"""Numbers of signed requests, each spent once: a request that was recorded and is sent again is refused."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError as UniqueViolation

from rag_service.store import tables
from rag_service.store.database import Database, now
from rag_service.store.tenants import Tenants


class Nonces:
    """A ``NonceStore`` in SQL, which all processes of the service share.

    Only nonces of requests whose signature is right come here, so nobody else makes the table grow.
    """

    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants

    async def remember(self, key_id: str, nonce: str, until: datetime) -> bool:
        """Whether this is the nonce's first use; it is remembered ``until``. Those whose time is over go."""
        tenant = await self._tenants.of_key(key_id)
        if tenant is None:
            return False
        table = tables.nonces
        row = {"tenant_id": tenant.id, "key_id": key_id, "nonce": nonce, "expires_at": until}
        try:
            async with self._database.write(tenant.id) as connection:
                over = (table.c.tenant_id == tenant.id) & (table.c.expires_at <= now())
                await connection.execute(delete(table).where(over))
                await connection.execute(insert(table).values(row))
        except UniqueViolation:
            return False
        return True
