"""Writing documents: a version becomes live in one transaction, together with the note that the index must follow."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError as UniqueViolation

from rag_service.crypto.keys import TenantKeys
from rag_service.domain.document import SealedVersion
from rag_service.domain.errors import Conflict, NotFound
from rag_service.domain.identity import AccessScope, OperatorScope, Principal, TenantId
from rag_service.domain.jobs import JobState
from rag_service.store import tables
from rag_service.store.access import (
    insert_access,
    managed,
    opened_owner,
    refuse_wider_list,
    replace_access,
    set_access,
)
from rag_service.store.claims import Claim, end_claimed
from rag_service.store.database import Connection, Database, now
from rag_service.store.outbox import Change, note
from rag_service.store.uploads import cancel_pending

if TYPE_CHECKING:
    from rag_service.domain.document import Vector


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """What is live under a source. ``content_token`` is equal for equal content and pipeline."""

    document_id: str
    version: int
    content_token: str
    owner: str | None

    def is_same(self, content_token: str, owner: str | None) -> bool:
        """Whether nothing is to be done. The same content in another's hands is still theirs to replace."""
        return (self.content_token, self.owner) == (content_token, owner)


@dataclass(frozen=True, slots=True)
class StoredPoint:
    """What the index needs of a stored chunk."""

    chunk_id: str
    vector: Vector
    lexical_text: str
    source: str


