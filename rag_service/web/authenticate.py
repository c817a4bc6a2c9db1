"""Who calls: every tenant's route depends on one of these, and gets its scope from nowhere else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from rag_service.authentication import Caller, authenticate
from rag_service.domain.errors import Unauthenticated
from rag_service.domain.identity import Role
from rag_service.wiring import Service

_bearer = HTTPBearer(auto_error=False, description="An API key, as `rag key create` prints it.")


def current_service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


CurrentService = Annotated[Service, Depends(current_service)]


async def require_live_key(request: Request) -> None:
    """Raises ``Unauthenticated`` unless the request carries a live key, of whatever tenant."""
    credentials = await _bearer(request)
    if credentials is None:
        raise Unauthenticated
    await current_service(request).store.api_keys.verify(credentials.credentials)


def _caller_with(role: Role) -> Callable[..., Awaitable[Caller]]:
    async def caller(
        service: CurrentService,
        tenant: Annotated[str, Path(description="Name of the tenant.")],
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> Caller:
        if credentials is None:
            raise Unauthenticated
        return await authenticate(credentials.credentials, tenant, role, service.store.api_keys, service.store.groups)

    return caller


IngestCaller = Annotated[Caller, Depends(_caller_with(Role.INGEST))]
"""The caller of a route that uploads: their key has the scope ``ingest``."""

QueryCaller = Annotated[Caller, Depends(_caller_with(Role.QUERY))]
"""The caller of a route that reads: their key has the scope ``query``."""
