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
    """The database answers and the model is loaded; else 503."""
    await service.store.tenants.all()
    service.query_parts.embedder.embed(["ready"])
    return {"status": "ready"}
