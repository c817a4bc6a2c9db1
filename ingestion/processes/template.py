"""A template, as it sees itself: loads what its children need, reads nothing else, and forks one for each order.

It is not closed in, as a process that may not fork would be none, and it has nothing to be closed in for: orders come
from its parent alone and hold one descriptor each. A child leaves nothing behind in it, and closes itself in before it
reads.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
import time

from ingestion.processes import privileges
from ingestion.processes.channel import Channel, ChannelBroken
from ingestion.processes.child import ANY_LENGTH, open_service, serve_until_end
from ingestion.processes.forking import BORN, fork_beside
from ingestion.processes.limits import Limits
from ingestion.processes.wire import decode


def main(handle: int, parent: int, module_name: str) -> None:
    """Forks children until the parent closes the stream or ends. In each of them, serves."""
    privileges.end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = Channel(handle)
    try:
        limits = decode(Limits, channel.receive(limit=ANY_LENGTH).body)
        opened = open_service(importlib.import_module(module_name), channel.receive(limit=ANY_LENGTH).body)
    except ChannelBroken:
        return
    orders, given, accounted = socket.socket(fileno=handle), 0, 0.0
    while theirs := _ordered(orders):
        given += 1
        if given == 2:  # with a single child, nobody would share it
            opened.prepare()
        gc.freeze()  # pages that no collection writes to stay shared
        pid = fork_beside()
        if pid == 0:
            privileges.end_with(parent)
            os.setsid()
            orders.detach()
            os.dup2(theirs, handle)
            os.close(theirs)
            serve_until_end(Channel(handle), limits, opened)
            return
        os.close(theirs)
        spent, accounted = time.process_time() - accounted, time.process_time()
        try:
            orders.sendall(BORN.pack(pid, spent))
        except OSError:
            return


def _ordered(orders: socket.socket) -> int | None:
    """The stream of the next child, or None when there will be none."""
    try:
        word, handles, _, _ = socket.recv_fds(orders, 1, 1)
    except OSError:
        return None
    return handles[0] if word and handles else None
