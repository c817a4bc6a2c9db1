"""``rag quarantine``: what waits for a reviewer, shown harmlessly, released or rejected, with its history."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

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
    from rag_service.domain.review import HeldDocument, Review
    from rag_service.store.quarantine import HeldContent

quarantine_app = typer.Typer(
    help="Look at documents that were held as suspicious, and release or reject them. What is held answers nobody; "
    "an earlier version of it goes on answering.",
    no_args_is_help=True,
)
DocumentId = Annotated[
    str, typer.Argument(help="Id of the document, as `rag quarantine list` shows it.", metavar="ID", show_default=False)
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the history.", metavar="TEXT")]
Version = Annotated[
    int | None,
    typer.Option("--version", help="The version that was looked at; refused if it is another by now.", min=1),
]
_SHOWN = 20_000


@quarantine_app.command("list")
def list_held(tenant: TenantName, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List what waits for a reviewer."""
    from rag_service.authentication import operate
    from rag_service.wiring import open_store

    async def action() -> list[HeldDocument]:
        async with open_store(settings_for(data_dir)) as store:
            owner = await store.tenants.by_name(tenant)
            return await store.quarantine.held(operate(owner), owner.keys)

    held = run(as_json, action)
    rows = [
        (one.document_id, f"v{one.version}", ", ".join(one.reasons), f"by {one.uploader}", one.title, one.source)
        for one in held
    ]
    documents = [{"id": one.document_id, **asdict(one)} for one in held]
    show(as_json, {"quarantined": documents}, table(rows, "Nothing waits for a reviewer."))


@quarantine_app.command("show")
def show_held(document_id: DocumentId, tenant: TenantName, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show what a held document says, what it hides, and what was found where. Nothing in it can steer the terminal.

    That it was looked at stands in the history. Characters that cannot be seen stand as their code points.
    """
    from rag_service.authentication import operate
    from rag_service.visible import segments, visible
    from rag_service.wiring import open_store

    async def action() -> HeldContent:
        async with open_store(settings_for(data_dir)) as store:
            owner = await store.tenants.by_name(tenant)
            return await store.quarantine.preview(operate(owner), owner.keys, document_id)

    content = run(as_json, action)
    pieces = segments(content.text, content.findings, length=_SHOWN)
    concealed = [visible(one[:_SHOWN]) for one in content.concealed]
    facts = {name: _plain(value) for name, value in asdict(content.document).items()}
    left = max(len(content.text) - _SHOWN, 0)
    told = {**facts, "segments": [asdict(one) for one in pieces], "concealed": concealed, "characters_left": left}
    lines = [f"{name}: {printable(in_words(value))}" for name, value in facts.items()]
    lines += ["", *(f"[[{', '.join(one.kinds)}: {one.text}]]" if one.kinds else one.text for one in pieces)]
    lines += [f"… and {left} characters more"] if left else []
    lines += [f"\nHIDDEN FROM READERS: {one}" for one in concealed]
    show(as_json, told, "\n".join(lines))


@quarantine_app.command("release")
def release(
    document_id: DocumentId,
    tenant: TenantName,
    reason: Reason = "",
    version: Version = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let a held version go live in the place of the former. The index has followed when this ends."""
    number = _decide("release", document_id, tenant, reason, version, data_dir, as_json=as_json)
    told = {"document_id": document_id, "version": number, "decision": "released"}
    show(as_json, told, f"Released version {number} of {document_id}.")


@quarantine_app.command("reject")
def reject(
    document_id: DocumentId,
    tenant: TenantName,
    reason: Reason = "",
    version: Version = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let a held version go for good, with its key; and the document, where nothing of it is live."""
    number = _decide("reject", document_id, tenant, reason, version, data_dir, as_json=as_json)
    told = {"document_id": document_id, "version": number, "decision": "rejected"}
    show(as_json, told, f"Rejected version {number} of {document_id}.")


@quarantine_app.command("history")
def history(
    tenant: TenantName,
    document: Annotated[str | None, typer.Option("--document", help="Only this document's.", metavar="ID")] = None,
    limit: Annotated[int, typer.Option(help="How many are shown at most.", min=1, max=100_000)] = 100,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List what was held, looked at, released and rejected, by whom and why, the last first."""
    from rag_service.authentication import operate
    from rag_service.wiring import open_store

    async def action() -> list[Review]:
        async with open_store(settings_for(data_dir)) as store:
            owner = await store.tenants.by_name(tenant)
            return await store.quarantine.history(operate(owner), owner.keys, limit=limit, document_id=document)

    reviews = run(as_json, action)
    rows = [
        (
            one.at.isoformat(" ", "seconds"),
            one.decision.value,
            one.by,
            one.document_id,
            f"v{one.version}",
            ", ".join(one.reasons),
            one.note,
        )
        for one in reviews
    ]
    show(as_json, {"reviews": [asdict(one) for one in reviews]}, table(rows, "Nothing was ever in quarantine."))


def _decide(
    what: str,
    document_id: str,
    tenant: str,
    reason: str,
    version: int | None,
    data_dir: DataDir,
    *,
    as_json: bool,
) -> int:
    from rag_service.authentication import operate
    from rag_service.owner.reach import until_followed
    from rag_service.wiring import open_store

    async def action() -> int:
        settings = settings_for(data_dir)
        async with open_store(settings) as store:
            owner = await store.tenants.by_name(tenant)
            decide = store.quarantine.release if what == "release" else store.quarantine.reject
            number = await decide(operate(owner), owner.keys, document_id, note=reason, version=version)
            await until_followed(settings, store, owner.id)
            return number

    return run(as_json, action)


def _plain(value: object) -> object:
    from rag_service.visible import visible

    return visible(value) if isinstance(value, str) else value
