"""The upkeep of shards while they are searched and written to: graphs built aside, idle ones closed.

An optimization works on a copy, in another process. What is written meanwhile goes to the shard that serves, whose
log keeps it, and the ids go to a journal; what the shard then holds under those ids is carried over, and the copy
takes the shard's place. Until that instant nothing depends on the copy: wherever it fails, the shard stays.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from rag_service.adapters.edge_files import copy_sparsely, extent, read_ahead
from rag_service.domain.errors import IndexUnavailable

if TYPE_CHECKING:
    from rag_service.adapters.edge_folders import ShardFolders
    from rag_service.adapters.edge_shards import Journal, OpenShards, Shard
    from rag_service.adapters.edge_thread import EngineThread

_log = structlog.get_logger()
_DEAD_SHARE = 0.2
_BATCH = 64
"""Points carried over in one call: read and written, about 20 ms, which searches wait for."""
_ALONE = 512
"""Points in the journal from which on writers wait until the last is carried over, a fraction of a second."""
_LONGEST_S = 3600.0
_FIRST_RETRY_S = 60.0
_TRIM_FROM = 8
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


class Upkeep:
    """What ``maintain`` does. A collection is optimized once ``optimize_after`` points are in no graph, or
    ``vacuum_after`` are dead and that is a large share."""

    def __init__(
        self,
        thread: EngineThread,
        folders: ShardFolders,
        shards: OpenShards,
        *,
        optimize_after: int,
        vacuum_after: int,
        idle_s: float,
    ) -> None:
        self._thread = thread
        self._folders = folders
        self._shards = shards
        self._optimize_after = optimize_after
        self._vacuum_after = vacuum_after
        self._idle_s = idle_s
        self._held_back: dict[str, asyncio.Event] = {}
        self._failures: dict[str, tuple[int, float]] = {}
        self._is_optimizing = False
        self._child: asyncio.subprocess.Process | None = None

    async def writable(self, collection: str) -> None:
        """Waits while the collection may not be written to: during a copy, and before a swap."""
        while (held_back := self._held_back.get(collection)) is not None:
            await held_back.wait()

    async def run(self) -> None:
        """Idle shards are closed; what is due is optimized, one after the other, unless that goes on already."""
        await self._release_idle()
        if self._is_optimizing:
            return
        self._is_optimizing = True
        try:
            for collection in await self._thread.run("maintain", self._shards.names):
                if await self._is_due(collection):
                    await self._attempt(collection)
        finally:
            self._is_optimizing = False

    def stop(self) -> None:
        """No process is at work; whoever waits for one finds that it failed."""
        if self._child is not None and self._child.returncode is None:
            with suppress(ProcessLookupError):
                self._child.kill()

    async def _release_idle(self) -> None:
        closed = 0
        while await self._thread.run("maintain", partial(self._shards.close_idle, self._idle_s)):
            closed += 1
        if closed >= _TRIM_FROM:
            await asyncio.to_thread(_give_memory_back)

    async def _is_due(self, collection: str) -> bool:
        _, not_before = self._failures.get(collection, (0, 0.0))
        if time.monotonic() < not_before:
            return False
        points = await self._thread.run("maintain", partial(self._shards.flushed_count, collection))
        if points is None:
            return False
        try:
            now = await asyncio.to_thread(extent, self._folders.of(collection))
        except (OSError, ValueError, KeyError):  # it was dropped or replaced at this moment
            return False
        dead = now.places - points
        return now.ungraphed >= self._optimize_after or (
            dead >= self._vacuum_after and dead >= _DEAD_SHARE * now.places
        )

    async def _attempt(self, collection: str) -> None:
        """What fails is tried again, later each time; the shard serves as it is."""
        began = time.monotonic()
        try:
            await self._optimize(collection)
        except (IndexUnavailable, OSError) as error:
            failures = self._failures.get(collection, (0, 0.0))[0] + 1
            wait = min(_FIRST_RETRY_S * 2 ** min(failures, 16), _LONGEST_S)
            self._failures[collection] = failures, time.monotonic() + wait
            _log.warning("index_not_optimized", error=type(error).__name__, failures=failures)
            return
        self._failures.pop(collection, None)
        _log.info("index_optimized", seconds=round(time.monotonic() - began, 1))
        if await self._is_due(collection):  # it had no effect, or much was written: not at once again
            self._failures[collection] = 0, time.monotonic() + _FIRST_RETRY_S

    async def _optimize(self, collection: str) -> None:
        copy = await self._thread.run("optimize", partial(self._folders.new, collection))
        before: Path | None = None
        try:
            journal = await self._copy(collection, copy)
            await self._optimize_elsewhere(copy)
            before = await self._catch_up(collection, copy, journal)
        finally:
            self._release(collection)
            with suppress(IndexUnavailable):  # it was closed meanwhile
                await self._thread.run("optimize", partial(self._shards.forget, collection))
            for left in filter(None, (copy, before)):
                await asyncio.to_thread(self._folders.discard, left)

    async def _copy(self, collection: str, copy: Path) -> Journal:
        """The shard's files as they are between two writes; from here on the journal names what changes."""
        self._held_back[collection] = asyncio.Event()
        journal = await self._thread.run("optimize", partial(self._shards.begin_journal, collection))
        copying = asyncio.ensure_future(asyncio.to_thread(copy_sparsely, self._folders.of(collection), copy))
        try:
            await asyncio.shield(copying)
        finally:
            await asyncio.wait([copying])  # the thread goes on when this task is cancelled
        self._release(collection)
        return journal

    async def _optimize_elsewhere(self, copy: Path) -> None:
        """The copy is optimized. The other process is given nothing but the folder: no key, no setting of ours."""
        path = os.pathsep.join(filter(None, (str(_PACKAGE_ROOT), os.environ.get("PYTHONPATH"))))
        needed = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        self._child = child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "rag_service.adapters.edge_optimize"),
            *(str(copy), str(os.getpid())),
            env={**needed, "PYTHONPATH": path, "RAYON_NUM_THREADS": "1"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(_LONGEST_S):
                code = await child.wait()
        except TimeoutError:
            raise IndexUnavailable("an optimization took too long") from None
        finally:
            self.stop()
            await child.wait()
            self._child = None
        if code != 0:
            raise IndexUnavailable("the process that optimized a collection failed")

    async def _catch_up(self, collection: str, copy: Path, journal: Journal) -> Path | None:
        """The copy holds what was written meanwhile, and is the collection. Returns the folder that it was before."""
        await asyncio.to_thread(read_ahead, copy)
        optimized = await self._thread.run("optimize", partial(self._shards.load, copy))
        try:
            await self._carry_over(journal, optimized)
            self._held_back[collection] = asyncio.Event()
            # Writes that were under way are before this in the thread; none comes after it.
            while await self._thread.run("optimize", partial(self._shards.carry_over, journal, optimized, _BATCH)):
                pass
            await self._thread.run("optimize", partial(self._shards.compare, journal, optimized))
        finally:
            await self._thread.run("optimize", optimized.close)
        await asyncio.to_thread(read_ahead, copy)  # the engine gave the pages back when it closed
        return await self._thread.run("optimize", partial(self._shards.take_place_after, journal, copy))

    async def _carry_over(self, journal: Journal, optimized: Shard) -> None:
        """Few points are left in the journal, or they come as fast as they go."""
        before = len(journal.touched) + 1
        while _ALONE < len(journal.touched) < before:
            before = len(journal.touched)
            for _ in range(0, before, _BATCH):
                await self._thread.run("optimize", partial(self._shards.carry_over, journal, optimized, _BATCH))

    def _release(self, collection: str) -> None:
        if held_back := self._held_back.pop(collection, None):
            held_back.set()


def _give_memory_back() -> None:
    """The allocator keeps what closed shards freed: 65 of 125 MiB after 500 small ones. A few milliseconds."""
    with suppress(AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
