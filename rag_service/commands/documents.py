"""``rag documents``: what is stored for a tenant, and who may read it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from rag_service.commands.access import DocumentId, access_app
from rag_service.commands.document_text import document_text
from rag_service.commands.options import (
    AsJson,
    DataDir,
    TenantName,
    in_words,
    printable,
    run,
    settings_for,
    show,
    table,
)

if TYPE_CHECKING:
    from rag_service.store.opened import DocumentMeta

documents_app = typer.Typer(help="List, show, share and delete documents.", no_args_is_help=True)
documents_app.add_typer(access_app, name="access")
documents_app.command("text")(document_text)


@documents_app.command("list")
def list_documents(tenant: TenantName, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List a tenant's documents."""
    from rag_service.authentication import operate
    from rag_service.wiring import open_store

    async def action() -> list[DocumentMeta]:
        async with open_store(settings_for(data_dir)) as store:
            owner = await store.tenants.by_name(tenant)
            return await store.documents.all(operate(owner), owner.keys)

    metas = run(as_json, action)
    rows = [(one.document_id, f"v{one.version}", f"{one.chunks} chunks", one.title) for one in metas]
    empty = f"No documents yet: rag ingest PATH --tenant {tenant} --allow everyone"
    show(as_json, {"documents": [asdict(one) for one in metas]}, table(rows, empty))


@documents_app.command("show")
def show_document(
    document_id: DocumentId, tenant: TenantName, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Show a document: source, versions, what was scrubbed and found in it, who may read it."""
    from rag_service.authentication import operate
    from rag_service.wiring import open_store

    async def action() -> dict[str, object]:
        async with open_store(settings_for(data_dir)) as store:
            owner = await store.tenants.by_name(tenant)
            meta = await store.documents.meta(operate(owner), owner.keys, document_id)
            access = await store.documents.access(operate(owner), owner.keys, document_id)
            return {**asdict(meta), "owner": access.owner, "access": access.entries}

    facts = run(as_json, action)
    show(as_json, facts, "\n".join(f"{key}: {printable(in_words(value))}" for key, value in facts.items()))


@documents_app.command("delete")
def delete_document(
    document_id: DocumentId, tenant: TenantName, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Delete a document with all its versions and their keys."""
    from rag_service.authentication import operate
    from rag_service.owner.reach import until_followed
    from rag_service.wiring import open_store

    async def action() -> None:
        settings = settings_for(data_dir)
        async with open_store(settings) as store:
            owner = await store.tenants.by_name(tenant)
            await store.versions.delete(operate(owner), document_id)
            await until_followed(settings, store, owner.id)

    run(as_json, action)
    show(as_json, {"deleted": document_id}, f"Deleted {document_id}.")