class Versions:
    """The writing side, for whoever has custody of the tenant, and in part for a document's owner."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def live(self, operator: OperatorScope, keys: TenantKeys, source: str) -> LiveVersion | None:
        """The live version under a source, if there is one."""
        documents, versions = tables.documents.c, tables.versions.c
        query = (
            select(documents.id, versions.version, versions.content_token, documents.sealed_owner)
            .join_from(
                tables.documents,
                tables.versions,
                (versions.tenant_id == documents.tenant_id)
                & (versions.document_id == documents.id)
                & (versions.version == documents.live_version),
            )
            .where(documents.tenant_id == operator.tenant, documents.source_token == keys.token("source", source))
        )
        async with self._database.read(operator.tenant) as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        owner = opened_owner(keys, row.id, row.sealed_owner)
        return LiveVersion(row.id, row.version, row.content_token, owner)

    async def switch(self, operator: OperatorScope, sealed: SealedVersion, claim: Claim, sealed_report: bytes) -> None:
        """The version is live, its predecessor's chunks are gone, the outbox says so, and the job's content is gone.

        All of it, or nothing: so is a change of owner and access list. The job is done when the index has followed.

        Raises:
            Conflict: another ingestion of the same source was quicker, by which its owner may be another by now too, or
                the access list was widened meanwhile.
            LeaseLost: the job was cancelled, or is another worker's by now.
        """
        if sealed.tenant != operator.tenant:
            raise ValueError("a version sealed for one tenant is never stored under another")
        try:
            await self._switch(operator, sealed, claim, sealed_report)
        except UniqueViolation:
            raise Conflict("version") from None

    async def _switch(self, operator: OperatorScope, sealed: SealedVersion, claim: Claim, sealed_report: bytes) -> None:
        place = {"tenant_id": sealed.tenant, "document_id": sealed.document_id}
        owner = {"owner_token": sealed.owner_token, "sealed_owner": sealed.sealed_owner}
        async with self._database.write(operator.tenant) as connection:
            if sealed.version == 1:
                document = {
                    "tenant_id": sealed.tenant,
                    "id": sealed.document_id,
                    "source_token": sealed.source_token,
                    "live_version": 1,
                    **owner,
                    "created_at": now(),
                }
                await connection.execute(insert(tables.documents).values(document))
                await insert_access(connection, operator.tenant, sealed.document_id, sealed.access)
            elif sealed.replaces_access:
                await replace_access(connection, operator.tenant, sealed.document_id, sealed.access)
            elif sealed.most_readers is not None:
                await refuse_wider_list(connection, operator.tenant, sealed.document_id, sealed.most_readers)
            removed = await self._remove_chunks(connection, operator.tenant, sealed.document_id)
            version = {
                **place,
                "version": sealed.version,
                "version_key": sealed.version_key,
                "content_token": sealed.content_token,
                "sealed_text": sealed.text,
                "sealed_meta": sealed.meta,
                "sealed_values": sealed.values,
                "created_at": now(),
            }
            await connection.execute(insert(tables.versions).values(version))
            rows = [
                {
                    **place,
                    "id": chunk.chunk_id,
                    "version": sealed.version,
                    "ordinal": chunk.ordinal,
                    "sealed_record": chunk.record,
                    "signature": chunk.signature,
                    "sealed_vector": chunk.vector,
                }
                for chunk in sealed.chunks
            ]
            await connection.execute(insert(tables.chunks), rows)
            await connection.execute(
                update(tables.documents)
                .where(tables.documents.c.tenant_id == sealed.tenant, tables.documents.c.id == sealed.document_id)
                .values(
                    live_version=sealed.version,
                    folder_token=func.coalesce(sealed.folder_token, tables.documents.c.folder_token),
                    **(owner if sealed.moves_owner else {}),
                )
            )
            position = await note(connection, operator.tenant, Change.DOCUMENT, sealed.document_id, removed)
            await end_claimed(connection, claim, JobState.STORED, sealed_report, position)

    async def delete(self, operator: OperatorScope, document_id: str) -> None:
        """The document, its versions, their keys and what waits to replace it are gone; the index is to follow.

        Raises ``NotFound``.
        """
        async with self._database.write(operator.tenant) as connection:
            await self._delete(connection, operator.tenant, document_id)

    async def delete_managed(self, scope: AccessScope, keys: TenantKeys, document_id: str) -> None:
        """As ``delete``, for whoever may manage the document. Raises ``NotFound`` for everybody else."""
        async with self._database.write(scope.tenant) as connection:
            await managed(connection, scope, keys, document_id)
            await self._delete(connection, scope.tenant, document_id)

    async def _delete(self, connection: Connection, tenant: TenantId, document_id: str) -> None:
        documents = tables.documents.c
        removed = await self._remove_chunks(connection, tenant, document_id)
        result = await connection.execute(
            delete(tables.documents).where(documents.tenant_id == tenant, documents.id == document_id)
        )
        if not result.rowcount:
            raise NotFound("document")
        await cancel_pending(connection, tenant, document_id)
        await note(connection, tenant, Change.DOCUMENT, document_id, removed)

    async def set_access(
        self,
        scope: AccessScope | OperatorScope,
        keys: TenantKeys,
        document_id: str,
        principals: Iterable[Principal],
    ) -> None:
        """The access list is exactly ``principals``, or where there are none, the owner: in SQL at once, in the index
        when it follows.

        Raises ``NotFound`` where the scope may not manage the document; ``InvalidRequest`` where it names nobody, and
        the document has no owner.
        """
        async with self._database.write(scope.tenant) as connection:
            await set_access(connection, scope, keys, document_id, principals)

    async def points(
        self, operator: OperatorScope, keys: TenantKeys, document_id: str
    ) -> tuple[list[StoredPoint], list[Principal]]:
        """The live chunks of a document with what the index needs, and its access list; empty if it is gone."""
        import numpy as np

        chunks, versions, access = tables.chunks.c, tables.versions.c, tables.access.c
        query = (
            select(
                chunks.id,
                chunks.version,
                chunks.sealed_record,
                chunks.sealed_vector,
                versions.version_key,
                versions.sealed_meta,
            )
            .join_from(
                tables.chunks,
                tables.versions,
                (versions.tenant_id == chunks.tenant_id)
                & (versions.document_id == chunks.document_id)
                & (versions.version == chunks.version),
            )
            .where(chunks.tenant_id == operator.tenant, chunks.document_id == document_id)
            .order_by(chunks.ordinal)
        )
        listed = select(access.sealed_principal).where(
            access.tenant_id == operator.tenant, access.document_id == document_id
        )
        async with self._database.read(operator.tenant) as connection:
            rows = (await connection.execute(query)).all()
            principals = [
                Principal.parse(keys.open_name("principal", sealed, document_id))
                for (sealed,) in await connection.execute(listed)
            ]
        points = []
        source = None
        for chunk_id, version, sealed_record, sealed_vector, version_key, sealed_meta in rows:
            seal = keys.open_version_key(document_id, version, version_key)
            record = json.loads(seal.open(sealed_record, "chunk", chunk_id))
            vector = np.frombuffer(seal.open(sealed_vector, "vector", chunk_id), dtype="<f4").astype(np.float32)
            source = source or str(json.loads(seal.open(sealed_meta, "meta"))["source"])
            points.append(StoredPoint(chunk_id, vector, f"{record['heading']}\n{record['text']}", source))
        return points, principals

    async def of_folder(self, operator: OperatorScope, keys: TenantKeys, folder: str) -> dict[str, str]:
        """The documents of a synchronised folder, each with the token of its source."""
        documents = tables.documents.c
        query = select(documents.id, documents.source_token).where(
            documents.tenant_id == operator.tenant, documents.folder_token == keys.token("folder", folder)
        )
        async with self._database.read(operator.tenant) as connection:
            return {row.id: row.source_token for row in await connection.execute(query)}

    async def adopt(self, operator: OperatorScope, keys: TenantKeys, document_ids: Iterable[str], folder: str) -> None:
        """The documents belong to this folder, and to no other any more."""
        documents = tables.documents.c
        of_folder = {"folder_token": keys.token("folder", folder)}
        async with self._database.write(operator.tenant) as connection:
            for document_id in document_ids:
                theirs = (documents.tenant_id == operator.tenant) & (documents.id == document_id)
                await connection.execute(update(tables.documents).where(theirs).values(of_folder))

    async def document_ids(self, operator: OperatorScope) -> list[str]:
        """Every document of the tenant, for making its collection anew."""
        documents = tables.documents.c
        query = select(documents.id).where(documents.tenant_id == operator.tenant).order_by(documents.id)
        async with self._database.read(operator.tenant) as connection:
            return [document_id for (document_id,) in await connection.execute(query)]

    async def chunk_ids(self, operator: OperatorScope) -> frozenset[str]:
        """Every live chunk of the tenant, for the consistency check."""
        async with self._database.read(operator.tenant) as connection:
            rows = await connection.execute(
                select(tables.chunks.c.id).where(tables.chunks.c.tenant_id == operator.tenant)
            )
            return frozenset(chunk_id for (chunk_id,) in rows)

    async def _remove_chunks(self, connection: Connection, tenant: TenantId, document_id: str) -> tuple[str, ...]:
        table = tables.chunks.c
        of_document = (table.tenant_id == tenant) & (table.document_id == document_id)
        rows = (await connection.execute(select(table.id).where(of_document))).all()
        await connection.execute(delete(tables.chunks).where(of_document))
        return tuple(chunk_id for (chunk_id,) in rows)
