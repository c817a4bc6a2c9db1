"""What a taken-over parser would try next. Each attempt gives a line: its name, and what became of it."""

# The calls themselves are what is tried.
# ruff: noqa: PTH101, PTH102, PTH108, PTH109, PTH208, PTH211, SIM115, S103, S606

from __future__ import annotations

import ctypes
import errno
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)


def attempt(task: dict[str, str]) -> list[str]:
    """``done`` where an attempt came through, else the name of the error."""
    parent, template = os.getppid(), int(task.get("template", os.getppid()))
    attempts: dict[str, Callable[[], object]] = {
        f"read {path}": lambda path=path: Path(path).read_bytes()[:1] for path in task["read"].split()
    }
    attempts |= {f"list {path}": lambda path=path: os.listdir(path) for path in task["list"].split()}
    attempts |= {f"write {path}": lambda path=path: Path(path).write_bytes(b"x") for path in task["write"].split()}
    attempts |= {
        "parent's memory": lambda: Path(f"/proc/{parent}/mem").open("rb"),
        "parent's environment": lambda: Path(f"/proc/{parent}/environ").read_bytes(),
        "template's memory": lambda: Path(f"/proc/{template}/mem").open("rb"),
        "template's descriptors": lambda: os.listdir(f"/proc/{template}/fd"),
        "signal to the template": lambda: os.kill(template, 0),
        "trace the template": lambda: _called(_libc.ptrace, 16, template, 0, 0),
        "own environment by /proc": lambda: Path("/proc/self/environ").read_bytes(),
        "write over python": lambda: Path(os.__file__).open("r+b"),
        "delete": lambda: os.unlink(task["read"].split()[0]),
        "make a folder": lambda: os.mkdir(task["write"].split()[0] + ".d"),
        "link": lambda: os.symlink("/etc", task["write"].split()[0] + ".l"),
        "change a mode": lambda: os.chmod(task["read"].split()[0], 0o777),
        "internet socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "datagram socket": lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
        "unix socket": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
        "pair of sockets": socket.socketpair,
        "hand over a descriptor": lambda: socket.socket(fileno=os.dup(int(sys.argv[1]))).sendmsg([b"x"]),
        "fork": os.fork,
        "vfork and run": lambda: subprocess.run(["/bin/true"], check=False),
        "posix_spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
        "exec": lambda: os.execv("/bin/true", ["true"]),
        "signal to the parent": lambda: os.kill(parent, 0),
        "signal to all": lambda: os.kill(-1, 0),
        "trace the parent": lambda: _called(_libc.ptrace, 16, parent, 0, 0),
        "limit the parent": lambda: resource.prlimit(parent, resource.RLIMIT_CPU),
        "slow the parent": lambda: os.setpriority(os.PRIO_PROCESS, parent, 19),
        "namespace": lambda: _called(_libc.unshare, 0x10000000),
        "file in memory": lambda: os.memfd_create("x"),
        "watch a folder": lambda: _called(_libc.inotify_init1, 0),
        "signal by descriptor": lambda: _fcntl(int(sys.argv[1]), 8, parent),
        "outlive the parent": lambda: _called(_libc.prctl, 1, 0, 0, 0, 0),
        "be readable": lambda: _called(_libc.prctl, 4, 1, 0, 0, 0),
        "become root": lambda: os.setuid(0),
        "more memory": lambda: resource.setrlimit(resource.RLIMIT_AS, (2**50, 2**50)),
        "io_uring": lambda: _called(_libc.syscall, 425, 8, None),
        "new call": lambda: _called(_libc.syscall, 467, 0, 0),
        "kernel keys": lambda: _called(_libc.syscall, 250 if os.uname().machine == "x86_64" else 219, 0, -3, 1),
    }
    return [f"{name}: {_outcome(act)}" for name, act in attempts.items()] + [
        f"environment: {' '.join(sorted(os.environ))}",
        f"folder: {os.getcwd()}",
        f"descriptors: {' '.join(str(handle) for handle in range(256) if _is_open(handle))}",
        f"channel: {sys.argv[1]}",
    ]


def _outcome(act: Callable[[], object]) -> str:
    pid = os.getpid()
    try:
        act()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    except ValueError:
        return "EPERM"  # how `resource` reports a limit that may not be raised
    if os.getpid() != pid:
        os._exit(0)
    return "done"


def _called(function: Callable[..., int], *arguments: object) -> None:
    if function(*arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def _fcntl(handle: int, command: int, argument: int) -> None:
    import fcntl

    fcntl.fcntl(handle, command, argument)


def _is_open(handle: int) -> bool:
    try:
        os.fstat(handle)
    except OSError:
        return False
    return True
