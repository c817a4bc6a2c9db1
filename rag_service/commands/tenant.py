"""``rag tenant`` and ``rag group``: who is served, and who belongs together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from rag_service.commands.options import (
    AsJson,
    DataDir,
    TenantName,
    fail,
    printable,
    run,
    settings_for,
    show,
    table,
)
from rag_service.commands.policy import policy
from rag_service.commands.scrubbing import pii as pii_command
from rag_service.domain.scrubbing import Preset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag_service.domain.identity import Principal
    from rag_service.store.tenants import Tenant


class GroupFacts(TypedDict):
    """A group as JSON tells of it: its users are ``members``, and ``groups`` those whose users belong to it too."""

    group: str
    members: list[str]
    groups: list[str]


tenant_app = typer.Typer(help="Create, list, show and delete tenants, and say what each allows.", no_args_is_help=True)
tenant_app.command("policy")(policy)
tenant_app.command("pii")(pii_command)
group_app = typer.Typer(help="Say who belongs to a group of a tenant.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the tenant.", metavar="NAME")]


@tenant_app.command("create")
def create(
    name: Name,
    pii: Annotated[
        Preset, typer.Option(help="What is scrubbed: identifiers, persons (names too), strict (places, dates too).")
    ] = Preset.IDENTIFIERS,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create a tenant, with keys and a collection of its own."""
    from rag_service.wiring import open_store

    async def action() -> Tenant:
        async with open_store(settings_for(data_dir)) as store:
            return await store.tenants.create(name, pii)

    tenant = run(as_json, action)
    show(as_json, _facts(tenant), f"Created tenant {tenant.name} ({tenant.pii_policy}).")


@tenant_app.command("list")
def list_tenants(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the tenants."""
    from rag_service.wiring import open_store

    async def action() -> list[Tenant]:
        async with open_store(settings_for(data_dir)) as store:
            return await store.tenants.all()

    tenants = run(as_json, action)
    rows = [(one.name, one.pii_policy, f"{one.created_at:%Y-%m-%d}") for one in tenants]
    show(as_json, {"tenants": [_facts(one) for one in tenants]}, table(rows, "No tenants yet: rag tenant create NAME"))


@tenant_app.command("show")
def show_tenant(name: Name, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show a tenant: policy, groups, number of documents."""
    from rag_service.authentication import operate
    from rag_service.wiring import open_store

    async def action() -> tuple[dict[str, object], list[GroupFacts]]:
        async with open_store(settings_for(data_dir)) as store:
            tenant = await store.tenants.by_name(name)
            documents = await store.documents.all(operate(tenant), tenant.keys)
            groups = await store.groups.all(operate(tenant), tenant.keys)
            return {**_facts(tenant), "documents": len(documents)}, _told(groups)

    facts, groups = run(as_json, action)
    readable = {**facts, "groups": "; ".join(f"{one['group']}: {_named(one)}" for one in groups)}
    lines = (f"{key}: {printable(str(value))}" for key, value in readable.items())
    show(as_json, {**facts, "groups": groups}, "\n".join(lines))


@tenant_app.command("delete")
def delete_tenant(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Delete a tenant with all its documents, keys and its collection. There is no way back."""
    from rag_service.owner.reach import until_followed
    from rag_service.wiring import open_store

    if not yes and as_json:
        fail(as_json, "ConfirmationNeeded", f"pass --yes to delete tenant {name} and everything in it")
    if not yes:
        typer.confirm(f"Delete tenant {name} and everything in it?", abort=True, err=True)

    async def action() -> str:
        settings = settings_for(data_dir)
        async with open_store(settings) as store:
            tenant = await store.tenants.by_name(name)
            await store.tenants.delete(tenant)
            await until_followed(settings, store, tenant.id)
            return tenant.name

    deleted = run(as_json, action)
    show(as_json, {"deleted": deleted}, f"Deleted tenant {deleted}.")


@group_app.command("set")
def set_group(
    group: Annotated[str, typer.Argument(help="Name of the group.", metavar="GROUP")],
    tenant: TenantName,
    member: Annotated[list[str] | None, typer.Option("--member", help="A user; repeat for more.")] = None,
    nested: Annotated[
        list[str] | None, typer.Option("--group", help="A group whose users belong to it as well; repeat for more.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a group exactly these members; none empties it. It holds from the next request on.

    A group may hold groups (`--group`), one level deep: a group that holds groups can be in none.
    """
    from rag_service.authentication import operate
    from rag_service.wiring import open_store

    members, groups = sorted(set(member or [])), sorted(set(nested or []))
    if mistaken := [one for one in members if one.strip().startswith("group:")]:
        raise typer.BadParameter(
            f"{mistaken[0]} would be a user of that name: name a group with --group", param_hint="--member"
        )

    async def action() -> None:
        async with open_store(settings_for(data_dir)) as store:
            owner = await store.tenants.by_name(tenant)
            await store.groups.set(operate(owner), owner.keys, group, members, groups)

    run(as_json, action)
    facts = GroupFacts(group=group, members=members, groups=groups)
    show(as_json, facts, f"Group {group}: {_named(facts) or 'no members'}.")


@group_app.command("list")
def list_groups(tenant: TenantName, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List a tenant's groups with their members."""
    from rag_service.authentication import operate
    from rag_service.wiring import open_store

    async def action() -> list[GroupFacts]:
        async with open_store(settings_for(data_dir)) as store:
            owner = await store.tenants.by_name(tenant)
            return _told(await store.groups.all(operate(owner), owner.keys))

    groups = run(as_json, action)
    rows = [(one["group"], _named(one)) for one in groups]
    show(as_json, {"groups": groups}, table(rows, "No groups."))


def _told(groups: Mapping[str, Sequence[Principal]]) -> list[GroupFacts]:
    return [
        GroupFacts(
            group=group,
            members=[one.name for one in members if one.kind != "group"],
            groups=[one.name for one in members if one.kind == "group"],
        )
        for group, members in groups.items()
    ]


def _named(facts: GroupFacts) -> str:
    return ", ".join([*facts["members"], *(f"all of {one}" for one in facts["groups"])])


def _facts(tenant: Tenant) -> dict[str, object]:
    return {"tenant": tenant.name, "id": tenant.id, "pii": tenant.pii_policy, "created_at": tenant.created_at}
