"""``rag tenant pii``: what is scrubbed from a tenant's documents, kind by kind, and how."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag_service.commands.options import AsJson, DataDir, printable, run, settings_for, show, table
from rag_service.domain.scrubbing import OtherLanguage, Preset, ScrubPolicy

if TYPE_CHECKING:
    from rag_service.store.tenants import Tenant


def usable(changes: list[str] | None) -> list[str] | None:
    """The changes as given.

    Raises:
        typer.BadParameter: for one that no policy could take: wrong usage, before anything is opened.
    """
    from rag_service.detect.actions import with_changes
    from rag_service.domain.errors import InvalidRequest

    for change in changes or []:
        try:
            with_changes(ScrubPolicy(), [change])
        except InvalidRequest as error:
            raise typer.BadParameter(f"{change}: {error}") from None
    return changes


_STORED = "What is stored keeps its scrubbing until it is ingested again: rag ingest does that to unchanged files too."


def pii(  # noqa: PLR0913, PLR0917  # each is an option of the command
    name: Annotated[str, typer.Argument(help="Name of the tenant.", metavar="NAME")],
    preset: Annotated[Preset | None, typer.Option(help="Where the policy begins.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KIND=ACTION",
            callback=usable,
            help="redact, mask, pseudonym, encrypt, keep or refuse; `default` for what the preset does. KIND `all` is "
            "every kind that is removed. Repeat for more.",
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="VALUE", help="A value that stays, or *@DOMAIN for its addresses; repeat for more."),
    ] = None,
    remove_keep: Annotated[
        list[str] | None, typer.Option(metavar="VALUE", help="It stays no longer; repeat for more.")
    ] = None,
    language: Annotated[
        OtherLanguage | None,
        typer.Option(help="Documents in a language in which the names that are to go cannot be found."),
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Begin from the defaults.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what is scrubbed from a tenant's documents, or change what is named. It holds from the next document on.

    What is stored keeps its scrubbing until it is ingested again. Credentials are redacted or refuse the document.
    """
    from rag_service.detect.actions import with_changes
    from rag_service.wiring import open_store

    async def action() -> tuple[Tenant, bool]:
        async with open_store(settings_for(data_dir)) as store:
            tenant = await store.tenants.by_name(name)
            before = ScrubPolicy() if reset else tenant.scrubbing
            kept = dict.fromkeys(value.strip() for value in (*before.keep, *(keep or [])))
            after = replace(
                before,
                preset=preset or before.preset,
                keep=tuple(value for value in kept if value not in (remove_keep or [])),
                language=language or before.language,
            )
            after = with_changes(after, changes or [])
            if after == tenant.scrubbing:
                return tenant, False
            return await store.tenants.set_scrubbing(tenant, after), True

    tenant, is_changed = run(as_json, action)
    show(as_json, _facts(tenant), _readable(tenant, is_changed=is_changed))


def _facts(tenant: Tenant) -> dict[str, Any]:
    from rag_service.detect.actions import actions_of

    return {"tenant": tenant.name, "policy": tenant.scrubbing.as_json(), "actions": actions_of(tenant.scrubbing)}


def _readable(tenant: Tenant, *, is_changed: bool) -> str:
    from rag_service.detect.actions import actions_of
    from rag_service.detect.entities import ENTITIES

    policy = tenant.scrubbing
    own = dict(policy.overrides)
    rows = [
        (kind, f"{action}{' (set)' if kind in own else ''}", ENTITIES[kind])
        for kind, action in actions_of(policy).items()
    ]
    lines = [
        f"preset: {policy.preset}",
        f"kept values: {printable(', '.join(policy.keep)) or 'none'}",
        f"documents in other languages: {policy.language}",
        table(rows, ""),
    ]
    return "\n".join([*lines, _STORED] if is_changed else lines)
