"""Every kind of credential there is, as a small registry: a new kind is a function here, and everybody then has one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from eval.access.wire import Headers, Request
from rag_service.domain.identity import Role
from rag_service.store.tenants import Tenant
from rag_service.wiring import Service

Credential = Callable[[Request], Headers]
"""The headers that make a request the asker's; a signed request needs to be seen for that."""

Issue = Callable[[Service, Tenant, str, frozenset[Role]], Awaitable[Credential]]


async def api_key(service: Service, tenant: Tenant, user: str, roles: frozenset[Role]) -> Credential:
    """A live key."""
    return bearer((await service.store.api_keys.create(tenant, user, sorted(roles), None)).secret)


async def expired_key(service: Service, tenant: Tenant, user: str, roles: frozenset[Role]) -> Credential:
    """A key that ended yesterday."""
    made = await service.store.api_keys.create(tenant, user, sorted(roles), timedelta(days=-1))
    return bearer(made.secret)


async def revoked_key(service: Service, tenant: Tenant, user: str, roles: frozenset[Role]) -> Credential:
    """A key that was taken back."""
    made = await service.store.api_keys.create(tenant, user, sorted(roles), None)
    await service.store.api_keys.revoke(made.key_id)
    return bearer(made.secret)


async def borrowed_id(service: Service, tenant: Tenant, user: str, roles: frozenset[Role]) -> Credential:
    """The id of one live key with the secret of another."""
    one = await service.store.api_keys.create(tenant, user, sorted(roles), None)
    other = await service.store.api_keys.create(tenant, user, sorted(roles), None)
    return bearer(f"rag_{one.key_id}_{other.secret.split('_', 2)[2]}")


async def nothing(_service: Service, _tenant: Tenant, _user: str, _roles: frozenset[Role]) -> Credential:
    """No credential at all."""
    return lambda _request: ()


LIVE: Mapping[str, Issue] = {"api_key": api_key}
"""Kinds that stand for a user. Each is issued with several sets of roles."""

DEAD: Mapping[str, Issue] = {
    "expired_key": expired_key,
    "revoked_key": revoked_key,
    "borrowed_id": borrowed_id,
    "nothing": nothing,
}
"""Kinds that stand for nobody."""


def bearer(secret: str) -> Credential:
    headers = (("Authorization", f"Bearer {secret}"),)
    return lambda _request: headers
