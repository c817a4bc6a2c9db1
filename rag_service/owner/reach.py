"""Reaching the holder of the data folder: this process where nobody holds it, else the one that does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

from rag_service.domain.errors import FolderHeld, OwnerUnreachable
from rag_service.domain.identity import TenantId
from rag_service.owner.address import is_listening
from rag_service.owner.desk import Desk, LocalDesk
from rag_service.owner.remote import FOLLOWED_WITHIN_S, OwnerGone, remote_desk
from rag_service.settings import Settings
from rag_service.wiring import Store, open_store, owned

T = TypeVar("T")
PATIENCE_S = 20.0
"""How long a holder may take to open its socket: it loads models and catches up with SQL before."""
_LOOK_EVERY_S = 0.1
_LAGS = "has not brought its index up to date; the change is made in SQL, where it holds already"


async def at_desk(settings: Settings, action: Callable[[Store, Desk], Awaitable[T]]) -> T:
    """What the action makes of the holder's desk. Where the holder ends meanwhile, the action begins anew at the next.

    Raises ``OwnerUnreachable`` where another process holds the folder and does not answer.
    """
    until = time.monotonic() + PATIENCE_S
    async with open_store(settings) as store:
        while True:
            try:
                async with reach(settings, store) as desk:
                    return await action(store, desk)
            except OwnerGone as gone:
                if time.monotonic() > until:
                    raise OwnerUnreachable(gone.holder, gone.problem) from None


@asynccontextmanager
async def reach(settings: Settings, store: Store, patience_s: float = PATIENCE_S) -> AsyncIterator[Desk]:
    """The desk of whoever holds the folder; this process holds it where nobody else does.

    Raises:
        OwnerUnreachable: another process holds the folder and does not answer on its socket.
        OwnerGone: it ended while it was asked something.
    """
    async with AsyncExitStack() as stack:
        yield await _desk(settings, store, stack, time.monotonic() + patience_s)


async def _desk(settings: Settings, store: Store, stack: AsyncExitStack, until: float) -> Desk:
    while True:
        try:
            return LocalDesk(await stack.enter_async_context(owned(settings, store)))
        except FolderHeld as held:
            holder = held.holder
        answer_s = 60 + 2 * settings.llm_timeout_s
        try:
            return await stack.enter_async_context(remote_desk(store.folder, store.outbox, holder, answer_s))
        except OwnerGone:
            if time.monotonic() > until:
                raise OwnerUnreachable(holder) from None
        await asyncio.sleep(_LOOK_EVERY_S)


async def until_followed(
    settings: Settings, store: Store, tenant: TenantId, *, limit_s: float | None = FOLLOWED_WITHIN_S
) -> None:
    """The index was seen to hold what SQL says of the tenant now.

    The holder of the folder follows the outbox; where nobody holds it, this process does. The tenant may be gone.
    Without ``limit_s`` it waits for as long as the holder takes connections.

    Raises ``OwnerUnreachable`` where the index has not followed in time. What SQL says holds nevertheless.
    """
    position = await store.outbox.newest(tenant)
    began = time.monotonic()
    while not await store.outbox.is_followed(tenant, position):
        try:
            async with owned(settings, store) as service:
                await service.follower.catch_up(tenant)
        except FolderHeld as held:
            waited = time.monotonic() - began
            is_late = waited > PATIENCE_S and not is_listening(store.folder) if limit_s is None else waited > limit_s
            if is_late:
                raise OwnerUnreachable(held.holder, _LAGS) from None
            await asyncio.sleep(_LOOK_EVERY_S)
