"""An index whose calls all run in one event loop, however many loops its callers come from."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Self, TypeVar

T = TypeVar("T")


class OneLoop:
    """A loop in a thread. A service has one loop for its whole life; the contract suite opens one for each call."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` returns or raises; blocks until then."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class InOneLoop:
    """Passes every method of an index on to it, in the given loop."""

    def __init__(self, index: object, loop: OneLoop) -> None:
        self._index = index
        self._loop = loop

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._index, name)
        if not iscoroutinefunction(method):
            raise AttributeError(name)

        @wraps(method)
        async def elsewhere(*args: Any, **options: Any) -> Any:
            return await asyncio.to_thread(self._loop.run, method(*args, **options))

        return elsewhere
