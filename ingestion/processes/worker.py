"""One child as its parent sees it: started, asked, watched, and killed when it breaks a limit or its word."""

from __future__ import annotations

import resource
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from ingestion.processes import limits as rlimits
from ingestion.processes.birth import START_S, ChildFailed, Newborn, Program
from ingestion.processes.channel import ChannelBroken, Frame, FrameTooLong, TimeIsUp
from ingestion.processes.wire import Malformed, Ready, Reply, Trouble, decode, decode_reply

_CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGTRAP, signal.SIGKILL})


@dataclass
class LimitBroken(Exception):
    """The child took more than it may: ``timeout``, ``memory`` or ``output``. The request is to blame."""

    what: str


@dataclass
class NotStarted(Exception):
    """The child says why it cannot work."""

    trouble: Trouble


class Worker:
    """A running child. To be used by the thread that made it, which must outlive it; ``kill`` by any.

    ``realm`` is the tenant whose documents it has met, None before the first.
    """

    def __init__(self, program: Program, born: Newborn) -> None:
        self._limits = program.limits
        self._process = born.process
        self._channel = born.channel
        self._cpu_s = born.cpu_s
        self.realm: str | None = None
        self.served = 0
        self.last_asked = 0.0
        self.peak_rss_kib = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    def open(self) -> tuple[Ready, float]:
        """The child is ready, and has spent so much processor time on that. Raises ``ChildFailed``, ``NotStarted``."""
        deadline = time.monotonic() + START_S
        try:
            frame = self._channel.receive(limit=2**16, deadline=deadline)
            reply = decode_reply(frame.head)
            if reply.outcome == "failed":
                raise NotStarted(decode(Trouble, frame.body))
            ready = decode(Ready, frame.body)
        except ChannelBroken:
            raise ChildFailed(f"did not start: {self._end()}") from None
        except (FrameTooLong, TimeIsUp, Malformed):
            raise ChildFailed("did not start as it should") from None
        self._note_memory()
        return ready, reply.cpu_s + self._cpu_s

    def ask(self, request: Frame) -> tuple[Reply, Frame]:
        """The child's answer. After any exception the child is of no more use and must be killed.

        Raises:
            LimitBroken: it took too long, too much memory, or answered too much.
            ChildFailed: it died of something else, or what it sent is no answer.
        """
        self.served += 1
        self.last_asked = time.monotonic()
        deadline = self.last_asked + self._limits.wall_s_for(len(request.body) + len(request.blob))
        try:
            self._channel.send(request, deadline=deadline)
            answer = self._channel.receive(limit=self._limits.output_bytes + 2**16, deadline=deadline)
            reply = decode_reply(answer.head)
        except TimeIsUp:
            raise LimitBroken("timeout") from None
        except FrameTooLong:
            raise LimitBroken("output") from None
        except Malformed:
            raise ChildFailed("answered what cannot be read") from None
        except ChannelBroken:
            ended = self._end()
            if ended in ("timeout", "memory"):
                raise LimitBroken(ended) from None
            raise ChildFailed(ended) from None
        if reply.outcome not in ("done", "refused", "failed"):
            raise ChildFailed("answered out of turn")
        self._note_memory()
        return reply, answer

    @property
    def is_worn(self) -> bool:
        """Whether it has answered as often as it should."""
        return self.served >= self._limits.requests

    def kill(self) -> None:
        """The child has ended. Repeating it changes nothing."""
        self._process.kill()

    def close(self) -> None:
        """The child has ended and its stream is closed."""
        self.kill()
        self._channel.close()

    def _end(self) -> str:
        """How the child ended: the limit that it broke, or a phrase. One that only closed its stream is killed."""
        ended = self._process.soon_ended()
        if ended is None:
            return "broke off"
        if ended.code == rlimits.EXIT_MEMORY:
            return "memory"
        if ended.code == -signal.SIGXCPU:
            return "timeout"
        limit = self._limits.memory_bytes
        if limit is not None and ended.code == -signal.SIGABRT:
            return "memory"  # what C++ does with one large allocation that was refused, however little was in use
        if limit is not None and -ended.code in _CRASHES and ended.peak_rss_kib * 1024 > max(limit // 2, _own_peak()):
            return "memory"  # a library that was refused memory, or the kernel that had no more to give
        return str(ended)

    def _note_memory(self) -> None:
        """From /proc, as what a child reports of itself begins with what its parent had when it was started."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                self.peak_rss_kib = max(self.peak_rss_kib, int(line.split()[1]))


def _own_peak() -> int:
    """What a child's own figure may have begun with."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
