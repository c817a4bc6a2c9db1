"""Every kind of credential there is, as a small registry: a new kind is a function here, and everybody then has one."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from eval.access.wire import Headers, Request
from rag_service.adapters.oidc_claims import ClaimNames, identity_in
from rag_service.domain.errors import Unauthenticated
from rag_service.domain.identity import Role
from rag_service.ports import ClaimedIdentity
from rag_service.request_signing import sign_request
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


async def token(service: Service, tenant: Tenant, user: str, roles: frozenset[Role]) -> Credential:
    """A token of our own for a key that may do more. Minted for each request, as a run may outlast a token."""
    made = await service.store.api_keys.create(tenant, user, sorted(Role), None)

    def minted(request: Request) -> Headers:
        return bearer(service.tokens.mint(tenant.id, made.key_id, roles).text)(request)

    return minted


async def provider_token(service: Service, tenant: Tenant, user: str, roles: frozenset[Role]) -> Credential:
    """What an identity provider says, read by our own mapping of claims. Here its signature is believed unseen."""
    provider = service.provider
    if not isinstance(provider, BelievedProvider):
        raise TypeError("the service believes another provider than the evaluation's own")
    claims = {"tenant": tenant.name, "sub": user, "groups": sorted(BROUGHT), "scope": " ".join(sorted(roles))}
    return bearer(provider.vouch(identity_in(claims, _CLAIMS)))


async def signature(service: Service, tenant: Tenant, user: str, roles: frozenset[Role]) -> Credential:
    """A key that never travels: each request is signed with it (RFC 9421)."""
    made = await service.store.api_keys.create(tenant, user, sorted(roles), None, is_signed=True)

    def signed(request: Request) -> Headers:
        url = f"http://service{request.path}{'?' if request.query else ''}{request.query}"
        content_type = next((value for name, value in request.headers if name == "Content-Type"), None)
        headers = sign_request(
            request.method, url, key_id=made.key_id, secret=made.secret, body=request.body, content_type=content_type
        )
        return tuple(headers.items())

    return signed


async def revoked_token(service: Service, tenant: Tenant, user: str, roles: frozenset[Role]) -> Credential:
    """A token whose key was taken back after it was made."""
    made = await service.store.api_keys.create(tenant, user, sorted(roles), None)
    minted = service.tokens.mint(tenant.id, made.key_id, roles)
    await service.store.api_keys.revoke(made.key_id)
    return bearer(minted.text)


_CLAIMS = ClaimNames(tenant="tenant", user="sub", groups="groups", roles="scope")
BROUGHT = frozenset({"legal"})
"""The groups that the provider says everybody is in."""


class BelievedProvider:
    """``ports.IdentityProvider`` for tokens that it made itself."""

    def __init__(self) -> None:
        self._known: dict[str, ClaimedIdentity] = {}

    def vouch(self, identity: ClaimedIdentity) -> str:
        """A token that names this identity."""
        text = ".".join(secrets.token_urlsafe(24) for _ in range(3))
        self._known[text] = identity
        return text

    async def identify(self, token: str) -> ClaimedIdentity:
        """Raises ``Unauthenticated``."""
        if token not in self._known:
            raise Unauthenticated
        return self._known[token]

    def recognise(self, token: str) -> ClaimedIdentity | None:
        """Whom it names, if it was made here."""
        return self._known.get(token)


LIVE: Mapping[str, Issue] = {
    "api_key": api_key,
    "token": token,
    "provider_token": provider_token,
    "signature": signature,
}
"""Kinds that stand for a user. Each is issued with several sets of roles."""

BRINGS: Mapping[str, frozenset[str]] = {"provider_token": BROUGHT}
"""Groups that come with a kind of credential."""

DEAD: Mapping[str, Issue] = {
    "expired_key": expired_key,
    "revoked_key": revoked_key,
    "revoked_token": revoked_token,
    "borrowed_id": borrowed_id,
    "nothing": nothing,
}
"""Kinds that stand for nobody."""


def bearer(secret: str) -> Credential:
    headers = (("Authorization", f"Bearer {secret}"),)
    return lambda _request: headers
