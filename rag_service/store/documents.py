"""Reading documents. Every read takes an ``AccessScope``, and demands it in SQL: tenant, live version, access list."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import ColumnElement, exists, null, select

from rag_service.crypto.keys import TenantKeys
from rag_service.domain.errors import Forbidden, IntegrityError, NotFound, SealBroken
from rag_service.domain.identity import AccessScope, OperatorScope, Principal, Role
from rag_service.store import tables
from rag_service.store.access import AccessList, opened_owner, read_access
from rag_service.store.database import Database
from rag_service.store.epoch_vectors import is_vector_of
from rag_service.store.opened import DocumentMeta, OpenedChunk, opened_chunk, opened_meta
from rag_service.store.restoring import Restored, restored

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OpenedChunks:
    """``tampered`` are documents, one for each chunk that failed its seal or signature.

    What SQL refused is in neither.
    """

    chunks: dict[str, OpenedChunk]
    tampered: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Version:
    meta: DocumentMeta
    text: str
    values: bytes | None


class Documents:
    """What one caller may read. No method can be called without a scope."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_chunks(self, scope: AccessScope, keys: TenantKeys, chunk_ids: Sequence[str]) -> OpenedChunks:
        """Those of the chunks that belong to a live version which the scope may read, decrypted and verified."""
        chunks, versions = tables.chunks.c, tables.versions.c
        query = (
            select(
                chunks.id,
                chunks.document_id,
                chunks.version,
                chunks.sealed_record,
                tables.vectors.c.sealed_vector,
                chunks.signature,
                versions.version_key,
                versions.sealed_meta,
                _grant_of(scope, keys),
            )
            .join_from(tables.chunks, tables.documents, _is_live_version_of(chunks))
            .join(
                tables.versions,
                (versions.tenant_id == chunks.tenant_id)
                & (versions.document_id == chunks.document_id)
                & (versions.version == chunks.version)
                & versions.quarantined_at.is_(None),
            )
            .join(tables.vectors, is_vector_of(chunks, scope.tenant, keys.index.epoch))
            .where(chunks.tenant_id == scope.tenant, chunks.id.in_(chunk_ids), _is_allowed(scope, keys))
        )
        async with self._database.read(scope.tenant) as connection:
            rows = (await connection.execute(query)).all()
        opened: dict[str, OpenedChunk] = {}
        tampered: list[str] = []
        metas: dict[tuple[str, int], DocumentMeta] = {}
        for chunk_id, document_id, version, record, sealed_vector, signature, version_key, sealed_meta, grant in rows:
            try:
                _check_grant(scope, keys, document_id, grant)
                seal = keys.open_version_key(document_id, version, version_key)
                plain = seal.open(record, "chunk", chunk_id)
                vector = seal.open(sealed_vector, keys.index.vector_part, chunk_id)
                keys.verify(signature, plain, document_id, version, chunk_id)
                if (document_id, version) not in metas:
                    metas[document_id, version] = opened_meta(seal.open(sealed_meta, "meta"), document_id, version)
            except IntegrityError:
                tampered.append(document_id)
                continue
            opened[chunk_id] = opened_chunk(plain, vector, chunk_id, metas[document_id, version])
        return OpenedChunks(opened, tuple(tampered))

    async def readable(
        self, scope: AccessScope, keys: TenantKeys, *, limit: int, after: str | None = None
    ) -> list[DocumentMeta]:
        """The live documents that the scope may read, by id, beginning after the id ``after``.

        Fewer than ``limit`` are the last, whatever rows between them were altered.
        """
        found: list[DocumentMeta] = []
        while len(found) < limit:
            metas, last = await self._metas(scope, keys, limit, after)
            found += metas
            if last is None:
                break
            after = last
        return found[:limit]

    async def all(self, operator: OperatorScope, keys: TenantKeys) -> list[DocumentMeta]:
        """Every live document of the operator's tenant."""
        return (await self._metas(operator, keys, None, None))[0]

    async def meta(
        self, scope: AccessScope | OperatorScope, keys: TenantKeys, document_id: str, version: int | None = None
    ) -> DocumentMeta:
        """Raises ``NotFound``, alike for an absent document, a forbidden one and another tenant's."""
        return (await self._version(scope, keys, document_id, version)).meta

    async def text(
        self, scope: AccessScope, keys: TenantKeys, document_id: str, version: int | None = None
    ) -> tuple[int, str]:
        """A version's number and canonical text. Raises ``NotFound`` as ``meta`` does."""
        opened = await self._version(scope, keys, document_id, version, with_text=True)
        return opened.meta.version, opened.text

    async def restored(
        self, scope: AccessScope, keys: TenantKeys, document_id: str, version: int | None = None
    ) -> Restored:
        """A version's text with the values that may be restored, of which the log tells who saw how many.

        Raises:
            Forbidden: the scope may restore nothing, whatever the document.
            NotFound: as ``meta``.
        """
        if Role.RESTORE not in scope.roles:
            raise Forbidden(Role.RESTORE)
        opened = await self._version(scope, keys, document_id, version, with_text=True)
        number = opened.meta.version
        try:
            text, count = restored(opened.text, opened.values or b"[]", expected=opened.meta.restorable)
        except SealBroken:
            _log.error("broken_seal", document=document_id)
            raise NotFound("document") from None
        _log.info(
            "values_restored", tenant=scope.tenant, document=document_id, version=number, user=scope.user, values=count
        )
        return Restored(number, text, count)

    async def access(self, scope: AccessScope | OperatorScope, keys: TenantKeys, document_id: str) -> AccessList:
        """Who may read the document, for whoever may change that. Raises ``NotFound`` for everybody else."""
        async with self._database.read(scope.tenant) as connection:
            return await read_access(connection, scope, keys, document_id)

    async def _version(
        self,
        scope: AccessScope | OperatorScope,
        keys: TenantKeys,
        document_id: str,
        version: int | None,
        *,
        with_text: bool = False,
    ) -> _Version:
        versions = tables.versions.c
        wanted = tables.documents.c.live_version if version is None else version
        query = (
            select(
                versions.version,
                versions.version_key,
                versions.sealed_meta,
                versions.sealed_text if with_text else null().label("sealed_text"),
                versions.sealed_values if with_text else null().label("sealed_values"),
                tables.documents.c.live_version,
                tables.documents.c.sealed_owner,
                _grant_of(scope, keys).label("grant"),
            )
            .join_from(
                tables.versions,
                tables.documents,
                (tables.documents.c.tenant_id == versions.tenant_id)
                & (tables.documents.c.id == versions.document_id)
                & (versions.version == wanted)
                & versions.quarantined_at.is_(None),
            )
            .where(tables.documents.c.id == document_id, _is_allowed(scope, keys))
        )
        async with self._database.read(scope.tenant) as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound("document")
        try:
            _check_grant(scope, keys, document_id, row.grant)
            seal = keys.open_version_key(document_id, row.version, row.version_key)
            plain = seal.open(row.sealed_meta, "meta")
            text = seal.open(row.sealed_text, "text").decode() if with_text else ""
            values = None if row.sealed_values is None else seal.open(row.sealed_values, "values")
            meta = opened_meta(plain, document_id, row.version)
        except IntegrityError:
            _log.error("broken_seal", document=document_id)
            if isinstance(scope, OperatorScope):
                raise
            raise NotFound("document") from None
        if row.version != row.live_version:
            _refuse_earlier(scope, opened_owner(keys, document_id, row.sealed_owner), plain)
        return _Version(meta, text, values)

    async def _metas(
        self, scope: AccessScope | OperatorScope, keys: TenantKeys, limit: int | None, after: str | None
    ) -> tuple[list[DocumentMeta], str | None]:
        """Those of the next ``limit`` that open, and the last id where there may be more behind it."""
        versions = tables.versions.c
        query = (
            select(
                versions.document_id,
                versions.version,
                versions.version_key,
                versions.sealed_meta,
                _grant_of(scope, keys),
            )
            .join_from(tables.versions, tables.documents, _is_live_version_of(versions))
            .where(_is_allowed(scope, keys), versions.quarantined_at.is_(None))
            .order_by(tables.documents.c.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(tables.documents.c.id > after)
        async with self._database.read(scope.tenant) as connection:
            rows = (await connection.execute(query)).all()
        metas = []
        for document_id, version, key, sealed, grant in rows:
            try:
                _check_grant(scope, keys, document_id, grant)
                plain = keys.open_version_key(document_id, version, key).open(sealed, "meta")
                metas.append(opened_meta(plain, document_id, version))
            except IntegrityError:
                _log.error("broken_seal", document=document_id)  # one altered row must not hide the others
        return metas, rows[-1].document_id if limit and len(rows) == limit else None


def _is_live_version_of(table: Any) -> ColumnElement[bool]:
    documents = tables.documents.c
    condition: ColumnElement[bool] = (
        (documents.tenant_id == table.tenant_id)
        & (documents.id == table.document_id)
        & (documents.live_version == table.version)
    )
    return condition


def _is_allowed(scope: AccessScope | OperatorScope, keys: TenantKeys) -> ColumnElement[bool]:
    """The document is of the scope's tenant, and to read it, its access list names one of the scope's principals."""
    if keys.tenant != scope.tenant:
        raise ValueError("a scope of one tenant never meets the keys of another")
    documents = tables.documents.c
    of_tenant: ColumnElement[bool] = documents.tenant_id == scope.tenant
    return of_tenant if isinstance(scope, OperatorScope) else of_tenant & exists().where(*_names(scope, keys))


def _grant_of(scope: AccessScope | OperatorScope, keys: TenantKeys) -> ColumnElement[Any]:
    """The sealed entry of the document's access list that names the scope; for custody there is none."""
    if isinstance(scope, OperatorScope):
        return null()
    access = tables.access.c
    entries = select(access.sealed_principal).where(*_names(scope, keys)).order_by(access.principal_token)
    return entries.limit(1).scalar_subquery()


def _names(scope: AccessScope, keys: TenantKeys) -> tuple[ColumnElement[bool], ...]:
    documents, access = tables.documents.c, tables.access.c
    return (
        access.tenant_id == documents.tenant_id,
        access.document_id == documents.id,
        access.principal_token.in_(sorted(keys.principal_token(principal) for principal in scope.principals)),
    )


def _check_grant(scope: AccessScope | OperatorScope, keys: TenantKeys, document_id: str, sealed: bytes | None) -> None:
    """The entry was sealed for this document, and names the scope: whoever writes SQL without the keys grants nothing.

    Raises ``SealBroken``.
    """
    if isinstance(scope, OperatorScope):
        return
    if sealed is None or Principal.parse(keys.open_name("principal", sealed, document_id)) not in scope.principals:
        raise SealBroken


def _refuse_earlier(scope: AccessScope | OperatorScope, owner: str | None, plain_meta: bytes) -> None:
    """An earlier version is its owner's and the administrators': a list was widened for what is live now.

    Who took the document over since owns what came before no more than whoever lost it. Raises ``NotFound``.
    """
    if isinstance(scope, OperatorScope) or Role.ADMIN in scope.roles:
        return
    if not scope.user == owner == json.loads(plain_meta).get("owner"):
        raise NotFound("document")
