"""Versions in quarantine: listed, shown, released and rejected by reviewers, with every step in a sealed history.

A reviewer sees whatever is held in the tenant, whoever may read the document: judging it is what the role is for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import select

from rag_service.crypto.keys import TenantKeys
from rag_service.domain.errors import Conflict, Forbidden, NotFound
from rag_service.domain.identity import AccessScope, OperatorScope, Role
from rag_service.domain.review import Decision, HeldDocument, Review
from rag_service.domain.verdict import HELD_CONTAINER
from rag_service.store import tables
from rag_service.store.database import Connection, Database
from rag_service.store.decisions import Held, reject, release
from rag_service.store.held_rows import as_listed, held_one, held_rows, opened_held
from rag_service.store.members import member_ids
from rag_service.store.reviews import (
    Reviewed,
    last_previewed,
    opened_reviews,
    record,
    released_kinds,
    sealed_review,
)

_MOST_ON_A_PAGE = 200


@dataclass(frozen=True, slots=True)
class HeldContent:
    """What a version in quarantine says: ``text`` is canonical, ``concealed`` what the file hid from its readers.

    ``findings`` are kind, start and end, in code points of the text.
    """

    document: HeldDocument
    text: str
    concealed: tuple[str, ...]
    findings: tuple[tuple[str, int, int], ...]


class Quarantine:
    """For reviewers and for operators. No method can be called without a scope.

    ``review_own`` lets reviewers release what they uploaded themselves.
    """

    def __init__(self, database: Database, *, review_own: bool = False) -> None:
        self._database = database
        self._review_own = review_own

    async def held(
        self,
        scope: AccessScope | OperatorScope,
        keys: TenantKeys,
        *,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[HeldDocument]:
        """What is in quarantine, by the documents' ids, beginning after the id ``after``."""
        _demand(scope, Role.REVIEW)
        found: list[HeldDocument] = []
        async with self._database.read(scope.tenant) as connection:
            while limit is None or len(found) < limit:
                query = held_rows(scope).limit(_MOST_ON_A_PAGE)
                if after is not None:
                    query = query.where(tables.documents.c.id > after)
                rows = (await connection.execute(query)).all()
                found += [as_listed(one) for one in opened_held(keys, rows)]
                if len(rows) < _MOST_ON_A_PAGE:
                    break
                after = rows[-1].document_id
        return found[:limit]

    async def find(self, scope: AccessScope | OperatorScope, keys: TenantKeys, document_id: str) -> HeldDocument:
        """Raises ``NotFound``, alike for an absent document, another tenant's, and one of which nothing is held."""
        _demand(scope, Role.REVIEW)
        async with self._database.read(scope.tenant) as connection:
            return as_listed(await held_one(connection, scope, keys, document_id))

    async def preview(self, scope: AccessScope | OperatorScope, keys: TenantKeys, document_id: str) -> HeldContent:
        """What the version says, for whoever judges it; that they looked is in the history. Raises as ``find``."""
        _demand(scope, Role.REVIEW)
        async with self._database.write(scope.tenant) as connection:
            held = await held_one(connection, scope, keys, document_id)
            await record(connection, sealed_review(keys, held.about, Decision.PREVIEWED, _who(scope)))
            content = select(tables.versions.c.sealed_text, tables.versions.c.sealed_screening).where(held.place)
            row = (await connection.execute(content)).one()
        screening = (
            {} if row.sealed_screening is None else json.loads(held.seal.open(row.sealed_screening, "screening"))
        )
        marks = [*screening.get("suspicions", ()), *screening.get("hiding", ()), *screening.get("evidence", ())]
        return HeldContent(
            document=as_listed(held),
            text=held.seal.open(row.sealed_text, "text").decode(),
            concealed=(*screening.get("concealed", ()), *screening.get("disguised", ())),
            findings=tuple(sorted({(kind, start, end) for kind, start, end, _ in marks}, key=lambda one: one[1:])),
        )

    async def release(
        self,
        scope: AccessScope | OperatorScope,
        keys: TenantKeys,
        document_id: str,
        *,
        note: str = "",
        version: int | None = None,
    ) -> int:
        """The version is live in the place of the former, and the index is to follow. Returns its number.

        Without ``version`` it is the one that this reviewer looked at last, if they looked at any.

        Raises ``NotFound`` as ``find``; ``Conflict`` where another version is held than was judged, where the reviewer
        uploaded it, and where it cannot become live as it is.
        """
        _demand(scope, Role.REVIEW)
        async with self._database.write(scope.tenant) as connection:
            held = await _judged(connection, scope, keys, document_id, version)
            if isinstance(scope, AccessScope) and not self._review_own and scope.user in held.uploaders:
                raise Conflict("review", "somebody else than its uploader and its owner is to release this document")
            await record(connection, sealed_review(keys, held.about, Decision.RELEASED, _who(scope), note))
            await release(connection, scope.tenant, keys, held, _who(scope))
            for member in await _waiting_with(connection, scope, keys, held):
                if member.about.reasons == (HELD_CONTAINER,):
                    await record(connection, sealed_review(keys, member.about, Decision.RELEASED, _who(scope)))
                    await release(connection, scope.tenant, keys, member, _who(scope))
        return held.version

    async def reject(
        self,
        scope: AccessScope | OperatorScope,
        keys: TenantKeys,
        document_id: str,
        *,
        note: str = "",
        version: int | None = None,
    ) -> int:
        """The version and its key are gone, and the document too where nothing of it is live. Returns its number.

        Raises ``NotFound`` as ``find``; ``Conflict`` where another version is held than was judged, as ``release``.
        """
        _demand(scope, Role.REVIEW)
        async with self._database.write(scope.tenant) as connection:
            held = await _judged(connection, scope, keys, document_id, version)
            await record(connection, sealed_review(keys, held.about, Decision.REJECTED, _who(scope), note))
            for member in await _waiting_with(connection, scope, keys, held):
                await record(connection, sealed_review(keys, member.about, Decision.REJECTED, _who(scope)))
                await reject(connection, scope.tenant, member)
            await reject(connection, scope.tenant, held)
        return held.version

    async def history(
        self,
        scope: AccessScope | OperatorScope,
        keys: TenantKeys,
        *,
        limit: int,
        before: str | None = None,
        document_id: str | None = None,
    ) -> list[Review]:
        """The latest entries, the last one first, beginning before the entry ``before``; those of a document alone."""
        _demand(scope, Role.REVIEW, Role.AUDIT)
        reviews = tables.reviews.c
        query = select(tables.reviews).where(reviews.tenant_id == scope.tenant).order_by(reviews.id.desc()).limit(limit)
        if document_id is not None:
            query = query.where(reviews.document_id == document_id)
        found: list[Review] = []
        async with self._database.read(scope.tenant) as connection:
            while len(found) < limit:  # whatever entries between them were altered: those behind are shown
                later = query if before is None else query.where(reviews.id < before)
                rows = (await connection.execute(later)).all()
                found += opened_reviews(keys, rows)
                if len(rows) < limit:
                    break
                before = rows[-1].id
        return found[:limit]

    async def released_kinds(
        self, operator: OperatorScope, keys: TenantKeys, about: Reviewed
    ) -> tuple[str, ...] | None:
        """With which kinds of suspicions just this content was released before; ``None`` where it was not."""
        if not about.reasons:
            return None
        async with self._database.read(operator.tenant) as connection:
            return await released_kinds(connection, operator, keys, about)


