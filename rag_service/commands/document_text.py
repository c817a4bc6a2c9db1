"""``rag documents text``: a document's text, as a given user may read it."""

from __future__ import annotations

from typing import Annotated

import typer

from rag_service.commands.access import DocumentId
from rag_service.commands.options import AsJson, DataDir, TenantName, printable, run, settings_for, show


def document_text(  # each is an option of the command
    document_id: DocumentId,
    tenant: TenantName,
    user: Annotated[str, typer.Option(help="Show what this user may read.")],
    group: Annotated[list[str] | None, typer.Option(help="Count the user as a member, this once.")] = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="An earlier version, for its owner; without it, the live one.")
    ] = None,
    restore: Annotated[
        bool, typer.Option("--restore", help="With the values that scrubbing sealed, which the log records.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the text that citations point into, or what it was before its reversible stand-ins."""
    from rag_service.reading import read_as
    from rag_service.wiring import open_store

    async def action() -> tuple[int, str]:
        async with open_store(settings_for(data_dir)) as store:
            return await read_as(user, group or [], document_id, version, tenant=tenant, restores=restore, store=store)

    number, text = run(as_json, action)
    show(
        as_json,
        {"document_id": document_id, "version": number, "text": text},
        "\n".join(map(printable, text.split("\n"))),
    )
