"""Is the process alive, and can it answer?"""

from __future__ import annotations

from fastapi import APIRouter

from rag_service.web.authenticate import CurrentService

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process runs."""
    return {"status": "ok"}


@router.get("/readyz")
async def ready(service: CurrentService) -> dict[str, str]:
    """The database answers, and the model was loaded before this process took connections; else 503.

    Anybody may ask, so it costs one look at one table: no key is opened and nothing is embedded.
    """
    await service.store.tenants.count()
    return {"status": "ready"}
