"""Writing documents: a version becomes live in one transaction, together with the note that the index must follow."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.exc import IntegrityError as UniqueViolation

from rag_service.crypto.keys import TenantKeys
from rag_service.domain.document import SealedVersion
from rag_service.domain.errors import Conflict
from rag_service.domain.identity import AccessScope, OperatorScope, Principal
from rag_service.store import tables
from rag_service.store.access import managed, set_access
from rag_service.store.claims import Claim
from rag_service.store.database import Database
from rag_service.store.epoch_vectors import is_vector_of, refuse_other_epoch
from rag_service.store.holding import HeldWith, hold_live
from rag_service.store.live_version import LiveVersion, of_source
from rag_service.store.members import (
    AsMember,
    NewMembers,
    StoredMember,
    align,
    refuse_member,
    remove_document,
    settle,
    stored_members,
    waits,
)
from rag_service.store.opened import refuse_held
from rag_service.store.reviews import SealedReview
from rag_service.store.sketches import SealedSketch, remember
from rag_service.store.switch import drop_held, make_live, put_in_quarantine

if TYPE_CHECKING:
    from rag_service.domain.document import Vector


Kin = AsMember | NewMembers


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
        """What is stored under a source, if anything is: none of it may be live."""
        async with self._database.read(operator.tenant) as connection:
            return await of_source(connection, operator, keys, source)

    async def switch(
        self,
        operator: OperatorScope,
        sealed: SealedVersion,
        claim: Claim,
        sealed_report: bytes,
        held: SealedReview | None = None,
        kin: Kin | None = None,
        sketch: SealedSketch | None = None,
        held_with: HeldWith | None = None,
    ) -> None:
        """The version is live, its predecessor's chunks are gone, the outbox says so, and the job's content is gone.

        All of it, or nothing: so is a change of owner and access list. The job is done when the index has followed.
        With ``held``, which is entered in the history, the version is in quarantine, and what is live stays so. With
        ``kin`` it is a member's version and agrees with its container's; or a container's, whose new members wait in
        the queue, and whose former ones are gone once it is live. What is ``held_with`` it is so, or neither.

        Raises:
            Conflict: another ingestion of the same source or a reviewer was quicker, by which its owner may be another
                by now too, or the access list was widened meanwhile, or another epoch of the index is live by now, for
                which the version has no vectors.
            LeaseLost: the job was cancelled, or is another worker's by now.
        """
        if sealed.tenant != operator.tenant or (held is not None and held.tenant != operator.tenant):
            raise ValueError("a version sealed for one tenant is never stored under another")
        try:
            async with self._database.write(operator.tenant) as connection:
                await refuse_other_epoch(connection, operator.tenant, sealed.epoch)
                if held is None:
                    await make_live(connection, operator.tenant, sealed, claim, sealed_report)
                else:
                    await put_in_quarantine(connection, operator.tenant, sealed, held, claim, sealed_report)
                await settle(connection, operator.tenant, sealed.document_id, kin, is_held=held is not None)
                if sketch is not None:
                    await remember(connection, sketch)
                if held_with is not None:
                    await hold_live(connection, operator, held_with)
        except UniqueViolation:
            raise Conflict("version") from None

    async def withdraw_held(self, operator: OperatorScope, document_id: str) -> None:
        """Nothing of the document is in quarantine any more: what is live was uploaded again since."""
        async with self._database.write(operator.tenant) as connection:
            await drop_held(connection, operator.tenant, document_id)

    async def delete(self, operator: OperatorScope, document_id: str) -> None:
        """The document, its versions, their keys and what waits to replace it are gone; the index is to follow.

        Raises ``NotFound``.
        """
        async with self._database.write(operator.tenant) as connection:
            await remove_document(connection, operator.tenant, document_id)

    async def delete_managed(self, scope: AccessScope, keys: TenantKeys, document_id: str) -> None:
        """As ``delete``, for whoever may manage the document. Raises ``NotFound`` for everybody else."""
        async with self._database.write(scope.tenant) as connection:
            await managed(connection, scope, keys, document_id)
            await remove_document(connection, scope.tenant, document_id)

    async def set_access(
        self,
        scope: AccessScope | OperatorScope,
        keys: TenantKeys,
        document_id: str,
        principals: Iterable[Principal],
    ) -> None:
        """The access list is exactly ``principals``, or where there are none, the owner: in SQL at once, in the index
        when it follows.

        What came in the document has the same list. Raises ``NotFound`` where the scope may not manage the document;
        ``InvalidRequest`` where it names nobody, and the document has no owner; ``Conflict`` where it came in another.
        """
        async with self._database.write(scope.tenant) as connection:
            await set_access(connection, scope, keys, document_id, principals)
            await refuse_member(connection, scope.tenant, document_id)
            await align(connection, scope.tenant, keys, document_id)

    async def members(self, operator: OperatorScope, document_id: str) -> dict[str, StoredMember]:
        """The documents that came in this one, by the token of their source."""
        async with self._database.read(operator.tenant) as connection:
            return await stored_members(connection, operator, document_id)

    async def is_held(self, operator: OperatorScope, document_id: str, version: int) -> bool:
        """Whether this version of the document waits for a reviewer, or else is live. Raises ``NotFound``."""
        async with self._database.read(operator.tenant) as connection:
            return await waits(connection, operator.tenant, document_id, version)

    async def points(
        self, operator: OperatorScope, keys: TenantKeys, document_id: str
    ) -> tuple[list[StoredPoint], list[Principal]]:
        """The live chunks of a document with what the index needs, and its access list; empty if it is gone.

        They are those that have a vector in the epoch of the keys, which need not be the tenant's live one.

        Raises ``IntegrityError`` for what does not open, and for what its seal says is in quarantine.
        """
        import numpy as np

        chunks, versions, access = tables.chunks.c, tables.versions.c, tables.access.c
        query = (
            select(
                chunks.id,
                chunks.version,
                chunks.sealed_record,
                tables.vectors.c.sealed_vector,
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
            .join(tables.documents, _is_live(versions))
            .join(tables.vectors, is_vector_of(chunks, operator.tenant, keys.index.epoch))
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
            plain = seal.open(sealed_vector, keys.index.vector_part, chunk_id)
            vector = np.frombuffer(plain, dtype="<f4").astype(np.float32)
            if source is None:
                meta = json.loads(seal.open(sealed_meta, "meta"))
                refuse_held(meta)
                source = str(meta["source"])
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

    async def chunk_ids(self, operator: OperatorScope, beside: int | None = None) -> frozenset[str]:
        """Every live chunk of the tenant, or those with a vector in the epoch ``beside``, for the consistency check."""
        chunks, versions = tables.chunks.c, tables.versions.c
        query = (
            select(chunks.id)
            .join_from(
                tables.chunks,
                tables.versions,
                (versions.tenant_id == chunks.tenant_id)
                & (versions.document_id == chunks.document_id)
                & (versions.version == chunks.version),
            )
            .join(tables.documents, _is_live(versions))
            .where(chunks.tenant_id == operator.tenant)
        )
        if beside is not None:
            query = query.join(tables.vectors, is_vector_of(chunks, operator.tenant, beside))
        async with self._database.read(operator.tenant) as connection:
            return frozenset(chunk_id for (chunk_id,) in await connection.execute(query))


def _is_live(versions: Any) -> ColumnElement[bool]:
    """The row of ``versions`` is its document's live one, and not in quarantine."""
    documents = tables.documents.c
    condition: ColumnElement[bool] = (
        (documents.tenant_id == versions.tenant_id)
        & (documents.id == versions.document_id)
        & (documents.live_version == versions.version)
        & versions.quarantined_at.is_(None)
    )
    return condition
