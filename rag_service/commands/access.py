"""``rag documents access``: who may read a document, changed and explained."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from rag_service.commands.options import AsJson, DataDir, TenantName, printable, run, settings_for, show

if TYPE_CHECKING:
    from rag_service.domain.identity import Principal
    from rag_service.explain import Explanation

DocumentId = Annotated[str, typer.Argument(help="Id of the document, as `rag documents list` shows it.", metavar="ID")]


class _SetUnlessNamed(TyperGroup):
    """What does not begin with the name of a command is the arguments of ``set``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # typer's own kind of context, which it does not name
        if args and args[0] not in {*self.commands, "--help"}:
            args = ["set", *args]
        return super().parse_args(ctx, args)


access_app = typer.Typer(
    cls=_SetUnlessNamed,
    help="Replace a document's access list, or say why somebody can or cannot read it.\n\n"
    "`rag documents access ID --tenant T --allow user:U` is short for `rag documents access set ID ...`.",
    no_args_is_help=True,
)


def parse_access(entries: list[str] | None) -> list[Principal]:
    """Access entries from the command line. A malformed one is a wrong usage."""
    from rag_service.domain.identity import Principal

    try:
        return [Principal.parse(entry) for entry in entries or []]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--allow") from None


@access_app.command("set")
def set_access(
    document_id: DocumentId,
    tenant: TenantName,
    allow: Annotated[list[str], typer.Option("--allow", help="user:U, group:G or everyone; repeat for more.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Replace a document's access list. Whoever is no longer on it reads nothing from the next request on."""
    from rag_service.authentication import operate
    from rag_service.owner.reach import until_followed
    from rag_service.wiring import open_store

    principals = parse_access(allow)

    async def action() -> None:
        settings = settings_for(data_dir)
        async with open_store(settings) as store:
            owner = await store.tenants.by_name(tenant)
            await store.versions.set_access(operate(owner), owner.keys, document_id, principals)
            await until_followed(settings, store, owner.id)

    run(as_json, action)
    access = sorted({str(one) for one in principals})
    show(as_json, {"document_id": document_id, "access": access}, f"{document_id} is readable by {', '.join(access)}.")


@access_app.command("explain")
def explain(
    tenant: TenantName,
    user: Annotated[str, typer.Option("--user", help="Who is asked about.", metavar="USER")],
    document_id: Annotated[
        str, typer.Option("--document", help="Id of the document, as `rag documents list` shows it.", metavar="ID")
    ],
    group: Annotated[
        list[str] | None, typer.Option("--group", help="A group that their token would bring; repeat for more.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Say why a user can or cannot read a document: who they are, who is on the list, and whether the index lags.

    The status is 0 either way; `reads` in the output says which it is.
    """
    from rag_service.explain import explain_access
    from rag_service.wiring import open_store

    async def action() -> Explanation:
        async with open_store(settings_for(data_dir)) as store:
            return await explain_access(store, await store.tenants.by_name(tenant), user, document_id, group or [])

    explanation = run(as_json, action)
    show(as_json, asdict(explanation), "\n".join(map(printable, _told(explanation))))


def _told(why: Explanation) -> list[str]:
    lines = [f"{why.user} {'reads' if why.reads else 'does NOT read'} {why.document_id}: {why.reason}"]
    lines += [f"  {why.user} is {one.principal}: {one.how}" for one in why.principals]
    lines += [f"  the list names {one.principal}{' <- matches' if one.matches else ''}" for one in why.access]
    if why.spoilt_entries:
        lines.append(f"  {why.spoilt_entries} entries of the list do not open in their place, and let nobody read")
    if why.exists:
        lines.append(f"  it belongs to {why.owner or 'nobody'}")
        lines.append("  the index has yet to follow" if why.index_lags else "  the index has followed")
    return lines
