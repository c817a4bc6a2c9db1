"""``rag key``: credentials for the REST routes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from rag_service.commands.options import AsJson, DataDir, TenantName, duration, run, settings_for, show, table
from rag_service.domain.identity import Role

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from rag_service.networks import Network
    from rag_service.store.api_keys import NewApiKey, RotatedKey
    from rag_service.store.key_rows import ApiKey

key_app = typer.Typer(help="Create, list, rotate and revoke API keys.", no_args_is_help=True)
KeyId = Annotated[str, typer.Argument(help="Id of the key, as `rag key list` shows it.", metavar="ID")]


@key_app.command("create")
def create(  # noqa: PLR0913, PLR0917  # one for each option
    tenant: TenantName,
    user: Annotated[str, typer.Option(help="The user that holds the key; exists as soon as a key names it.")],
    group: Annotated[list[str] | None, typer.Option(help="Also make the user a member; repeat for more.")] = None,
    scope: Annotated[
        list[Role] | None,
        typer.Option(help="What the key may do; repeat for more. Without it `query`: search, ask and read."),
    ] = None,
    expires: Annotated[str | None, typer.Option(help="Lifetime, such as 90d or 12h; without it, unlimited.")] = None,
    network: Annotated[
        list[str] | None,
        typer.Option(
            help="Refuse the key from elsewhere: an address or a network such as 192.0.2.0/24; repeat for more. "
            "Behind a proxy, set RAG_TRUSTED_PROXIES.",
            metavar="CIDR",
        ),
    ] = None,
    signed: Annotated[
        bool,
        typer.Option(
            "--signed", help="Every request must be signed with the secret (RFC 9421), which itself is never sent."
        ),
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create an API key. It is shown this once, and only its keyed hash is kept.

    A client sends it as `Authorization: Bearer KEY`, or exchanges it for a token of some minutes at `POST /v1/token`.
    The secret of a `--signed` key is kept sealed instead, as the service needs it to verify signatures.
    """
    from rag_service.authentication import operate
    from rag_service.store.names import checked_name, checked_user
    from rag_service.wiring import open_store

    lifetime: timedelta | None = duration(expires) if expires else None
    networks = [_network(one) for one in network or []]

    async def action() -> NewApiKey:
        async with open_store(settings_for(data_dir)) as store:
            owner = await store.tenants.by_name(tenant)
            holder, groups = checked_user(user), [checked_name("group", one) for one in group or []]
            key = await store.api_keys.create(
                owner, holder, scope or [Role.QUERY], lifetime, networks=networks, is_signed=signed
            )
            for one in groups:
                await store.groups.add(operate(owner), owner.keys, one, holder)
            return key

    key = run(as_json, action)
    show(as_json, _told_once(key), f"{key.secret}\n{_advice(key, is_signed=signed)}")


@key_app.command("list")
def list_keys(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.", metavar="NAME")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List keys, never their secrets: id, tenant, user, scopes, state, last use, and where they work.

    A key that is `altered` was written to by something other than this service, and is refused: revoke it, and find out
    who writes to the database.
    """
    from rag_service.wiring import open_store

    async def action() -> list[ApiKey]:
        async with open_store(settings_for(data_dir)) as store:
            return await store.api_keys.all(await store.tenants.by_name(tenant) if tenant else None)

    keys = run(as_json, action)
    rows = [
        (key.key_id, key.tenant, key.user, " ".join(sorted(key.roles)), _until(key), _last_use(key), _bounds(key))
        for key in keys
    ]
    show(
        as_json, {"keys": [_told(key) for key in keys]}, table(rows, "No keys yet: rag key create --tenant T --user U")
    )


@key_app.command("rotate")
def rotate(
    key_id: KeyId,
    overlap: Annotated[str, typer.Option(help="How long the old key still works.")] = "24h",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Create a key on the same terms: user, scopes, lifetime, networks, signing. The old one ends after the overlap.

    Give the new key to its client within the overlap; `rag key revoke` ends the old one at once.
    """
    from rag_service.wiring import open_store

    async def action() -> RotatedKey:
        async with open_store(settings_for(data_dir)) as store:
            return await store.api_keys.rotate(key_id, duration(overlap))

    rotated = run(as_json, action)
    key, ends = rotated.successor, rotated.old_expires_at
    document = {**_told_once(key), "replaces": key_id, "old_expires_at": ends}
    show(as_json, document, f"{key.secret}\nKeep it: it is not shown again. The old key works until {_minute(ends)}.")


@key_app.command("revoke")
def revoke(key_id: KeyId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Revoke a key: it, and every token that was made from it, is refused from the next request on."""
    from rag_service.wiring import open_store

    async def action() -> None:
        async with open_store(settings_for(data_dir)) as store:
            await store.api_keys.revoke(key_id)

    run(as_json, action)
    show(as_json, {"revoked": key_id}, f"Revoked {key_id}.")


def _network(text: str) -> Network:
    from rag_service.networks import network_in

    try:
        return network_in(text)
    except ValueError as error:
        raise typer.BadParameter(f"write an address or a network, such as 192.0.2.0/24: {error}") from None


def _told_once(key: NewApiKey) -> dict[str, object]:
    return {"key_id": key.key_id, "key": key.secret, "expires_at": key.expires_at}


def _advice(key: NewApiKey, *, is_signed: bool) -> str:
    if not is_signed:
        return "Keep it: it is not shown again."
    return f"Keep it: it is not shown again. Sign requests with it in the name of the key {key.key_id}; never send it."


def _told(key: ApiKey) -> dict[str, object]:
    facts = asdict(key)
    scopes = sorted(facts.pop("roles"))
    return {**facts, "scopes": scopes, "state": _state(key)}


def _state(key: ApiKey) -> str:
    from rag_service.store.database import now

    if key.is_altered:
        return "altered"
    if key.revoked_at and key.revoked_at <= now():
        return "revoked"
    return "expired" if key.expires_at and key.expires_at <= now() else "live"


def _until(key: ApiKey) -> str:
    """Its state; of a live key that will end, until when, be it by its lifetime or because it was rotated."""
    state, ends = _state(key), [end for end in (key.expires_at, key.revoked_at) if end]
    return f"until {_minute(min(ends))}" if state == "live" and ends else state


def _last_use(key: ApiKey) -> str:
    return f"used {_minute(key.last_used_at)}" if key.last_used_at else "never used"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _bounds(key: ApiKey) -> str:
    return " ".join([*(["signed"] if key.is_signed else []), *key.networks])
