"""Who calls: every tenant's route depends on one of these, and gets its scope from nowhere else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Path, Request
from fastapi.security import HTTPBearer

from rag_service.authentication import Caller, Holder, caller_of
from rag_service.domain.errors import Unauthenticated
from rag_service.domain.identity import Role
from rag_service.networks import Address
from rag_service.ports import SigningKey
from rag_service.store.api_keys import Signer, VerifiedKey, claimed_id
from rag_service.throttle import Attempt, Throttle
from rag_service.tokens import is_ours
from rag_service.web.client_address import client_address
from rag_service.web.signed_requests import Recorded, carries_signature, verify_signature
from rag_service.wiring import Service

H = TypeVar("H", bound=Holder)

_bearer = HTTPBearer(
    auto_error=False,
    description="An API key, as `rag key create` prints it; a token of `POST /v1/token`; or an access token of the "
    "identity provider that the service is set up to believe.",
)


def current_service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


CurrentService = Annotated[Service, Depends(current_service)]


async def authenticated(request: Request) -> Holder:
    """Who holds the credential that the request carries, of whatever tenant. It is verified once a request.

    Raises ``Unauthenticated``, alike whatever is wrong with it, or ``TooManyAttempts``.
    """
    known: Holder | None = getattr(request.state, "holder", None)
    if known is None:
        is_signed = "authorization" not in request.headers and carries_signature(request)
        known = await (_signer(request) if is_signed else _bearer_of(request, _verified, _shown_holder))
        request.state.holder = known
    return known


async def key_holder(request: Request, _documented: Annotated[object, Depends(_bearer)]) -> VerifiedKey:
    """Who holds the API key that the request carries: the key itself, and nothing that stands for it.

    Raises as ``authenticated`` does.
    """
    return await _bearer_of(request, _verified_key, _nobody_shown)


async def _verified_key(service: Service, presented: str, address: Address | None) -> VerifiedKey:
    return await service.store.api_keys.verify(presented, address)


async def _verified(service: Service, presented: str, address: Address | None) -> Holder:
    if is_ours(presented):
        return await service.store.api_keys.standing_for(service.tokens.verify(presented), address)
    if service.provider is not None and presented.count(".") == 2:
        return await service.provider.identify(presented)
    return await _verified_key(service, presented, address)


def _shown_holder(service: Service, presented: str) -> tuple[str, ...] | None:
    """Whose token this is, by its signature alone: no database and no provider is asked. What it may do is open."""
    if is_ours(presented):
        try:
            return "key", service.tokens.verify(presented).key_id
        except Unauthenticated:
            return None
    if service.provider is not None and presented.count(".") == 2 and (named := service.provider.recognise(presented)):
        return _holder_of(named)
    return None


def _nobody_shown(_service: Service, _presented: str) -> None:
    """A token in a place that takes none shows nobody."""


def _holder_of(holder: Holder) -> tuple[str, ...]:
    return ("key", holder.key_id) if isinstance(holder, VerifiedKey) else ("vouched", holder.tenant, holder.user)


async def _bearer_of(
    request: Request,
    verify: Callable[[Service, str, Address | None], Awaitable[H]],
    shown_holder: Callable[[Service, str], tuple[str, ...] | None],
) -> H:
    """What ``verify`` makes of the request's credential, unless too many that came from there were wrong."""
    service, address = current_service(request), client_address(request)
    throttle: Throttle = request.app.state.throttle
    presented = await _presented(request)
    shown = shown_holder(service, presented)
    if shown is None:
        attempt = throttle.attempt(address, claimed_id(presented) or presented, presented)
    else:
        attempt = throttle.attempt_of(address, shown)
    throttle.refuse_if_blocked(attempt)
    try:
        verified = await verify(service, presented, address)
    except Unauthenticated:
        throttle.failed(attempt)
        raise
    throttle.succeeded(attempt)
    throttle.succeeded(throttle.attempt_of(address, _holder_of(verified)))  # so the next token of theirs is known
    return verified


async def _signer(request: Request) -> VerifiedKey:
    """Who signed the request, unless too many signatures that came from there were wrong."""
    service, address = current_service(request), client_address(request)
    throttle: Throttle = request.app.state.throttle
    attempt: Attempt | None = None
    found: dict[str, Signer] = {}

    async def find(key_id: str) -> SigningKey | None:
        nonlocal attempt
        attempt = throttle.attempt(address, key_id, None)
        throttle.refuse_if_blocked(attempt)
        if signer := await service.store.api_keys.signing(key_id, address):
            found[key_id] = signer
        return signer.key if signer else None

    max_age_s = service.settings.signature_age_s
    try:
        key_id = await verify_signature(request, find, service.store.nonces, max_age_s=max_age_s)
    except Recorded:
        raise  # whoever stands in between must not count against the signer
    except Unauthenticated:
        if attempt is None:
            _count_unreadable(request)
        else:
            throttle.failed(attempt, still_good=bool(found))
        raise
    throttle.succeeded(throttle.attempt(address, key_id, None))
    holder = found[key_id].holder
    service.store.key_uses.note(holder.tenant.id, holder.key_id)
    return holder


async def _presented(request: Request) -> str:
    """The one bearer credential of the request. Of two, somebody on the way may have read the other."""
    credentials, sent = await _bearer(request), request.headers.getlist("authorization")
    if credentials is None or len(sent) != 1:
        if sent:
            _count_unreadable(request)
        raise Unauthenticated
    return credentials.credentials


def _count_unreadable(request: Request) -> None:
    """Something came in the place of a credential that is none. Raises ``TooManyAttempts`` after many of them."""
    throttle: Throttle = request.app.state.throttle
    attempt = throttle.attempt(client_address(request), "", None)
    throttle.refuse_if_blocked(attempt)
    throttle.failed(attempt)


def _caller_with(*roles: Role) -> Callable[..., Awaitable[Caller]]:
    async def caller(
        request: Request,
        service: CurrentService,
        tenant: Annotated[str, Path(description="Name of the tenant.")],
        _documented: Annotated[object, Depends(_bearer)],
    ) -> Caller:
        store = service.store
        return await caller_of(
            await authenticated(request), tenant, *roles, tenants=store.tenants, groups_of=store.groups
        )

    return caller


IngestCaller = Annotated[Caller, Depends(_caller_with(Role.INGEST))]
"""The caller of a route that uploads: their credential has the scope ``ingest``."""

ManageCaller = Annotated[Caller, Depends(_caller_with(Role.INGEST, Role.ADMIN))]
"""The caller of a route that changes what is stored: ``ingest`` for what is their own, or ``admin``."""

QueryCaller = Annotated[Caller, Depends(_caller_with(Role.QUERY))]
"""The caller of a route that reads: their credential has the scope ``query``."""

ReviewCaller = Annotated[Caller, Depends(_caller_with(Role.REVIEW))]
"""The caller of a route for reviewers: their credential has the scope ``review``."""

HistoryCaller = Annotated[Caller, Depends(_caller_with(Role.REVIEW, Role.AUDIT))]
"""The caller of a route that tells what reviewers did: ``review`` or ``audit``."""

KeyHolder = Annotated[VerifiedKey, Depends(key_holder)]
"""Whoever shows an API key itself, of whatever tenant and with whatever scopes."""
