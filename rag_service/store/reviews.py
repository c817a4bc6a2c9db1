"""The history of the quarantine: sealed entries that outlive the documents that they are about."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Row, func, insert, select

from rag_service.crypto.keys import TenantKeys
from rag_service.domain.errors import IntegrityError
from rag_service.domain.identity import OperatorScope, TenantId
from rag_service.domain.review import Decision, Review
from rag_service.store import tables
from rag_service.store.database import Connection, now
from rag_service.store.opened import reasons_of

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SealedReview:
    """An entry ready to be stored: nothing of who, why and what can be read."""

    tenant: TenantId
    review_id: str
    document_id: str
    version: int
    content_token: str
    entry: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What an entry is about. ``source_token`` is that of the document's own source, ``source`` what readers see."""

    document_id: str
    version: int
    content_token: str
    source_token: str
    source: str
    detector_version: str
    reasons: Collection[str]
    kinds: Collection[str] = ()

    @staticmethod
    def of(document_id: str, version: int, content_token: str, told: Mapping[str, Any]) -> Reviewed:
        """What an entry about a stored version says, by its sealed part."""
        return Reviewed(
            document_id=document_id,
            version=version,
            content_token=content_token,
            source_token=told["source_token"],
            source=told["source"],
            detector_version=told["verdict"]["detector_version"],
            reasons=reasons_of(told),
            kinds={*told["suspicions"], *told["concealments"]},
        )


def sealed_review(keys: TenantKeys, about: Reviewed, decision: Decision, by: str, note: str = "") -> SealedReview:
    """The entry, sealed for its own row. Ids rise with time."""
    moment = now()
    review_id = f"{int(moment.timestamp() * 1e6):015x}{secrets.token_hex(4)}"
    told = {
        "decision": decision.value,
        "by": by,
        "at": moment.isoformat(),
        "source": about.source,
        "source_token": about.source_token,
        "reasons": sorted(about.reasons),
        "kinds": sorted(about.kinds),
        "detector_version": about.detector_version,
        "note": note,
    }
    place = (review_id, about.document_id, str(about.version), about.content_token)
    entry = keys.seal_name("review", json.dumps(told), *place)
    return SealedReview(keys.tenant, review_id, about.document_id, about.version, about.content_token, entry, moment)


async def record(connection: Connection, review: SealedReview) -> None:
    """The entry is part of this transaction."""
    row = {
        "tenant_id": review.tenant,
        "id": review.review_id,
        "document_id": review.document_id,
        "version": review.version,
        "content_token": review.content_token,
        "sealed_entry": review.entry,
        "created_at": review.created_at,
    }
    await connection.execute(insert(tables.reviews).values(row))


async def newest_reviewed(connection: Connection, tenant: TenantId, document_id: str) -> int:
    """The highest version of the document that was ever in quarantine: no number is used twice."""
    reviews = tables.reviews.c
    query = select(func.max(reviews.version)).where(reviews.tenant_id == tenant, reviews.document_id == document_id)
    return int((await connection.execute(query)).scalar_one() or 0)


async def last_previewed(
    connection: Connection, tenant: TenantId, keys: TenantKeys, document_id: str, by: str
) -> int | None:
    """The version of the document that this reviewer looked at last; ``None`` where they looked at none."""
    reviews = tables.reviews.c
    query = (
        select(tables.reviews)
        .where(reviews.tenant_id == tenant, reviews.document_id == document_id)
        .order_by(reviews.id.desc())
    )
    for told, decision in _opened(keys, (await connection.execute(query)).all()):
        if decision is Decision.PREVIEWED and told["by"] == by:
            return int(told["review"].version)
    return None


async def released_kinds(
    connection: Connection, operator: OperatorScope, keys: TenantKeys, about: Reviewed
) -> tuple[str, ...] | None:
    """The kinds of suspicions that a reviewer released this content with, under this source and for all these reasons.

    ``None`` where the last word about it was another. The content's token is another under other detectors.
    """
    reviews = tables.reviews.c
    query = (
        select(tables.reviews)
        .where(reviews.tenant_id == operator.tenant, reviews.content_token == about.content_token)
        .order_by(reviews.id.desc())
    )
    for told, decision in _opened(keys, (await connection.execute(query)).all()):
        if told["source_token"] == about.source_token and decision in {Decision.RELEASED, Decision.REJECTED}:
            is_covered = decision is Decision.RELEASED and set(about.reasons) <= set(told["reasons"])
            return tuple(told["kinds"]) if is_covered else None
    return None


def opened_reviews(keys: TenantKeys, rows: Collection[Row[Any]]) -> list[Review]:
    """Those of the rows that open in their place: an altered one must not hide the others."""
    return [told["review"] for told, _ in _opened(keys, rows)]


def _opened(keys: TenantKeys, rows: Collection[Row[Any]]) -> Iterator[tuple[dict[str, Any], Decision]]:
    for row in rows:
        try:
            place = (row.id, row.document_id, str(row.version), row.content_token)
            told = json.loads(keys.open_name("review", row.sealed_entry, *place))
        except IntegrityError:
            _log.error("broken_seal", review=row.id)
            continue
        decision = Decision(told["decision"])
        told["review"] = Review(
            review_id=row.id,
            document_id=row.document_id,
            version=row.version,
            decision=decision,
            by=told["by"],
            at=datetime.fromisoformat(told["at"]),
            source=told["source"],
            reasons=tuple(told["reasons"]),
            kinds=tuple(told["kinds"]),
            detector_version=told["detector_version"],
            note=told["note"],
        )
        yield told, decision
