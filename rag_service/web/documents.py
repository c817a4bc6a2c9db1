"""Documents that the caller may read, and uploads. Absent, forbidden and another tenant's are the same 404."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from rag_service.authentication import Caller
from rag_service.domain.jobs import UploadRequest
from rag_service.store.opened import DocumentMeta
from rag_service.store.uploads import seal_upload
from rag_service.web.access import principal
from rag_service.web.authenticate import CurrentService, IngestCaller, QueryCaller
from rag_service.web.forms import UploadForm, announced_length, read_upload
from rag_service.web.ids import After, DocumentId
from rag_service.web.intake import Intake
from rag_service.wiring import Service

router = APIRouter(prefix="/v1/tenants/{tenant}/documents", tags=["documents"])

Version = Annotated[
    int | None,
    Query(
        ge=1,
        le=2**31 - 1,
        description="An earlier version, for its owner and administrators; without it, the live one.",
    ),
]


_FIELDS = {
    "file": {"type": "string", "format": "binary"},
    "allow": {"type": "array", "items": {"type": "string"}, "description": "user:U, group:G or everyone"},
    "source": {"type": "string", "description": "The document's stable identity, such as its address."},
    "title": {"type": "string"},
}
_UPLOAD_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": _FIELDS}}},
    }
}


class Document(BaseModel):
    """``removed`` counts what was scrubbed by kind, and ``actions`` say how. ``unsearched`` are kinds that could not be
    looked for in the document's language; ``restorable`` counts the values that are sealed beside the text.
    `parent_id` is the archive or mail that it came in: who may read that may read this, and nobody else."""

    document_id: str
    version: int
    title: str
    source: str
    media_type: str
    ingested_at: str
    characters: int
    removed: dict[str, int]
    parent_id: str | None
    actions: dict[str, str]
    unsearched: list[str]
    restorable: int

    @classmethod
    def of(cls, meta: DocumentMeta) -> Document:
        return cls(
            document_id=meta.document_id,
            version=meta.version,
            title=meta.title,
            source=meta.source,
            media_type=meta.media_type,
            ingested_at=meta.ingested_at,
            characters=meta.characters,
            removed=meta.removed,
            parent_id=meta.parent_id,
            actions=meta.actions,
            unsearched=meta.unsearched,
            restorable=meta.restorable,
        )


class DocumentPage(BaseModel):
    """``next`` is given as ``after`` for the next page; null on the last."""

    documents: list[Document]
    next: str | None


class AcceptedUpload(BaseModel):
    """``GET …/jobs/{job_id}`` tells what becomes of it."""

    document_id: str
    job_id: str


class DocumentText(BaseModel):
    """The scrubbed canonical text, into which every citation's ``start`` and ``end`` point. Where it was asked for with
    values restored, nothing points into it."""

    document_id: str
    version: int
    text: str


@router.get("")
async def list_documents(
    caller: QueryCaller,
    service: CurrentService,
    limit: Annotated[int, Query(ge=1, le=100)] = 100,
    after: After = None,
) -> DocumentPage:
    """List the documents that the caller may read."""
    metas = await service.store.documents.readable(caller.scope, caller.tenant.keys, limit=limit + 1, after=after)
    page = [Document.of(meta) for meta in metas[:limit]]
    return DocumentPage(documents=page, next=page[-1].document_id if len(metas) > limit else None)


@router.post("", status_code=202, openapi_extra=_UPLOAD_FORM)
async def upload_document(request: Request, caller: IngestCaller, service: CurrentService) -> AcceptedUpload:
    """Upload a document: it is durable when this answers, and a job makes it one that can be asked about.

    `allow` names who may read it (`user:U`, `group:G` or `everyone`; repeat it for more); the uploader always may.
    A second upload with the same `source` replaces the document; only its owner or an administrator may do that. Its
    owner's leaves its readers as they are, and is refused if `allow` is sent and does not name them all. An
    administrator's makes the document theirs, for the readers that `allow` names; without `allow` it is refused if
    anybody else reads it. Without `source` it is a new document.
    """
    intake: Intake = request.app.state.intake
    with intake.room(caller.tenant.id, announced_length(request)) as body_bytes:
        form = await read_upload(request, service.settings.max_upload_mb * 2**20, body_bytes)
        return await _accept(form, caller, service)


async def _accept(form: UploadForm, caller: Caller, service: Service) -> AcceptedUpload:
    user, named = caller.scope.user, {str(principal(entry)) for entry in form.allow}
    asked = UploadRequest(
        name=form.name,
        source=form.source or f"upload:{secrets.token_hex(16)}",
        title=form.title,
        ingested_by=user,
        owner=user,
        access=tuple(sorted({f"user:{user}", *named})) if named else None,
    )
    sealed = await asyncio.to_thread(seal_upload, caller.tenant.keys, asked, form.content)
    accepted = await service.store.uploads.accept(caller.scope, caller.tenant.keys, sealed)
    return AcceptedUpload(document_id=accepted.document_id, job_id=accepted.job_id)


@router.get("/{document_id}")
async def show_document(
    document_id: DocumentId, caller: QueryCaller, service: CurrentService, version: Version = None
) -> Document:
    """Tell of a document."""
    return Document.of(await service.store.documents.meta(caller.scope, caller.tenant.keys, document_id, version))


@router.get("/{document_id}/text")
async def read_text(
    document_id: DocumentId,
    caller: QueryCaller,
    service: CurrentService,
    version: Version = None,
    restore: Annotated[
        bool, Query(description="With the values that scrubbing sealed: for credentials of the scope `restore` too.")
    ] = False,
) -> DocumentText:
    """Read the text that citations point into.

    With `restore` its reversible stand-ins are replaced by what they stand for, which the service's log records.
    """
    if restore:
        found = await service.store.documents.restored(caller.scope, caller.tenant.keys, document_id, version)
        return DocumentText(document_id=document_id, version=found.version, text=found.text)
    number, text = await service.store.documents.text(caller.scope, caller.tenant.keys, document_id, version)
    return DocumentText(document_id=document_id, version=number, text=text)
