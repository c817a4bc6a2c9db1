"""Whether SQL is consistent in itself: what must be there is there, opens under its keys, and nothing else is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, delete, func, literal, not_, select

from rag_service.crypto.keys import TenantKeys, VersionSeal
from rag_service.domain.errors import IntegrityError, SignatureInvalid
from rag_service.domain.identity import OperatorScope, Principal, TenantId
from rag_service.domain.jobs import ENDED, KEPT, PENDING, JobState
from rag_service.store import tables
from rag_service.store.database import SHARED, Connection, Database
from rag_service.store.epoch_vectors import is_vector_of
from rag_service.store.opened import is_held

_FINISHED = sorted({*ENDED, JobState.STORED} - {JobState.FAILED})


class Consistency:
    """Questions to the whole database, for whoever holds the master key. Each is one statement, so true of a moment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def strays(self) -> dict[str, int]:
        """How many rows there are that should not be, or lack what should be beside them; only what was found."""
        found: Counter[str] = Counter()
        for tenant in await self._tenants():
            async with self._database.read(tenant) as connection:
                for kind, (table, *conditions) in _STRAYS.items():
                    query = select(func.count()).select_from(table).where(table.c.tenant_id == tenant, *conditions)
                    found[kind] += int((await connection.execute(query)).scalar_one())
        for table_name, count in (await self._database.broken_references()).items():
            found[f"rows of nothing that is there in {table_name}"] = count
        return {kind: count for kind, count in found.items() if count}

    async def remove_kept_originals(self) -> int:
        """The originals of jobs that have ended are gone, which nothing needs and which are not scrubbed."""
        removed = 0
        for tenant in await self._tenants():
            theirs = delete(tables.spool).where(tables.spool.c.tenant_id == tenant, _is_of_job_in(_FINISHED))
            async with self._database.write(tenant) as connection:
                removed += (await connection.execute(theirs)).rowcount
        return removed

    async def _tenants(self) -> list[TenantId]:
        async with self._database.read(SHARED) as connection:
            return [TenantId(tenant) for (tenant,) in await connection.execute(select(tables.tenants.c.id))]

    async def problems(self, operator: OperatorScope, keys: TenantKeys, document_id: str) -> list[str]:
        """What is wrong with a document in SQL: what does not open, is not signed, is missing or does not fit.

        A document that is gone has no problems. One that changes meanwhile may seem to have: look again.
        """
        async with self._database.read(operator.tenant) as connection:
            document = (await connection.execute(_document(operator, document_id))).one_or_none()
            if document is None:
                return []
            found = await self._of_versions(connection, operator, keys, document)
            return sorted(found | await self._of_access(connection, operator, keys, document_id))

    async def _of_versions(
        self, connection: Connection, operator: OperatorScope, keys: TenantKeys, document: Any
    ) -> set[str]:
        versions = tables.versions.c
        of_document = (versions.tenant_id == operator.tenant) & (versions.document_id == document.id)
        numbers = select(versions.version).where(of_document)
        found: set[str] = set()
        is_live_there = is_held_there = False
        for (number,) in (await connection.execute(numbers)).all():
            wanted = select(versions.version_key, versions.sealed_text, versions.sealed_meta, versions.quarantined_at)
            row = (await connection.execute(wanted.where(of_document, versions.version == number))).one_or_none()
            if row is None:
                continue
            is_live_there = is_live_there or number == document.live_version
            try:
                seal = keys.open_version_key(document.id, number, row.version_key)
                text, meta = seal.open(row.sealed_text, "text").decode(), json.loads(seal.open(row.sealed_meta, "meta"))
                if is_held(meta) != (row.quarantined_at is not None):
                    found.add(f"version {number} is in quarantine by its row or by its seal, not by both")
                if number == document.live_version or is_held(meta):
                    if meta["source_token"] != document.source_token:
                        found.add("its source is another than its metadata says")
                    found |= await self._of_chunks(
                        connection, operator, keys, (document.id, number), seal, text, meta["chunks"]
                    )
                    is_held_there = is_held_there or is_held(meta)
            except IntegrityError:
                found.add(f"version {number} does not open")
        if is_live_there or (is_held_there and not document.live_version):
            return found
        return found | {"its live version is missing"}

    async def _of_chunks(
        self,
        connection: Connection,
        operator: OperatorScope,
        keys: TenantKeys,
        at: tuple[str, int],
        seal: VersionSeal,
        text: str,
        expected: int,
    ) -> set[str]:
        chunks, (document_id, version) = tables.chunks.c, at
        of_live = is_vector_of(chunks, operator.tenant, keys.index.epoch)
        query = (
            select(chunks.id, chunks.sealed_record, chunks.signature, tables.vectors.c.sealed_vector)
            .join_from(tables.chunks, tables.vectors, of_live, isouter=True)
            .where(chunks.tenant_id == operator.tenant, chunks.document_id == document_id, chunks.version == version)
        )
        rows = (await connection.execute(query)).all()
        found = set() if len(rows) == expected else {f"{len(rows)} of {expected} chunks are there"}
        for row in rows:
            try:
                record = seal.open(row.sealed_record, "chunk", row.id)
                keys.verify(row.signature, record, document_id, version, row.id)
                if row.sealed_vector is None:
                    found.add("a chunk has no vector")
                    continue
                seal.open(row.sealed_vector, keys.index.vector_part, row.id)
            except SignatureInvalid:
                found.add("a chunk does not carry its signature")
                continue
            except IntegrityError:
                found.add("a chunk does not open")
                continue
            told = json.loads(record)
            if text[told["start"] : told["end"]] != told["text"]:
                found.add("a chunk is not what the text says at its place")
        return found

    async def _of_access(
        self, connection: Connection, operator: OperatorScope, keys: TenantKeys, document_id: str
    ) -> set[str]:
        access = tables.access.c
        listed = select(access.principal_token, access.sealed_principal).where(
            access.tenant_id == operator.tenant, access.document_id == document_id
        )
        for token, sealed in (await connection.execute(listed)).all():
            try:
                principal = Principal.parse(keys.open_name("principal", sealed, document_id))
            except IntegrityError:
                return {"an entry of its access list does not open"}
            if keys.principal_token(principal) != token:
                return {"an entry of its access list names another than it shows"}
        return set()


