"""Where the holder of a data folder listens: a socket in it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from rag_service.folder import DataFolder

NAME = "owner.sock"
_PROBE_S = 2.0


@contextmanager
def address(folder: DataFolder) -> Iterator[str]:
    """A path of the socket that is short enough for one, however deep the folder lies: through an open handle."""
    handle = os.open(folder.path, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{NAME}"
    finally:
        os.close(handle)


def is_listening(folder: DataFolder) -> bool:
    """Whether some process takes connections on the socket."""
    with address(folder) as path, socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PROBE_S)
        try:
            probe.connect(path)
        except TimeoutError:  # it does, and has too many waiting
            return True
        except OSError:
            return False
    return True
