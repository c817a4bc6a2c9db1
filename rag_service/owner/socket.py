"""Serving the socket in the data folder: bound by whoever holds the folder, for its owner alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from rag_service.folder import DataFolder
from rag_service.owner.address import NAME, address
from rag_service.owner.app import OwnerApp
from rag_service.owner.desk import LocalDesk
from rag_service.owner.token import Gate
from rag_service.wiring import Service

_GRACE_S = 10


@asynccontextmanager
async def owner_socket(service: Service) -> AsyncIterator[None]:
    """Operators' commands reach this process, which holds the folder, until the context ends."""
    folder = service.store.folder
    app = OwnerApp(LocalDesk(service), Gate(folder), service.store.tenants)
    config = uvicorn.Config(
        app,
        http=_OwnPeers,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    with _bound(folder) as listening:
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield
        finally:
            server.should_exit = True
            await serving


@contextmanager
def _bound(folder: DataFolder) -> Iterator[socket.socket]:
    """The socket, with mode 0600 from its first moment. The lock is ours, so one that lies there is of a dead owner."""
    with address(folder) as path, contextlib.closing(socket.socket(socket.AF_UNIX)) as listening:
        (folder.path / NAME).unlink(missing_ok=True)
        os.fchmod(listening.fileno(), 0o600)  # Linux makes the file with the mode of the unbound socket
        listening.bind(path)
        (folder.path / NAME).chmod(0o600)  # a umask may have taken more away
        listening.listen()  # what connects from here on waits until it is served
        try:
            yield listening
        finally:
            (folder.path / NAME).unlink(missing_ok=True)


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


class _OwnPeers(H11Protocol):
    """Connections of this process's own user, and of root: the mode of a file is not all that keeps others out."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """A connection of anybody else ends before a byte of it is read."""
        if is_own_peer(transport.get_extra_info("socket")):
            super().connection_made(transport)
        else:
            transport.set_protocol(asyncio.Protocol())
            transport.abort()


def is_own_peer(connection: socket.socket) -> bool:
    """Whether the process at the other end belongs to our user or to root, as the kernel says."""
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", told)
    return user in {os.geteuid(), 0}
