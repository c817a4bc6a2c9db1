"""Where time goes: what each stage took of processors, of its workers, and of the patience of those who waited."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class StageProfile:
    """``cpu_s`` was spent in children, ``busy_s`` is how long they were occupied, ``waiting_s`` how long requests
    stood in line before. The stage ``start`` is the children's own start."""

    calls: int = 0
    cpu_s: float = 0.0
    busy_s: float = 0.0
    waiting_s: float = 0.0


class Accounts:
    """The sums by stage, written by the threads that drive the children."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: dict[str, StageProfile] = {}

    def add(self, stage: str, *, cpu_s: float, busy_s: float, waiting_s: float = 0.0) -> None:
        with self._lock:
            so_far = self._stages.get(stage, StageProfile())
            self._stages[stage] = replace(
                so_far,
                calls=so_far.calls + 1,
                cpu_s=so_far.cpu_s + cpu_s,
                busy_s=so_far.busy_s + busy_s,
                waiting_s=so_far.waiting_s + waiting_s,
            )

    def read(self) -> Mapping[str, StageProfile]:
        with self._lock:
            return dict(self._stages)