def _document(operator: OperatorScope, document_id: str) -> Select[Any]:
    documents = tables.documents.c
    return select(documents.id, documents.live_version, documents.source_token).where(
        documents.tenant_id == operator.tenant, documents.id == document_id
    )


def _is_of_job_in(states: Sequence[str]) -> ColumnElement[bool]:
    """Whether the row of ``spool`` belongs to a job in one of these states."""
    jobs, spool = tables.jobs.c, tables.spool.c
    return (
        select(jobs.id)
        .where(jobs.id == spool.job_id, jobs.tenant_id == spool.tenant_id, jobs.state.in_(states))
        .exists()
    )


def _without(table: Table, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return not_(select(literal(1)).select_from(table).where(and_(*conditions)).exists())


_D, _V, _C = tables.documents.c, tables.versions.c, tables.chunks.c
_J, _U, _S = tables.jobs.c, tables.uploads.c, tables.spool.c
_STRAYS: dict[str, tuple[Table, *tuple[ColumnElement[bool], ...]]] = {
    "chunks of a version that is neither live nor in quarantine": (
        tables.chunks,
        _without(
            tables.documents, _D.tenant_id == _C.tenant_id, _D.id == _C.document_id, _D.live_version == _C.version
        ),
        _without(
            tables.versions,
            _V.tenant_id == _C.tenant_id,
            _V.document_id == _C.document_id,
            _V.version == _C.version,
            _V.quarantined_at.is_not(None),
        ),
    ),
    "documents without a version": (
        tables.documents,
        _without(tables.versions, _V.tenant_id == _D.tenant_id, _V.document_id == _D.id),
    ),
    "versions without a document": (
        tables.versions,
        _without(tables.documents, _D.tenant_id == _V.tenant_id, _D.id == _V.document_id),
    ),
    "originals kept for no job that waits or failed": (tables.spool, not_(_is_of_job_in(sorted(KEPT)))),
    "waiting jobs without their original": (
        tables.jobs,
        _J.state.in_(sorted(PENDING)),
        _without(tables.spool, _S.tenant_id == _J.tenant_id, _S.job_id == _J.id),
    ),
    "jobs without what was asked for": (
        tables.jobs,
        _without(tables.uploads, _U.tenant_id == _J.tenant_id, _U.job_id == _J.id),
    ),
    "requests without a job": (tables.uploads, _without(tables.jobs, _J.tenant_id == _U.tenant_id, _J.id == _U.job_id)),
}
