"""Numbers of signed requests, each spent once: a request that was recorded and is sent again is refused."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError as UniqueViolation

from rag_service.domain.identity import TenantId
from rag_service.store import tables
from rag_service.store.database import Database, now


class Nonces:
    """Only nonces of requests whose signature is right come here, so nobody else makes the table grow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def spend(self, tenant: TenantId, key_id: str, nonce: str, until: datetime) -> bool:
        """Whether this is the nonce's first use, by whatever process; it is remembered ``until`` (UTC, without a zone).

        Those that were to be remembered no longer go.
        """
        table = tables.nonces
        row = {"tenant_id": tenant, "key_id": key_id, "nonce": nonce, "expires_at": until}
        try:
            async with self._database.write(tenant) as connection:
                await connection.execute(delete(table).where(table.c.tenant_id == tenant, table.c.expires_at <= now()))
                await connection.execute(insert(table).values(row))
        except UniqueViolation:
            return False
        return True
