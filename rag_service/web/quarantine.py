"""The quarantine for reviewers: documents that wait for one, shown so that looking at them does no harm.

Whoever lacks the scope ``review`` is refused before anything is looked up; absent, another tenant's and not in
quarantine are the same 404.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from rag_service.domain.review import Decision, HeldDocument, Review
from rag_service.visible import segments, visible
from rag_service.web.authenticate import CurrentService, HistoryCaller, ReviewCaller
from rag_service.web.ids import After, DocumentId

router = APIRouter(prefix="/v1/tenants/{tenant}/quarantine", tags=["quarantine"])

MOST_CHARACTERS = 20_000
_MOST_CONCEALED = 100
_CONCEALED_CHARACTERS = 2_000
_LENGTHENED = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


class HarmlessJson(JSONResponse):
    """JSON that is nothing else, whatever a browser may take it for, or a page may put it into."""

    def __init__(self, content: Any, status_code: int = 200, headers: Any = None, **more: Any) -> None:
        kept = {
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Content-Disposition": "inline",
            **(headers or {}),
        }
        super().__init__(content, status_code, kept, **more)

    def render(self, content: Any) -> bytes:
        """The document with nothing in it that HTML knows."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.translate(_LENGTHENED).encode("utf-8", "backslashreplace")


class Held(BaseModel):
    """A version in quarantine. ``live_version`` goes on answering meanwhile; 0 is none. Once released, it is its
    ``owner``'s, for ``readers`` and nobody else; where they are null, for those on the document's list."""

    id: str
    document_id: str
    version: int
    live_version: int
    title: str
    source: str
    media_type: str
    uploader: str
    owner: str | None
    held_at: datetime
    reasons: list[str]
    detector_version: str
    suspicions: dict[str, int]
    concealments: list[str]
    characters: int
    chunks: int
    readers: list[str] | None = None

    @classmethod
    def of(cls, held: HeldDocument) -> Held:
        return cls(
            id=held.document_id,
            document_id=held.document_id,
            version=held.version,
            live_version=held.live_version,
            title=visible(held.title),
            source=visible(held.source),
            media_type=held.media_type,
            uploader=visible(held.uploader),
            owner=None if held.owner is None else visible(held.owner),
            held_at=held.held_at.replace(tzinfo=UTC),
            reasons=list(held.reasons),
            detector_version=held.detector_version,
            suspicions=held.suspicions,
            concealments=list(held.concealments),
            characters=held.characters,
            chunks=held.chunks,
            readers=None if held.readers is None else [visible(one) for one in held.readers],
        )


class HeldPage(BaseModel):
    """``next`` is given as ``after`` for the next page; null on the last."""

    quarantined: list[Held]
    next: str | None


class Piece(BaseModel):
    """``text`` shows the canonical text from ``start`` to ``end``; ``kinds`` say what was found there."""

    start: int
    end: int
    text: str
    kinds: list[str]


class Concealed(BaseModel):
    """What the file hid from its readers; ``characters`` is its whole length."""

    text: str
    characters: int


class Preview(Held):
    """What a version in quarantine says. Characters that cannot be seen stand as ⟨U+200B⟩, and so do those two marks.

    ``next`` is given as ``offset`` for the next page; null on the last. ``concealed`` comes with the first page.
    """

    offset: int
    next: int | None
    segments: list[Piece]
    concealed: list[Concealed]
    concealed_pieces: int


