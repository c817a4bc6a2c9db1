"""The roles that `rag ingest` takes where nobody else has them: owner of the index, worker through the queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager

from ingestion.stages import StagesByTenant
from ingestion.worker import Worker, working
from rag_service.domain.errors import FolderHeld
from rag_service.owner.socket import owner_socket
from rag_service.settings import Settings
from rag_service.upkeep import upkeep
from rag_service.wiring import Service, Store, owned

_TRY_EVERY_S = 0.5


class Crew:
    """Which roles this process has. ``worker`` is None while another process works through the queue."""

    def __init__(self) -> None:
        self.worker: Worker | None = None
        self.held_by: str | None = None


@asynccontextmanager
async def at_work(
    settings: Settings, store: Store, stages: AbstractContextManager[StagesByTenant]
) -> AsyncIterator[Crew]:
    """Somebody follows the log and works through the queue while the context lasts: this process where no other does.

    Where another one ends meanwhile, this one steps in. The stages are started only if they are needed. Operators'
    commands reach this process while it owns the index.
    """
    crew, settled = Crew(), asyncio.Event()
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_own(settings, store)),
                group.create_task(_work(settings, store, stages, crew, settled)),
            ]
            await settled.wait()
            try:
                yield crew
            finally:
                for task in tasks:
                    task.cancel()
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


@asynccontextmanager
async def ingesting(service: Service, stages: AbstractContextManager[StagesByTenant]) -> AsyncIterator[Worker]:
    """A worker is at work and the index follows, in the process that owns the index already."""
    async with upkeep(service), working(service.store, stages, service.settings) as worker:
        yield worker


async def _own(settings: Settings, store: Store) -> None:
    while True:
        try:
            async with owned(settings, store) as service, upkeep(service), owner_socket(service):
                await asyncio.Event().wait()
        except FolderHeld:
            await asyncio.sleep(_TRY_EVERY_S)


async def _work(
    settings: Settings,
    store: Store,
    stages: AbstractContextManager[StagesByTenant],
    crew: Crew,
    settled: asyncio.Event,
) -> None:
    while True:
        try:
            async with working(store, stages, settings) as worker:
                crew.worker, crew.held_by = worker, None
                settled.set()
                await asyncio.Event().wait()
        except FolderHeld as held:
            crew.worker, crew.held_by = None, held.holder
            settled.set()
            await asyncio.sleep(_TRY_EVERY_S)
