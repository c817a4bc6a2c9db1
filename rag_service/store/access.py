"""A document's access list, and who may change it: its owner, the tenant's administrators, and the operator.

Owners and entries are believed only where their sealed names open in this document's row: a keyed token alone may have
been copied from another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from sqlalchemy import ColumnElement, delete, false, insert, select

from rag_service.crypto.keys import TenantKeys
from rag_service.domain.errors import Conflict, IntegrityError, InvalidRequest, NotFound
from rag_service.domain.identity import AccessScope, OperatorScope, Principal, Role, TenantId
from rag_service.store import tables
from rag_service.store.database import Connection
from rag_service.store.outbox import Change, note

_log = structlog.get_logger()
_NOBODY = "the document has no owner to whom it could be private: name at least one reader"


@dataclass(frozen=True, slots=True)
class AccessList:
    """Who may read a document. ``spoilt`` counts entries that do not open in their place: they let nobody read."""

    owner: str | None
    principals: tuple[Principal, ...]
    spoilt: int = 0

    @property
    def entries(self) -> list[str]:
        """The principals as text, in the order of the alphabet."""
        return sorted(map(str, self.principals))


def may_manage(scope: AccessScope | OperatorScope, keys: TenantKeys, document_id: str) -> ColumnElement[bool]:
    """The row of ``documents`` is this document's, of the scope's tenant, and its own to share and to delete.

    Of an owner it says only what the row's token says; ``believed_owner`` is to agree.
    """
    if keys.tenant != scope.tenant:
        raise ValueError("a scope of one tenant never meets the keys of another")
    documents = tables.documents.c
    this: ColumnElement[bool] = (documents.tenant_id == scope.tenant) & (documents.id == document_id)
    if isinstance(scope, OperatorScope) or Role.ADMIN in scope.roles:
        return this
    if Role.INGEST in scope.roles:
        return this & (documents.owner_token == keys.token("user", scope.user))
    return this & false()


def believed_owner(
    scope: AccessScope | OperatorScope, keys: TenantKeys, document_id: str, sealed: bytes | None
) -> str | None:
    """The owner of a document that ``may_manage`` admits; ``None`` where it has none, or its name does not open.

    Raises ``NotFound`` where the scope may manage it only as its owner, and is not.
    """
    owner = opened_owner(keys, document_id, sealed)
    if isinstance(scope, AccessScope) and Role.ADMIN not in scope.roles and owner != scope.user:
        raise NotFound("document")
    return owner


def opened_owner(keys: TenantKeys, document_id: str, sealed: bytes | None) -> str | None:
    """Whose the document is; nobody's, where its owner's name was altered or comes from another row."""
    try:
        return None if sealed is None else keys.open_name("owner", sealed, document_id)
    except IntegrityError:
        _log.error("broken_seal", document=document_id)
        return None


async def managed(
    connection: Connection, scope: AccessScope | OperatorScope, keys: TenantKeys, document_id: str
) -> str | None:
    """The owner of a document that the scope may manage, as part of the transaction that changes it.

    Raises ``NotFound``, alike for an absent document, another tenant's and one of another owner.
    """
    query = select(tables.documents.c.sealed_owner).where(may_manage(scope, keys, document_id))
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound("document")
    return believed_owner(scope, keys, document_id, row.sealed_owner)


async def read_access(
    connection: Connection, scope: AccessScope | OperatorScope, keys: TenantKeys, document_id: str
) -> AccessList:
    """The list as it stands at one moment. Raises ``NotFound`` as ``managed`` does."""
    documents, access = tables.documents.c, tables.access.c
    of_document = (access.tenant_id == documents.tenant_id) & (access.document_id == documents.id)
    query = (
        select(documents.sealed_owner, access.sealed_principal)
        .join_from(tables.documents, tables.access, of_document, isouter=True)
        .where(may_manage(scope, keys, document_id))
    )
    rows = (await connection.execute(query)).all()
    if not rows:
        raise NotFound("document")
    owner = believed_owner(scope, keys, document_id, rows[0].sealed_owner)
    sealed = [row.sealed_principal for row in rows if row.sealed_principal is not None]
    principals = []
    for one in sealed:
        try:
            principals.append(Principal.parse(keys.open_name("principal", one, document_id)))
        except IntegrityError:
            _log.error("broken_seal", document=document_id)
    return AccessList(owner, tuple(sorted(principals)), len(sealed) - len(principals))


async def set_access(
    connection: Connection,
    scope: AccessScope | OperatorScope,
    keys: TenantKeys,
    document_id: str,
    principals: Iterable[Principal],
) -> None:
    """As part of this transaction, the list is exactly ``principals``, or where that is empty, the owner.

    Raises ``NotFound`` as ``managed`` does; ``InvalidRequest`` where nobody would be left.
    """
    listed = set(principals)
    owner = await managed(connection, scope, keys, document_id)
    if not listed and owner is None:
        raise InvalidRequest(_NOBODY)
    rows = sealed_access(keys, document_id, listed or {Principal.user(str(owner))})
    await replace_access(connection, scope.tenant, document_id, rows)
    await note(connection, scope.tenant, Change.DOCUMENT, document_id)


async def replace_access(
    connection: Connection, tenant: TenantId, document_id: str, access: Iterable[tuple[str, bytes]]
) -> None:
    """As part of this transaction, the list is exactly these entries."""
    table = tables.access.c
    await connection.execute(delete(tables.access).where(table.tenant_id == tenant, table.document_id == document_id))
    await insert_access(connection, tenant, document_id, access)


async def refuse_wider_list(connection: Connection, tenant: TenantId, document_id: str, most: frozenset[str]) -> None:
    """The list may have changed since it was looked at, while the content was parsed and embedded.

    Raises ``Conflict`` where it holds the token of anybody but ``most``.
    """
    table = tables.access.c
    listed = select(table.principal_token).where(table.tenant_id == tenant, table.document_id == document_id)
    if not {token for (token,) in await connection.execute(listed)} <= most:
        raise Conflict("access list")


async def insert_access(
    connection: Connection, tenant: TenantId, document_id: str, access: Iterable[tuple[str, bytes]]
) -> None:
    """As part of this transaction, these entries stand beside those that are there."""
    place = {"tenant_id": tenant, "document_id": document_id}
    rows = [{**place, "principal_token": token, "sealed_principal": sealed} for token, sealed in access]
    if rows:
        await connection.execute(insert(tables.access), rows)


def sealed_access(keys: TenantKeys, document_id: str, principals: Iterable[Principal]) -> tuple[tuple[str, bytes], ...]:
    """The rows of an access list: a token to match, and the sealed name to show, which opens for no other document."""
    listed = sorted(set(principals))
    return tuple((keys.principal_token(one), keys.seal_name("principal", str(one), document_id)) for one in listed)


def sealed_owner(keys: TenantKeys, document_id: str, owner: str) -> bytes:
    """Whose a document is, in a form that makes them the owner of no other."""
    return keys.seal_name("owner", owner, document_id)
