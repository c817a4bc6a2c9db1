"""A process that does nothing but work through the queue of a data folder: ``rag serve --role worker``."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

import structlog

from ingestion.processes.privileges import end_with
from ingestion.processes.stages import ProcessStages
from ingestion.worker import working
from rag_service.domain.errors import FolderHeld
from rag_service.settings import Settings
from rag_service.wiring import open_store

_log = structlog.get_logger()
_TRY_EVERY_S = 0.5


def run_worker(settings: Settings, parent: int | None) -> None:
    """Works until it is told to stop, or ``parent`` ends. What is under way then waits in the queue again."""
    if parent is not None:
        end_with(parent)
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    work = asyncio.create_task(_work(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    with suppress(asyncio.CancelledError):
        await work


async def _work(settings: Settings) -> None:
    told: str | None = None
    async with open_store(settings) as store:
        while True:
            try:
                async with working(store, ProcessStages(settings), settings):
                    await asyncio.Event().wait()
            except FolderHeld as held:
                if held.holder != told:
                    _log.warning("worker_waits", for_the_end_of=held.holder)
                    told = held.holder
                await asyncio.sleep(_TRY_EVERY_S)
