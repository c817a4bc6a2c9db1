"""Sketches of documents, by uploader: what tells whether several repeat one claim, without their texts."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from datetime import datetime
from weakref import WeakValueDictionary

import structlog
from sqlalchemy import delete, insert, select

from rag_service.crypto.keys import TenantKeys
from rag_service.domain.errors import IntegrityError
from rag_service.domain.identity import OperatorScope, TenantId
from rag_service.store import tables
from rag_service.store.database import Connection, Database, now

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SealedSketch:
    """A sketch ready to be stored, sealed for its own row."""

    tenant: TenantId
    document_id: str
    version: int
    uploader_token: str
    sketch: bytes
    created_at: datetime


def sealed_sketch(keys: TenantKeys, uploader: str, document_id: str, version: int, sketch: bytes) -> SealedSketch:
    sealed = keys.seal_name("sketch", base64.b64encode(sketch).decode(), document_id, str(version))
    return SealedSketch(keys.tenant, document_id, version, keys.token("uploader", uploader), sealed, now())


async def remember(connection: Connection, sketch: SealedSketch) -> None:
    """As part of this transaction, the sketch stands for its document, in the place of an older one."""
    table = tables.sketches
    theirs = (table.c.tenant_id == sketch.tenant) & (table.c.document_id == sketch.document_id)
    row = {
        "tenant_id": sketch.tenant,
        "document_id": sketch.document_id,
        "version": sketch.version,
        "uploader_token": sketch.uploader_token,
        "sealed_sketch": sketch.sketch,
        "created_at": sketch.created_at,
    }
    await connection.execute(delete(table).where(theirs))
    await connection.execute(insert(table).values(row))


class Sketches:
    """One of each document, that of its newest version; they go with the document."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def turn(self, operator: OperatorScope, uploader: str) -> asyncio.Lock:
        """One document of an uploader at a time, in this process."""
        return self._turns.setdefault((operator.tenant, uploader), asyncio.Lock())

    async def recent(
        self, operator: OperatorScope, keys: TenantKeys, uploader: str, *, limit: int, but: str
    ) -> list[tuple[str, bytes]]:
        """The uploader's documents with their sketches, the newest first, without the document ``but``."""
        table = tables.sketches.c
        query = (
            select(table.document_id, table.version, table.sealed_sketch)
            .where(
                table.tenant_id == operator.tenant,
                table.uploader_token == keys.token("uploader", uploader),
                table.document_id != but,
            )
            .order_by(table.created_at.desc(), table.document_id)
            .limit(limit)
        )
        async with self._database.read(operator.tenant) as connection:
            rows = (await connection.execute(query)).all()
        found = []
        for document_id, version, sealed in rows:
            try:
                opened = keys.open_name("sketch", sealed, document_id, str(version))
            except IntegrityError:  # an altered row must not keep others from being compared
                _log.error("broken_seal", document=document_id)
                continue
            found.append((document_id, base64.b64decode(opened)))
        return found
