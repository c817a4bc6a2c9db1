"""Is the process alive, and can it answer?"""

from __future__ import annotations

import time

from fastapi import APIRouter, Request

from rag_service.web.authenticate import CurrentService

_GOOD_FOR_S = 1.0

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process runs."""
    return {"status": "ok"}


@router.get("/readyz")
async def ready(request: Request, service: CurrentService) -> dict[str, str]:
    """The database and the index answer, and the model was loaded before this process took connections; else 503.

    Anybody may ask, so it costs one look at one table and one at the index, once a second at most: no key is opened,
    nothing is embedded.
    """
    state = request.app.state
    if time.monotonic() > getattr(state, "ready_until", 0.0):
        await service.store.tenants.count()
        await service.index.ready()
        state.ready_until = time.monotonic() + _GOOD_FOR_S
    return {"status": "ready"}
