"""When each API key was last used: told by and by, without delaying or failing a request."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta

import structlog
from sqlalchemy import update

from rag_service.domain.identity import TenantId
from rag_service.store import tables
from rag_service.store.database import Database, now

_EVERY = timedelta(minutes=1)
"""How often the time of one key is written, at most."""
_GATHERED_S = 5.0
"""For how long uses are gathered before they are written together."""
_MOST_REMEMBERED = 10_000
_log = structlog.get_logger()


class KeyUses:
    """Remembers uses, and writes them in the background of the loop in which the first of them was noted."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[tuple[TenantId, str], datetime] = {}
        self._written: dict[tuple[TenantId, str], datetime] = {}
        self._writing: asyncio.Task[None] | None = None

    def note(self, tenant: TenantId, key_id: str) -> None:
        """The key is used now; that is written within seconds, unless it was a minute ago or less."""
        moment, this = now(), (tenant, key_id)
        if (written := self._written.get(this)) and moment - written < _EVERY:
            return
        self._noted[this] = moment
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._by_and_by())

    async def flush(self) -> None:
        """What was noted is written. Where it cannot be, the log says so, and the next use tries again."""
        noted, self._noted = self._noted, {}
        if len(self._written) > _MOST_REMEMBERED:
            self._written.clear()
        for tenant in {tenant for tenant, _ in noted}:
            uses = {key_id: moment for (one, key_id), moment in noted.items() if one == tenant}
            try:
                await self._write(tenant, uses)
            except Exception as error:  # noqa: BLE001  # whatever it is, no request fails of it
                _log.warning("key_use_not_written", error=type(error).__name__)
            else:
                self._written |= {(tenant, key_id): moment for key_id, moment in uses.items()}

    async def close(self) -> None:
        """The last uses are written, and nothing is under way any more."""
        if self._writing is not None:
            self._writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writing
        await self.flush()

    async def _by_and_by(self) -> None:
        await asyncio.sleep(_GATHERED_S)
        await self.flush()

    async def _write(self, tenant: TenantId, uses: dict[str, datetime]) -> None:
        table = tables.api_keys
        async with self._database.write(tenant) as connection:
            for key_id, moment in uses.items():
                this = (table.c.tenant_id == tenant) & (table.c.id == key_id)
                await connection.execute(update(table).where(this).values(last_used_at=moment))
