"""One child as its parent sees it: started, asked, watched, and killed when it breaks a limit or its word."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import ingestion
import rag_service
from ingestion.processes import limits as rlimits
from ingestion.processes.channel import Channel, ChannelBroken, Frame, FrameTooLong, TimeIsUp
from ingestion.processes.limits import Limits
from ingestion.processes.wire import Malformed, Ready, Reply, Trouble, decode, decode_reply, encode

START_S = 180.0
"""How long a child may take to be ready; the first model worker on a machine prepares the model."""

_BOOT = (
    "import sys; sys.path[:] = sys.argv[4:]; "
    "from ingestion.processes.child import main; main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])"
)
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "DO_NOT_TRACK": "1",
    "SCARF_NO_ANALYTICS": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
}
_PASSED_ON = ("LD_LIBRARY_PATH", "TMPDIR")
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGTRAP, signal.SIGKILL})


@dataclass
class LimitBroken(Exception):
    """The child took more than it may: ``timeout``, ``memory`` or ``output``. The request is to blame."""

    what: str


@dataclass
class ChildFailed(Exception):
    """The child ended by itself, was killed from outside, could not start, or broke its word."""

    detail: str


@dataclass
class NotStarted(Exception):
    """The child says why it cannot work."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Program:
    """What a child runs: a module with ``open_service``, its limits and configuration; ``path`` is added to its own."""

    module: str
    limits: Limits
    config: bytes = b""
    path: tuple[str, ...] = ()


class Worker:
    """A running child. To be used by the thread that made it, which must outlive it; ``kill`` by any."""

    def __init__(self, program: Program) -> None:
        self._limits = program.limits
        self.served = 0
        self.peak_rss_kib = 0
        ours, theirs = socket.socketpair()
        with theirs:
            arguments = [str(theirs.fileno()), str(os.getpid()), program.module, *program.path, *_python_path()]
            environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
            try:
                self._process = subprocess.Popen(  # noqa: S603  # this interpreter, our own module
                    [sys.executable, "-I", "-B", "-X", "utf8", "-c", _BOOT, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env={**_ENVIRONMENT, **environment},
                    cwd="/",
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                raise ChildFailed(f"could not be started ({error.strerror})") from None
        ours.setblocking(False)
        self._channel = Channel(ours.detach())
        self._program = program

    @property
    def pid(self) -> int:
        return self._process.pid

    def open(self) -> tuple[Ready, float]:
        """The child is ready, and has spent so much processor time on that. Raises ``ChildFailed``, ``NotStarted``."""
        deadline = time.monotonic() + START_S
        try:
            self._channel.send(Frame(b"", encode(self._limits)), deadline=deadline)
            self._channel.send(Frame(b"", self._program.config), deadline=deadline)
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
        return ready, reply.cpu_s

    def ask(self, request: Frame) -> tuple[Reply, Frame]:
        """The child's answer. After any exception the child is of no more use and must be killed.

        Raises:
            LimitBroken: it took too long, too much memory, or answered too much.
            ChildFailed: it died of something else, or what it sent is no answer.
        """
        self.served += 1
        deadline = time.monotonic() + self._limits.wall_s_for(len(request.body) + len(request.blob))
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
        if self._process.returncode is None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """The child has ended and its stream is closed."""
        self.kill()
        self._channel.close()

    def _end(self) -> str:
        """How the child ended: the limit that it broke, or a phrase. One that only closed its stream is killed."""
        patience = time.monotonic() + 2.0
        while (ended := self._reaped()) is None:
            if time.monotonic() > patience:
                self.kill()
                return "broke off"
            time.sleep(0.005)
        code, used = ended
        if code == rlimits.EXIT_MEMORY:
            return "memory"
        if code == -signal.SIGXCPU:
            return "timeout"
        limit = self._limits.memory_bytes
        if limit is not None and -code in _CRASHES and used.ru_maxrss * 1024 > max(limit // 2, _own_peak()):
            return "memory"  # a library that was refused memory, or the kernel that had no more to give
        return f"ended by signal {-code}" if code < 0 else f"ended with status {code}"

    def _reaped(self) -> tuple[int, resource.struct_rusage] | None:
        try:
            pid, status, used = os.wait4(self._process.pid, os.WNOHANG)
        except ChildProcessError:  # somebody else in this process waits for any child
            self._process.returncode = 0
            return 0, resource.getrusage(resource.RUSAGE_SELF)
        if not pid:
            return None
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return self._process.returncode, used

    def _note_memory(self) -> None:
        """From /proc, as what a child reports of itself begins with what its parent had when it was started."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                self.peak_rss_kib = max(self.peak_rss_kib, int(line.split()[1]))


def _python_path() -> list[str]:
    """Where this process finds its modules, so that a child runs the same code."""
    roots = [str(Path(package.__path__[0]).parent) for package in (ingestion, rag_service)]
    return list(dict.fromkeys(entry for entry in (*sys.path, *roots) if Path(entry).is_absolute()))


def _own_peak() -> int:
    """What a child's own figure may have begun with."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
