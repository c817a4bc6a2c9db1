"""How long each stage of one question took: a value that is passed along, so that no two questions share one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class StageClock:
    """Adds up the time of each named stage of one question, in the order in which they first began.

    >>> clock = StageClock()
    >>> with clock.stage("guard"):
    ...     pass
    >>> list(clock.milliseconds), clock.milliseconds["guard"] >= 0.0
    (['guard'], True)
    """

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What runs inside is counted under ``name``, whether it ends well or raises."""
        self.milliseconds.setdefault(name, 0.0)
        began = time.perf_counter()
        try:
            yield
        finally:
            self.milliseconds[name] += 1000 * (time.perf_counter() - began)
