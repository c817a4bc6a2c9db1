"""Which installation a database belongs to, where no data folder says so."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError as UniqueViolation

from rag_service.store import tables
from rag_service.store.database import SHARED, Database

_PLACE = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """``key_check`` is what the right master key makes of ``id``."""

    id: str
    key_check: str


class Installation:
    """The one row that the first process to come writes, and nobody changes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def found(self) -> Entry | None:
        async with self._database.read(SHARED) as connection:
            row = (await connection.execute(select(tables.installation))).one_or_none()
        return None if row is None else Entry(row.id, row.key_check)

    async def enter(self, installation_id: str, key_check: str) -> Entry:
        """What is entered now: by this call, or by a process that was quicker."""
        entry = {"place": _PLACE, "id": installation_id, "key_check": key_check}
        try:
            async with self._database.write(SHARED) as connection:
                await connection.execute(insert(tables.installation).values(entry))
        except UniqueViolation:
            pass
        found = await self.found()
        if found is None:
            raise LookupError("the row that was just written is not there")
        return found
