"""Forks for the process above: the new process is a child of whoever started this one, and it collects its end.

So a template that is killed takes no child with it, and a child needs nobody between itself and its parent: its number
is not used again before the parent has collected it, and it is killed with the parent's thread like any other.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import struct
from contextlib import suppress

BORN = struct.Struct(">qd")
"""What is told of a new process: its number, and the seconds of processor time that went into it."""

_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE_PARENT = 0x8000


def is_available() -> bool:
    """Whether the call has a number here."""
    return platform.machine() in _CLONE


def fork_beside() -> int:
    """In the new process 0, in this one its number. Raises ``OSError``; also where a second thread runs.

    As ``os.fork``, except for the parent: what the C library would do for other threads is left out, as there are none.
    """
    with suppress(FileNotFoundError):
        if len(os.listdir("/proc/self/task")) != 1:  # noqa: PTH208  # the names alone
            raise OSError(errno.EBUSY, "a library has started a thread")
    python = ctypes.pythonapi  # both keep Python's lock, as a fork must
    number = ctypes.c_long(_CLONE[platform.machine()])
    libc = ctypes.PyDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    nothing = [ctypes.c_long(0)] * 4
    python.PyOS_BeforeFork()
    pid = int(libc.syscall(number, ctypes.c_long(_CLONE_PARENT | signal.SIGCHLD), *nothing))
    if pid == 0:
        python.PyOS_AfterFork_Child()
        return 0
    python.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return pid
