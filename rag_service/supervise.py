"""The worker of a serving process: a child, started again whenever it ends."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

import structlog

from rag_service.settings import Settings

_log = structlog.get_logger()
_GRACE_S = 15.0
_LONGEST_WAIT_S = 60.0
_LIVES_S = 60.0


@asynccontextmanager
async def worker_process(settings: Settings) -> AsyncIterator[None]:
    """A process works through the queue while the context lasts. It ends with this one, however this one ends."""
    keeping = asyncio.create_task(_keep(settings))
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


async def _keep(settings: Settings) -> None:
    # -P: no module is taken from the working folder, where anybody may have put one; this process holds the keys.
    command = [sys.executable, "-P", "-m", "rag_service", "serve", "--role", "worker", "--parent", str(os.getpid())]
    environment = {**os.environ, "RAG_DATA_DIR": str(settings.data_dir.absolute())}
    failures = 0
    loop = asyncio.get_running_loop()
    while True:
        began, status = loop.time(), None
        try:
            status = await _run(command, environment)
        except OSError as error:  # the machine has no room for a process now
            _log.error("worker_not_started", error=type(error).__name__)
        failures = 0 if loop.time() - began > _LIVES_S else failures + 1
        _log.error("worker_ended", status=status, failures=failures)
        await asyncio.sleep(min(0.5 * 2 ** min(failures, 16), _LONGEST_WAIT_S))


async def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """The status with which the process ended."""
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdin=asyncio.subprocess.DEVNULL)
    try:
        return await process.wait()
    except asyncio.CancelledError:
        await _end(process)
        raise


async def _end(process: asyncio.subprocess.Process) -> None:
    """It was asked to end, and was killed if it did not in time."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_GRACE_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