async def _judged(
    connection: Connection,
    scope: AccessScope | OperatorScope,
    keys: TenantKeys,
    document_id: str,
    version: int | None,
) -> Held:
    """What is held, if it is what the reviewer means: its uploader may have put another in its place. Raises so."""
    if version is None:
        version = await last_previewed(connection, scope.tenant, keys, document_id, _who(scope))
    return await held_one(connection, scope, keys, document_id, version)


async def _waiting_with(
    connection: Connection, scope: AccessScope | OperatorScope, keys: TenantKeys, container: Held
) -> list[Held]:
    """What came in just this version of the document, and waits for it among other reasons."""
    found = []
    for member_id in await member_ids(connection, scope.tenant, container.document_id):
        try:
            held = await held_one(connection, scope, keys, member_id)
        except NotFound:
            continue
        if HELD_CONTAINER in held.about.reasons and held.told.get("parent_version") == container.version:
            found.append(held)
    return found


def _demand(scope: AccessScope | OperatorScope, *roles: Role) -> None:
    """Raises ``Forbidden`` for a caller with none of the roles. Holding the master key is authority enough."""
    if isinstance(scope, AccessScope) and scope.roles.isdisjoint(roles):
        raise Forbidden(" or ".join(roles))


def _who(scope: AccessScope | OperatorScope) -> str:
    return scope.user if isinstance(scope, AccessScope) else "operator"