class NewDecision(BaseModel):
    """``reason`` stands in the history. With ``version``, nothing is done if another one is in quarantine by now."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=2000)] = ""
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class Decided(BaseModel):
    document_id: str
    version: int
    decision: Decision


class Entry(BaseModel):
    """An entry of the history. It is kept when the document is gone."""

    review_id: str
    document_id: str
    version: int
    decision: Decision
    by: str
    at: datetime
    source: str
    reasons: list[str]
    kinds: list[str]
    detector_version: str
    note: str

    @classmethod
    def of(cls, review: Review) -> Entry:
        return cls(
            review_id=review.review_id,
            document_id=review.document_id,
            version=review.version,
            decision=review.decision,
            by=visible(review.by),
            at=review.at.replace(tzinfo=UTC),
            source=visible(review.source),
            reasons=list(review.reasons),
            kinds=list(review.kinds),
            detector_version=review.detector_version,
            note=visible(review.note),
        )


class HistoryPage(BaseModel):
    """The latest first. ``next`` is given as ``after`` for the next page; null on the last."""

    reviews: list[Entry]
    next: str | None


@router.get("", response_class=HarmlessJson)
async def list_quarantine(
    caller: ReviewCaller,
    service: CurrentService,
    limit: Annotated[int, Query(ge=1, le=100)] = 100,
    after: After = None,
) -> HeldPage:
    """List what waits for a reviewer, whoever may read it: judging it is what the scope `review` is for."""
    held = await service.store.quarantine.held(caller.scope, caller.tenant.keys, limit=limit + 1, after=after)
    page = [Held.of(one) for one in held[:limit]]
    return HeldPage(quarantined=page, next=page[-1].document_id if len(held) > limit else None)


@router.get("/history", response_class=HarmlessJson)
async def list_history(
    caller: HistoryCaller,
    service: CurrentService,
    limit: Annotated[int, Query(ge=1, le=100)] = 100,
    after: After = None,
) -> HistoryPage:
    """List what was held, looked at, released and rejected, by whom and why."""
    found = await service.store.quarantine.history(caller.scope, caller.tenant.keys, limit=limit + 1, before=after)
    page = [Entry.of(one) for one in found[:limit]]
    return HistoryPage(reviews=page, next=page[-1].review_id if len(found) > limit else None)


@router.get("/{document_id}", response_class=HarmlessJson)
async def preview_quarantined(
    document_id: DocumentId,
    caller: ReviewCaller,
    service: CurrentService,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_CHARACTERS, description="Characters of a page.")] = 4000,
) -> Preview:
    """Look at what waits for a reviewer, as text that can do nothing. That you looked stands in the history."""
    content = await service.store.quarantine.preview(caller.scope, caller.tenant.keys, document_id)
    at = min(offset, len(content.text))
    pieces = segments(content.text, content.findings, start=at, length=limit)
    concealed = content.concealed[:_MOST_CONCEALED] if offset == 0 else ()
    return Preview(
        **Held.of(content.document).model_dump(),
        offset=at,
        next=at + limit if at + limit < len(content.text) else None,
        segments=[Piece(start=one.start, end=one.end, text=one.text, kinds=list(one.kinds)) for one in pieces],
        concealed=[Concealed(text=visible(one[:_CONCEALED_CHARACTERS]), characters=len(one)) for one in concealed],
        concealed_pieces=len(content.concealed),
    )


@router.post("/{document_id}/release")
async def release_quarantined(
    document_id: DocumentId, caller: ReviewCaller, service: CurrentService, decision: NewDecision | None = None
) -> Decided:
    """Let a version go live in the place of the former; the index is to follow.

    Somebody else than its uploader and its owner is to do it. What it was held for is no longer held against it, until
    the detectors find something else.
    """
    asked = decision or NewDecision()
    version = await service.store.quarantine.release(
        caller.scope, caller.tenant.keys, document_id, note=asked.reason, version=asked.version
    )
    return Decided(document_id=document_id, version=version, decision=Decision.RELEASED)


@router.post("/{document_id}/reject")
async def reject_quarantined(
    document_id: DocumentId, caller: ReviewCaller, service: CurrentService, decision: NewDecision | None = None
) -> Decided:
    """Let a version go for good, with its key; and the document, where nothing of it is live."""
    asked = decision or NewDecision()
    version = await service.store.quarantine.reject(
        caller.scope, caller.tenant.keys, document_id, note=asked.reason, version=asked.version
    )
    return Decided(document_id=document_id, version=version, decision=Decision.REJECTED)
