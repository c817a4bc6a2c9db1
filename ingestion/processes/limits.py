"""How much of the machine one child may use, and for how long."""

from __future__ import annotations

import resource
from dataclasses import dataclass

MIB = 2**20
_LARGE = 64 * MIB
EXIT_MEMORY = 77
"""How a child ends that had no memory left."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may take; ``requests`` is after how many of them the child is replaced (leaks end there).

    For each MiB of a request, ``s_per_mib`` seconds of processor time come on top, and three times as many of clock.
    """

    wall_s: float
    cpu_s: int
    memory_bytes: int | None
    output_bytes: int
    requests: int
    open_files: int = 64
    s_per_mib: int = 0

    def cpu_s_for(self, size: int) -> int:
        return self.cpu_s + self.s_per_mib * size // MIB

    def wall_s_for(self, size: int) -> float:
        return self.wall_s + 3.0 * self.s_per_mib * size / MIB


def confine(limits: Limits) -> None:
    """From here on this process has its memory, writes no file, dumps no core, and locks none of its pages."""
    if limits.memory_bytes is not None:
        _at_most(resource.RLIMIT_AS, limits.memory_bytes)
    _at_most(resource.RLIMIT_NOFILE, limits.open_files)
    for one in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK, resource.RLIMIT_MSGQUEUE):
        _at_most(one, 0)
    # Counted over all processes of a user and not at all for root: none may be added, threads included.
    _at_most(resource.RLIMIT_NPROC, 0)
    # The parent's clock ends a request in any case; this ends a child that computes between requests.
    _at_most(resource.RLIMIT_CPU, limits.cpu_s_for(_LARGE) * (limits.requests + 1))


def begin_request(limits: Limits, size: int) -> None:
    """The next request has its seconds of processor time; after them the kernel ends this process (SIGXCPU)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(used.ru_utime + used.ru_stime) + 1 + limits.cpu_s_for(size)
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _at_most(one: int, wanted: int) -> None:
    """Soft and hard limit are what is wanted, or what they were, if that is less."""
    _, hard = resource.getrlimit(one)
    value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(one, (value, value))
