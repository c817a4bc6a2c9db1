"""What is stored under a source: which version is live, and whether a newer one is in quarantine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select

from rag_service.crypto.keys import TenantKeys
from rag_service.domain.errors import IntegrityError
from rag_service.domain.identity import OperatorScope
from rag_service.store import tables
from rag_service.store.access import opened_owner
from rag_service.store.database import Connection
from rag_service.store.opened import is_held, reasons_of
from rag_service.store.reviews import newest_reviewed


@dataclass(frozen=True, slots=True)
class HeldVersion:
    """The version in quarantine, the newest of its document. ``owner`` uploaded it; ``judged_by`` says which rule and
    detectors held it."""

    version: int
    content_token: str
    owner: str | None
    reasons: tuple[str, ...]
    chunks: int
    judged_by: str = ""


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """What is stored under a source. ``content_token`` is equal for equal content and pipeline.

    ``version`` is the live one; 0 where all that there is, is in quarantine. ``newest`` is the highest number that was
    ever given to a version.
    """

    document_id: str
    version: int
    newest: int
    content_token: str
    owner: str | None
    held: HeldVersion | None = None

    def is_same(self, content_token: str, owner: str | None) -> bool:
        """Whether this is live already. The same content in another's hands is still theirs to replace."""
        return self.version > 0 and (self.content_token, self.owner) == (content_token, owner)

    def is_unchanged(self, content_token: str, owner: str | None) -> bool:
        """Whether nothing is to be done: this is live, and nothing is in quarantine that would replace it."""
        return self.held is None and self.is_same(content_token, owner)

    def same_held(self, content_token: str, owner: str | None) -> HeldVersion | None:
        """The version in quarantine, if this is it."""
        held = self.held
        return held if held is not None and (held.content_token, held.owner) == (content_token, owner) else None


async def of_source(
    connection: Connection, operator: OperatorScope, keys: TenantKeys, source: str
) -> LiveVersion | None:
    """What is stored under the source, if anything is."""
    documents, versions = tables.documents.c, tables.versions.c
    found = select(documents.id, documents.live_version, documents.sealed_owner).where(
        documents.tenant_id == operator.tenant, documents.source_token == keys.token("source", source)
    )
    document = (await connection.execute(found)).one_or_none()
    if document is None:
        return None
    of_document = (versions.tenant_id == operator.tenant) & (versions.document_id == document.id)
    live = select(versions.content_token).where(of_document, versions.version == document.live_version)
    held = (
        select(tables.versions)
        .where(of_document, versions.quarantined_at.is_not(None), versions.version != document.live_version)
        .order_by(versions.version.desc())
        .limit(1)
    )
    token = (await connection.execute(live)).scalar_one_or_none()
    row = (await connection.execute(held)).one_or_none()
    stored = (await connection.execute(select(func.max(versions.version)).where(of_document))).scalar_one()
    return LiveVersion(
        document_id=document.id,
        version=document.live_version if token is not None else 0,
        newest=max(stored or 0, await newest_reviewed(connection, operator.tenant, document.id)),
        content_token=token or "",
        owner=opened_owner(keys, document.id, document.sealed_owner),
        held=None if row is None else _opened_held(keys, row),
    )


def _opened_held(keys: TenantKeys, row: Row[Any]) -> HeldVersion:
    """One that does not open is the same as nothing: it can still be replaced."""
    try:
        plain = keys.open_version_key(row.document_id, row.version, row.version_key).open(row.sealed_meta, "meta")
    except IntegrityError:
        return HeldVersion(row.version, "", None, (), 0)
    told = json.loads(plain)
    if not is_held(told):  # somebody set the column: what the seal says is believed
        return HeldVersion(row.version, "", None, (), 0)
    judged_by = told["verdict"]["detector_version"]
    return HeldVersion(row.version, row.content_token, told["owner"], reasons_of(told), told["chunks"], judged_by)
