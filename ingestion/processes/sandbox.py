"""What a child gives up before it meets a document: files, network, programs, other processes, the rights of root.

The layers stand by themselves: where one is missing (an older kernel, a container that forbids it), the others hold.
Resource limits and the emptied environment hold everywhere.
"""

from __future__ import annotations

import ctypes
import errno
import mimetypes
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ingestion
import rag_service
from ingestion.processes import landlock, privileges, seccomp
from rag_service.adapters.name_model import MODELS

_SYSTEM = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo"),
    *("/etc/ld.so.cache", "/etc/localtime", "/dev/null", "/dev/zero", "/dev/urandom"),
)


@dataclass(frozen=True, slots=True)
class Layers:
    """What holds. ``landlock`` is its version, 0 for none; ``user`` says what there was of root to give up."""

    landlock: int
    seccomp: bool
    user: str

    @property
    def confined(self) -> bool:
        """Whether the kernel keeps a taken-over child from files or from the network, beyond resource limits."""
        return bool(self.landlock) and self.seccomp

    def __str__(self) -> str:
        files = f"Landlock {self.landlock}" if self.landlock else "no Landlock: files are open to parsers"
        calls = "seccomp" if self.seccomp else "no seccomp: parsers may open sockets and start programs"
        return f"{files}; {calls}; " + {
            "user": "an unprivileged user",
            "capabilities": "root without its capabilities",
            "none": "no privileges to give up",
        }.get(self.user, self.user)


class SandboxBroken(Exception):
    """The kernel accepted a rule and does not hold it."""


def enter() -> Layers:
    """This process can read what imports need, and nothing else of the machine is in its reach, for good.

    To be called with one thread, before anything untrusted was read. Each layer that was accepted is tried. Raises
    ``SandboxBroken`` where one does not hold; then nothing untrusted may be read.
    """
    readable = sorted(set(_readable()))
    user = privileges.give_up(readable=readable)
    layers = Layers(landlock.restrict_to(readable), seccomp.refuse_what_no_stage_needs(), user)
    _try(layers)
    return layers


def _readable() -> Iterator[Path]:
    """Python, the installed packages, this project's own packages, and the system's libraries.

    A folder on the path that is no place of installation (a checkout, the working folder) may hold anything, the
    data folder among it: of those only our own packages can be read.
    """
    for entry in filter(os.path.isabs, sys.path):
        path = Path(entry)
        if path.is_dir() and _is_installation(path):
            yield path
    if MODELS.is_dir():
        yield MODELS
    for package in (ingestion, rag_service):
        yield from map(Path, package.__path__)
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    yield from (Path(entry) for entry in (*_SYSTEM, *filter(os.path.isabs, libraries), *mimetypes.knownfiles))
    yield Path(sys.base_prefix, "lib")


def _is_installation(path: Path) -> bool:
    prefixes = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.exec_prefix)}
    libraries = [prefix / name for prefix in prefixes for name in ("lib", "lib64")]
    return any(map(path.is_relative_to, libraries)) or any(path.glob("*.dist-info"))


def _try(layers: Layers) -> None:
    if layers.landlock:
        try:
            os.listdir("/")  # noqa: PTH208  # the call itself is what is tried
        except PermissionError:
            pass
        else:
            raise SandboxBroken("Landlock")
    if layers.seccomp:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0) >= 0 or ctypes.get_errno() != errno.EPERM:
            raise SandboxBroken("seccomp")
