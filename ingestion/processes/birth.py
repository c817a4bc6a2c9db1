"""How children come to be: each started by itself, or forked from a template that has loaded what all of them need."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import ingestion
import rag_service
from ingestion.processes import forking
from ingestion.processes.channel import Channel, ChannelBroken, Frame, TimeIsUp
from ingestion.processes.forking import BORN
from ingestion.processes.limits import Limits
from ingestion.processes.process import Process
from ingestion.processes.wire import encode

START_S = 180.0
"""How long a child may take to be ready; the first model worker on a machine prepares the model."""

_BOOT = (
    "import sys; sys.path[:] = sys.argv[4:]; "
    "from ingestion.processes.{} import main; main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])"
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


@dataclass
class ChildFailed(Exception):
    """The child ended by itself, was killed from outside, could not start, or broke its word."""

    detail: str


@dataclass(frozen=True, slots=True)
class Program:
    """What a child runs: a module with ``open_service``, its limits and configuration; ``path`` is added to its own.

    ``per_tenant`` says that a child serves one tenant and ends: what it answers may hold whatever it has read.
    """

    module: str
    limits: Limits
    config: bytes = b""
    path: tuple[str, ...] = ()
    per_tenant: bool = False


@dataclass(frozen=True, slots=True)
class Newborn:
    """A child that is loading; ``cpu_s`` is what others spent on it."""

    process: Process
    channel: Channel
    cpu_s: float = 0.0


class Birth(Protocol):
    """Gives children of one kind."""

    @property
    def pid(self) -> int | None:
        """The process that they are forked from, while there is one."""
        ...

    def child(self) -> Newborn:
        """Raises ``ChildFailed``. The child is killed when the thread ends that made the first one, or this one."""
        ...

    def close(self) -> None:
        """Gives no more; what was under way fails."""
        ...


def birth_of(program: Program) -> Birth:
    """A template where one tenant's children make way for another's, and the machine can: it makes that cheap."""
    return Template(program) if program.per_tenant and forking.is_available() else Separate(program)


class Separate:
    """Each child starts its own interpreter."""

    pid = None

    def __init__(self, program: Program) -> None:
        self._program = program

    def child(self) -> Newborn:
        process, ours = _started(self._program, "child")
        return Newborn(process, Channel(ours.detach()))

    def close(self) -> None:
        """Nothing is kept."""


class Template:
    """A process that has met no document and forks children that will. Started with the first of them, and again
    where it was killed; its children go on without it."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._turn = threading.Lock()
        self._changing = threading.Lock()
        self._running: tuple[Process, socket.socket] | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        running = self._running
        return running[0].pid if running and running[0].ended() is None else None

    def child(self) -> Newborn:
        with self._turn:
            if self._running is not None:
                try:
                    return _ordered(*self._running)
                except ChildFailed:  # it was killed meanwhile
                    pass
            return _ordered(*self._started())

    def close(self) -> None:
        with self._changing:
            self._closed = True
            if self._running is not None:
                self._running[0].kill()
        with self._turn:
            self._forget()

    def _started(self) -> tuple[Process, socket.socket]:
        self._forget()
        with self._changing:
            if self._closed:
                raise ChildFailed("the workers were closed")
            self._running = _started(self._program, "template")
            return self._running

    def _forget(self) -> None:
        if self._running is not None:
            process, orders = self._running
            process.kill()
            orders.close()
            self._running = None


def _ordered(template: Process, orders: socket.socket) -> Newborn:
    """A child, with a stream that no other one ever had: not even one of a template that was killed over it."""
    ours, theirs = socket.socketpair()
    deadline = time.monotonic() + START_S
    try:
        with theirs:
            socket.send_fds(orders, [b"1"], [theirs.fileno()])
        answer = Channel(orders.fileno()).read(BORN.size, deadline)
    except TimeIsUp:
        ours.close()
        template.kill()
        raise ChildFailed("did not start as it should") from None
    except (OSError, ChannelBroken):
        ours.close()
        raise ChildFailed(f"did not start: {template.soon_ended() or 'broke off'}") from None
    pid, cpu_s = BORN.unpack(answer)
    ours.setblocking(False)
    return Newborn(Process(pid), Channel(ours.detach()), cpu_s)


def _started(program: Program, entry: Literal["child", "template"]) -> tuple[Process, socket.socket]:
    """A new interpreter that was told its limits and configuration. Raises ``ChildFailed``."""
    ours, theirs = socket.socketpair()
    with theirs:
        arguments = [str(theirs.fileno()), str(os.getpid()), program.module, *program.path, *_python_path()]
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        try:
            started = subprocess.Popen(  # noqa: S603  # this interpreter, our own module
                [sys.executable, "-I", "-B", "-X", "utf8", "-c", _BOOT.format(entry), *arguments],
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
    started.returncode = 0  # its end is collected by ``Process``
    process = Process(started.pid)
    ours.setblocking(False)
    channel, deadline = Channel(ours.fileno()), time.monotonic() + START_S
    try:
        channel.send(Frame(b"", encode(program.limits)), deadline=deadline)
        channel.send(Frame(b"", program.config), deadline=deadline)
    except (ChannelBroken, TimeIsUp):
        process.kill()
        ours.close()
        raise ChildFailed("did not start as it should") from None
    return process, ours


def _python_path() -> list[str]:
    """Where this process finds its modules, so that a child runs the same code."""
    roots = [str(Path(package.__path__[0]).parent) for package in (ingestion, rag_service)]
    return list(dict.fromkeys(entry for entry in (*sys.path, *roots) if Path(entry).is_absolute()))
