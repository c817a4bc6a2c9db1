"""``rag key``: credentials for the REST routes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from rag_service.commands.options import AsJson, DataDir, TenantName, duration, run, settings_for, show, table
from rag_service.domain.identity import Role

if TYPE_CHECKING:
    from datetime import timedelta

    from rag_service.store.api_keys import NewApiKey
    from rag_service.store.key_rows import ApiKey

key_app = typer.Typer(help="Create, list, rotate and revoke API keys.", no_args_is_help=True)
KeyId = Annotated[str, typer.Argument(help="Id of the key, as `rag key list` shows it.", metavar="ID")]


@key_app.command("create")
def create(
    tenant: TenantName,
    user: Annotated[str, typer.Option(help="The user that holds the key; exists as soon as a key names it.")],
    group: Annotated[list[str] | None, typer.Option(help="Also make the user a member; repeat for more.")] = None,
    scope: Annotated[list[Role] | None, typer.Option(help="What the key may do; repeat for more.")] = None,
    expires: Annotated[str | None, typer.Option(help="Lifetime, such as 90d or 12h; without it, unlimited.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create an API key. It is shown this once, and only its keyed hash is kept."""
    from rag_service.authentication import operate
    from rag_service.store.names import checked_name, checked_user
    from rag_service.wiring import open_store

    lifetime: timedelta | None = duration(expires) if expires else None

    async def action() -> NewApiKey:
        async with open_store(settings_for(data_dir)) as store:
            owner = await store.tenants.by_name(tenant)
            holder, groups = checked_user(user), [checked_name("group", one) for one in group or []]
            key = await store.api_keys.create(owner, holder, scope or [Role.QUERY], lifetime)
            for one in groups:
                await store.groups.add(operate(owner), owner.keys, one, holder)
            return key

    key = run(as_json, action)
    show(as_json, {"key_id": key.key_id, "key": key.secret}, f"{key.secret}\nKeep it: it is not shown again.")


@key_app.command("list")
def list_keys(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.", metavar="NAME")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List keys: never their secrets."""
    from rag_service.wiring import open_store

    async def action() -> list[ApiKey]:
        async with open_store(settings_for(data_dir)) as store:
            return await store.api_keys.all(await store.tenants.by_name(tenant) if tenant else None)

    keys = run(as_json, action)
    rows = [(key.key_id, key.tenant, key.user, " ".join(sorted(key.roles)), _state(key)) for key in keys]
    document = {"keys": [{**asdict(key), "roles": sorted(key.roles), "state": _state(key)} for key in keys]}
    show(as_json, document, table(rows, "No keys yet: rag key create --tenant T --user U"))


@key_app.command("rotate")
def rotate(
    key_id: KeyId,
    overlap: Annotated[str, typer.Option(help="How long the old key still works.")] = "24h",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create a key with the same user and scopes; the old one ends after the overlap."""
    from rag_service.wiring import open_store

    async def action() -> NewApiKey:
        async with open_store(settings_for(data_dir)) as store:
            return await store.api_keys.rotate(key_id, duration(overlap))

    key = run(as_json, action)
    show(as_json, {"key_id": key.key_id, "key": key.secret}, f"{key.secret}\nThe old key works for {overlap} more.")


@key_app.command("revoke")
def revoke(key_id: KeyId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Revoke a key: it is refused from the next request on."""
    from rag_service.wiring import open_store

    async def action() -> None:
        async with open_store(settings_for(data_dir)) as store:
            await store.api_keys.revoke(key_id)

    run(as_json, action)
    show(as_json, {"revoked": key_id}, f"Revoked {key_id}.")


def _state(key: ApiKey) -> str:
    from rag_service.store.database import now

    if key.revoked_at:
        return "revoked"
    if key.expires_at is None:
        return "live"
    return "expired" if key.expires_at <= now() else f"until {key.expires_at:%Y-%m-%d %H:%M} UTC"
