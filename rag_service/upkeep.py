"""What goes on while a process owns the index: it follows the log, and is kept in shape."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from rag_service.domain.errors import RagError
from rag_service.ports import ChunkIndex
from rag_service.wiring import Service

_log = structlog.get_logger()
_MAINTAIN_EVERY_S = 30.0


@asynccontextmanager
async def upkeep(service: Service) -> AsyncIterator[None]:
    """The index follows SQL and is maintained while the context lasts."""
    tasks = [asyncio.create_task(service.follower.follow()), asyncio.create_task(_maintain(service.index))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _maintain(index: ChunkIndex) -> None:
    while True:
        await asyncio.sleep(_MAINTAIN_EVERY_S)
        try:
            await index.maintain()
        except Exception as error:  # noqa: BLE001  # whatever stops it once must not stop it for good
            why = str(error) if isinstance(error, RagError) else None  # ours quote nothing
            _log.error("index_not_maintained", error=type(error).__name__, why=why)
