"""What this process may do by whom it runs as: as little as the machine allows."""

from __future__ import annotations

import ctypes
import os
import signal
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

NOBODY = 65534
_SET_PDEATHSIG, _SET_DUMPABLE, _CAPBSET_DROP, _SET_NO_NEW_PRIVS, _CAP_AMBIENT = 1, 4, 24, 38, 47
_CAPABILITY_VERSION = 0x2008_0522
_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]


def end_with(parent: int) -> None:
    """This process is killed when the thread that started it ends, and has ended if that is so already."""
    _prctl(_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def give_up(*, readable: Iterable[Path]) -> str:
    """Nothing is left of root: ``user`` where the user was changed, ``capabilities`` where only those went.

    The user is changed where everyone may read what imports need; an interpreter below a private home is one's own.
    ``none`` says that there was nothing to give up. No program that is run can win anything back, and no process of
    the same user can look into this one.
    """
    was_root = os.geteuid() == 0
    changed = was_root and all(_everyone_reads(path) for path in readable) and _become_nobody()
    _drop_capabilities()
    _prctl(_SET_NO_NEW_PRIVS, 1)
    _prctl(_SET_DUMPABLE, 0)
    if changed:
        return "user"
    return "capabilities" if was_root else "none"


def _become_nobody() -> bool:
    try:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError:  # a user namespace that knows no such user
        return False
    _prctl(_SET_PDEATHSIG, signal.SIGKILL)  # which a change of user takes back
    return True


def _everyone_reads(path: Path) -> bool:
    """Whether any user can read what stands at the path, as far as the modes of the way there say."""
    if not path.exists():
        return True
    path = path.resolve()
    needed = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
    ways = all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)
    return ways and path.stat().st_mode & needed == needed


def _drop_capabilities() -> None:
    for capability in range(64):
        if _libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0):  # past the last, or not allowed, and then there are none
            break
    _libc.prctl(_CAP_AMBIENT, 4, 0, 0, 0)
    if _libc.capset(struct.pack("=Ii", _CAPABILITY_VERSION, 0), bytes(24)):
        raise OSError(ctypes.get_errno(), "capset")


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
