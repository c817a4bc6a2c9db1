"""The one thread that calls the engine, and its failures in our words."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from rag_service.domain.errors import IndexUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")


class EngineThread:
    """Calls come one after the other, in the order in which they were made; the event loop stays free between them.

    The engine holds the interpreter's lock during each call, so more threads would gain nothing. ``first`` is called
    before everything else.
    """

    def __init__(self, first: Callable[[], None]) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="index")
        self._first: Callable[[], None] | None = first
        self._is_closed = False

    async def run(self, operation: str, work: Callable[[], _T]) -> _T:
        """What ``work`` returns. Raises ``IndexUnavailable`` where the engine fails, or after ``close``."""
        if self._is_closed:
            raise IndexUnavailable("it was closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._after_first, work)
        except IndexUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  # the engine raises bare Exception
            # Its messages may quote ids and paths: only the kind of failure goes on.
            raise IndexUnavailable(f"{operation} failed in the engine ({type(error).__name__})") from None
        except BaseException as error:
            if type(error).__module__ != "pyo3_runtime":  # a panic of the engine is no Exception
                raise
            raise IndexUnavailable(f"{operation} ended in a panic of the engine") from None

    async def close(self, last: Callable[[], None]) -> None:
        """``last`` was called, and nothing can be called any more."""
        if not self._is_closed:
            await self.run("close", last)
            self._is_closed = True
            self._thread.shutdown()

    def _after_first(self, work: Callable[[], _T]) -> _T:
        if self._first is not None:
            self._first()
            self._first = None
        return work()
