"""Documents that the caller may read. Absent, forbidden and another tenant's are the same 404."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from rag_service.store.documents import DocumentMeta
from rag_service.web.authenticate import CurrentService, QueryCaller

router = APIRouter(prefix="/v1/tenants/{tenant}/documents", tags=["documents"])

DocumentId = Annotated[str, Path(description="Id of the document.", max_length=64)]
Version = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="An earlier version; without it, the live one.")]


class Document(BaseModel):
    document_id: str
    version: int
    title: str
    source: str
    media_type: str
    ingested_at: str
    characters: int
    removed: dict[str, int]

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
        )


class DocumentPage(BaseModel):
    """``next`` is given as ``after`` for the next page; null on the last."""

    documents: list[Document]
    next: str | None


class DocumentText(BaseModel):
    """The scrubbed canonical text, into which every citation's ``start`` and ``end`` point."""

    document_id: str
    version: int
    text: str


@router.get("")
async def list_documents(
    caller: QueryCaller,
    service: CurrentService,
    limit: Annotated[int, Query(ge=1, le=100)] = 100,
    after: Annotated[str | None, Query(max_length=64, description="The `next` of the page before.")] = None,
) -> DocumentPage:
    """List the documents that the caller may read."""
    metas = await service.store.documents.readable(caller.scope, caller.tenant.keys, limit=limit + 1, after=after)
    page = [Document.of(meta) for meta in metas[:limit]]
    return DocumentPage(documents=page, next=page[-1].document_id if len(metas) > limit else None)


@router.get("/{document_id}")
async def show_document(
    document_id: DocumentId, caller: QueryCaller, service: CurrentService, version: Version = None
) -> Document:
    """Tell of a document."""
    return Document.of(await service.store.documents.meta(caller.scope, caller.tenant.keys, document_id, version))


@router.get("/{document_id}/text")
async def read_text(
    document_id: DocumentId, caller: QueryCaller, service: CurrentService, version: Version = None
) -> DocumentText:
    """Read the text that citations point into."""
    number, text = await service.store.documents.text(caller.scope, caller.tenant.keys, document_id, version)
    return DocumentText(document_id=document_id, version=number, text=text)
