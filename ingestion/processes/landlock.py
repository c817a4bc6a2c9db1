"""Landlock: from here on this process opens only what was named, whoever it runs as (Linux 5.13 and later).

The numbers are those of ``linux/landlock.h``; a kernel that knows fewer of them is asked for fewer.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_EXECUTE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 2, 1 << 3
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
"""By the version that brought them: reading and making, moving between folders, cutting, device controls."""
_TCP = 0b11
_SCOPES = 0b11
"""Abstract Unix sockets and signals stay within the sandbox."""

_libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """The kernel's Landlock version, or 0 where there is none or it is turned off."""
    return max(0, _call(_CREATE_RULESET, None, 0, _ASK_VERSION))


def restrict_to(readable: Iterable[Path]) -> int:
    """This thread and all that it starts can read and run these paths, and open, make or change nothing else.

    Returns the version that holds, 0 for none. Paths that are absent are left out. Needs ``no_new_privs``.
    Raises ``OSError`` where the kernel has Landlock and refuses to apply it.
    """
    known = version()
    if not known:
        return 0
    handled = sum(rights for since, rights in _FILE_RIGHTS.items() if since <= known)
    words = [handled, *([_TCP] if known >= 4 else []), *([_SCOPES] if known >= 6 else [])]
    attributes = struct.pack(f"={len(words)}Q", *words)
    ruleset = _call(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "landlock_create_ruleset")
    try:
        for path in readable:
            _allow(ruleset, path)
        if _call(_RESTRICT_SELF, ruleset, 0):
            raise OSError(ctypes.get_errno(), "landlock_restrict_self")
    finally:
        os.close(ruleset)
    return known


def _allow(ruleset: int, path: Path) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = _EXECUTE | _READ_FILE | (_READ_FOLDER if path.is_dir() else 0)
        rule = struct.pack("=Qi", rights, handle)
        if _call(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0):
            raise OSError(ctypes.get_errno(), "landlock_add_rule")
    finally:
        os.close(handle)


def _call(number: int, *arguments: int | bytes | None) -> int:
    typed = [ctypes.c_long(value) if isinstance(value, int) else ctypes.c_char_p(value) for value in arguments]
    return int(_libc.syscall(ctypes.c_long(number), *typed))
