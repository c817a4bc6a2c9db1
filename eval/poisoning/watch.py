"""Watches vetting from outside while questions are asked, or takes it away. The product has no switch for either."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

from rag_service.domain.answer import Passage
from rag_service.query import ask
from rag_service.query.open_passages import Opened
from rag_service.query.vet import Vetted, is_usable, vet


@dataclass
class Watch:
    """The last question's passages before and after vetting, and the times of all calls.

    ``opened`` are those that ingestion's verdicts let through, best first. Times are the processor's: vetting waits for
    nothing, and a shared machine is no fault of its.
    """

    limit: int = 0
    opened: tuple[Passage, ...] = ()
    vetted: Vetted = field(default_factory=lambda: Vetted((), ()))
    milliseconds: list[float] = field(default_factory=list)

    @property
    def before(self) -> tuple[Passage, ...]:
        """What would be used without vetting."""
        return self.opened[: self.limit]

    @property
    def removed(self) -> set[str]:
        """Documents that were dropped or demoted as poison."""
        return {
            flag.document_id or ""
            for flag in self.vetted.flags
            if flag.kind == "suspected_poisoning" and flag.action in {"dropped", "demoted"}
        }


@contextmanager
def watched(*, is_on: bool) -> Iterator[Watch]:
    """Every question is vetted and looked at, or where it is off, gets all but what ingestion's verdicts drop."""
    watch = Watch()

    def instead(question: str, opened: Opened, *, limit: int) -> Vetted:
        usable = tuple(passage for passage in opened.passages if is_usable(passage))
        began = time.thread_time()
        result = vet(question, opened, limit=limit) if is_on else Vetted(usable[:limit], opened.flags)
        watch.milliseconds.append(1000 * (time.thread_time() - began))
        watch.limit, watch.opened, watch.vetted = limit, usable, result
        return result

    with patch.object(ask, "vet", instead):
        yield watch
