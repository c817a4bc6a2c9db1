"""Refuses and records every step off this machine. Python imports it at start where it stands on ``PYTHONPATH``.

It guards the test process and every child process alike: names are never looked up, and only loopback addresses
and Unix sockets are reached. An attempt is refused, and written to the file named by ``RAG_TEST_NETWORK_LOG``.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import Any

_NAMES = {"localhost", "localhost.localdomain", "ip6-localhost", "", "0.0.0.0", "::", socket.gethostname()}


def _is_loopback(host: Any) -> bool:
    if host is None or host in _NAMES:
        return True
    try:
        return ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host).is_loopback
    except ValueError:
        return False


def _refuse(what: str) -> None:
    if path := os.environ.get("RAG_TEST_NETWORK_LOG"):
        with open(path, "a", encoding="utf-8") as log:  # noqa: PTH123  # imported at every start: no pathlib
            log.write(what + "\n")
    raise OSError(f"the test guard refused to leave this machine: {what}")


class GuardedSocket(socket.socket):
    """A socket that reaches nothing but this machine."""

    def _check(self, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            _refuse(f"connect {address[0]}")

    def connect(self, address: Any) -> None:
        self._check(address)
        super().connect(address)

    def connect_ex(self, address: Any) -> int:
        self._check(address)
        return super().connect_ex(address)

    def sendto(self, data: Any, *rest: Any) -> int:
        self._check(rest[-1])
        return super().sendto(data, *rest)


def _guarded(name: str) -> None:
    look_up = getattr(socket, name)

    def guard(host: Any = None, *args: Any, **kwargs: Any) -> Any:
        if not _is_loopback(host):
            _refuse(f"{name} {host!r}")
        return look_up(host, *args, **kwargs)

    setattr(socket, name, guard)


if not issubclass(socket.socket, GuardedSocket):
    for _name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr"):
        _guarded(_name)
    socket.socket = GuardedSocket  # type: ignore[misc]  # every later socket is guarded
