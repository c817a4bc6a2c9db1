"""Room for uploads while they are received: they lie in memory, and nobody may fill it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rag_service.domain.errors import QueueFull, TooLarge
from rag_service.domain.identity import TenantId
from rag_service.web.forms import longest_body

_AT_ONCE = 8
"""Uploads of the largest size that are received at a time, over all tenants. Each takes about twice its size."""
_LEAST = 2**16
_RETRY_AFTER_S = 2


class Intake:
    """Counts what is being received. One tenant gets at most half of the room, so that there is some for others."""

    def __init__(self, largest_file: int) -> None:
        self._largest_file = largest_file
        self._largest = longest_body(largest_file)
        self._taken: Counter[TenantId] = Counter()

    @contextmanager
    def room(self, tenant: TenantId, announced: int | None) -> Iterator[int]:
        """Room for a body, and how long that may be: as announced, else as long as any.

        Raises ``TooLarge``, or ``QueueFull`` where there is no room now.
        """
        size = self._largest if announced is None else max(announced, _LEAST)
        if size > self._largest:
            raise TooLarge(self._largest_file)
        most = _AT_ONCE * self._largest
        if self._taken[tenant] + size > most // 2 or self._taken.total() + size > most:
            raise QueueFull(_RETRY_AFTER_S)
        self._taken[tenant] += size
        try:
            yield size
        finally:
            self._taken[tenant] -= size
            self._taken += Counter()  # leaves out who has nothing any more
