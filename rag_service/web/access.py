"""Changing who reads a document, and deleting it: for its owner and the tenant's administrators.

For everyone else it is the same 404 as a document that is not there, whether or not they may read it.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from rag_service.domain.errors import InvalidRequest
from rag_service.domain.identity import Principal
from rag_service.web.authenticate import CurrentService, ManageCaller
from rag_service.web.ids import DocumentId

router = APIRouter(prefix="/v1/tenants/{tenant}/documents", tags=["documents"])

Entry = Annotated[str, StringConstraints(max_length=300)]


class NewAccess(BaseModel):
    """Who may read the document: `user:U`, `group:G` or `everyone`. Of an empty list, its owner alone."""

    model_config = ConfigDict(extra="forbid")

    allow: list[Entry] = Field(max_length=200)


class Access(BaseModel):
    """``owner`` may change the list whether or not they are on it; null where only administrators may."""

    allow: list[str]
    owner: str | None


def principal(entry: str) -> Principal:
    """Raises ``InvalidRequest``, which does not repeat the entry."""
    try:
        return Principal.parse(entry)
    except ValueError:
        raise InvalidRequest("allow: write user:NAME, group:NAME or everyone") from None


@router.get("/{document_id}/access")
async def show_access(document_id: DocumentId, caller: ManageCaller, service: CurrentService) -> Access:
    """Tell who may read a document, its owner or an administrator."""
    access = await service.store.documents.access(caller.scope, caller.tenant.keys, document_id)
    return Access(allow=access.entries, owner=access.owner)


@router.put("/{document_id}/access", status_code=204)
async def change_access(document_id: DocumentId, new: NewAccess, caller: ManageCaller, service: CurrentService) -> None:
    """Replace a document's access list by exactly this one.

    Whoever is no longer on it is refused from the next request on. Whoever is new on it reads the document at once,
    and finds it by questions when the index has followed. An owner who leaves themselves out still manages it.
    """
    principals = [principal(entry) for entry in new.allow]
    await service.store.versions.set_access(caller.scope, caller.tenant.keys, document_id, principals)


@router.delete("/{document_id}", status_code=204)
async def delete_document(document_id: DocumentId, caller: ManageCaller, service: CurrentService) -> None:
    """Delete a document with all its versions and their keys, and what waits to replace it."""
    await service.store.versions.delete_managed(caller.scope, caller.tenant.keys, document_id)
