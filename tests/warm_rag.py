"""A process that has imported what ``rag`` imports. Each order makes it a child in which ``rag`` runs from its start.

A child shares nothing with the others but imported modules: it gets its arguments, its environment, its folder and its
streams from the order, and ends as an interpreter ends. What importing costs is what it saves: most of a short command.

``main`` is called with the number of a socket. An order is one message on it, with three file descriptors: stdout,
stderr, and where the child's number goes, and then its exit status.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import signal
import socket
import sys
import threading
import traceback
from dataclasses import dataclass
from pathlib import Path

LONGEST_ORDER = 2**17
IMPORTED = (
    "aiosqlite", "cryptography.hazmat.primitives.ciphers.aead", "httpx", "ingestion.command", "ingestion.crew",
    "ingestion.sync", "rag_service.commands.doctor", "rag_service.owner.reach",
    "rag_service.wiring", "rich.console", "sqlalchemy.dialects.sqlite.aiosqlite", "tokenizers",
    "typer.rich_utils", "typer.testing",
)  # fmt: skip


@dataclass(frozen=True)
class Order:
    """One run of ``rag``."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str


def next_child(orders: socket.socket) -> Order | None:
    """In a child: what it is to do. In the process itself: None, once no more orders can come."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever waits for a child is a child too, and leaves no zombie
    while True:
        message, descriptors, *_ = socket.recv_fds(orders, LONGEST_ORDER, 3)
        if not message:
            return None
        if os.fork() == 0:
            orders.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            stdout, stderr, told = descriptors
            child = os.fork()
            if child:
                os.write(told, f"{child}\n".encode())
                os.write(told, f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n".encode())
                os._exit(0)
            for target, descriptor in enumerate((os.open(os.devnull, os.O_RDONLY), stdout, stderr)):
                os.dup2(descriptor, target)
            os.closerange(3, 256)
            return Order(**json.loads(message))
        for descriptor in descriptors:
            os.close(descriptor)


def status_of(order: Order) -> int:
    """``rag`` has run, and ended as an interpreter ends, short of taking every module down."""
    from rag_service.cli import main as rag

    os.environ.clear()
    os.environ.update(order.environment)
    os.chdir(order.folder)
    sys.argv = order.arguments
    status = 0
    try:
        rag()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  # as an interpreter shows what nobody caught
        traceback.print_exc()
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def main() -> None:
    for module in IMPORTED:
        importlib.import_module(module)
    from rag_service.cli import build_app
    from rag_service.detect.pii_patterns import import_analyzer

    import_analyzer()
    build_app()
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "threads do not survive a fork"
    gc.collect()
    gc.freeze()
    order = next_child(socket.socket(fileno=int(sys.argv[1])))
    if order is not None:
        os._exit(status_of(order))
