"""Versions in quarantine, found and opened. A row alone puts nothing there: what the seal says is believed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Row, select

from rag_service.crypto.keys import TenantKeys, VersionSeal
from rag_service.domain.errors import Conflict, IntegrityError, NotFound
from rag_service.domain.identity import AccessScope, OperatorScope
from rag_service.domain.review import HeldDocument
from rag_service.store import tables
from rag_service.store.database import Connection
from rag_service.store.decisions import Held
from rag_service.store.opened import is_held, reasons_of
from rag_service.store.reviews import Reviewed

_log = structlog.get_logger()


def held_rows(scope: AccessScope | OperatorScope) -> Any:
    """What is in quarantine by its row, by the documents' ids, the newest version of each first."""
    versions, documents = tables.versions.c, tables.documents.c
    return (
        select(
            versions.document_id,
            versions.version,
            versions.version_key,
            versions.content_token,
            versions.sealed_meta,
            versions.quarantined_at,
            documents.live_version,
        )
        .join_from(tables.versions, tables.documents, _belongs())
        .where(versions.tenant_id == scope.tenant, versions.quarantined_at.is_not(None))
        .order_by(documents.id, versions.version.desc())
    )


def _belongs() -> ColumnElement[bool]:
    versions, documents = tables.versions.c, tables.documents.c
    condition: ColumnElement[bool] = (
        (documents.tenant_id == versions.tenant_id)
        & (documents.id == versions.document_id)
        & (documents.live_version != versions.version)
    )
    return condition


async def held_one(
    connection: Connection,
    scope: AccessScope | OperatorScope,
    keys: TenantKeys,
    document_id: str,
    version: int | None = None,
) -> Held:
    """The newest version of the document in quarantine.

    Raises ``NotFound``; ``Conflict`` where it is another than ``version``.
    """
    if keys.tenant != scope.tenant:
        raise ValueError("a scope of one tenant never meets the keys of another")
    rows = (await connection.execute(held_rows(scope).where(tables.documents.c.id == document_id))).all()
    if not (found := opened_held(keys, rows)):
        raise NotFound("document in quarantine")
    if version is not None and found[0].version != version:
        raise Conflict("version", "another version is in quarantine by now: look at that one first")
    return found[0]


def opened_held(keys: TenantKeys, rows: Sequence[Row[Any]]) -> list[Held]:
    """Those that open and are held by their seal; one altered row must not hide the others."""
    found = []
    for row in rows:
        try:
            seal = keys.open_version_key(row.document_id, row.version, row.version_key)
            told = json.loads(seal.open(row.sealed_meta, "meta"))
        except IntegrityError:
            _log.error("broken_seal", document=row.document_id)
            continue
        if is_held(told):
            found.append(_held(row, keys, seal, told))
    return found


def _held(row: Row[Any], keys: TenantKeys, seal: VersionSeal, told: dict[str, Any]) -> Held:
    versions = tables.versions.c
    place = (
        (versions.tenant_id == keys.tenant)
        & (versions.document_id == row.document_id)
        & (versions.version == row.version)
    )
    about = Reviewed.of(row.document_id, row.version, row.content_token, told)
    return Held(row.document_id, row.version, row.live_version, row.quarantined_at, seal, told, about, place)


def as_listed(held: Held) -> HeldDocument:
    """As reviewers see it listed."""
    told = held.told
    named = (told.get("waits_with") or {}).get("access")
    return HeldDocument(
        document_id=held.document_id,
        version=held.version,
        live_version=held.live_version,
        title=told["title"],
        source=told["source"],
        media_type=told["media_type"],
        uploader=told["ingested_by"],
        owner=told["owner"],
        held_at=held.held_at,
        reasons=reasons_of(told),
        detector_version=told["verdict"]["detector_version"],
        suspicions=told["suspicions"],
        concealments=tuple(told["concealments"]),
        characters=told["characters"],
        chunks=told["chunks"],
        readers=None if named is None else tuple(named),
    )
