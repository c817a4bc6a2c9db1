"""One child, as it sees itself: loads what it needs, closes itself in, and answers requests until the stream ends.

Its standard streams lead nowhere, as libraries print, and what they print may quote documents. What it says goes
over one descriptor of its own.
"""

from __future__ import annotations

import importlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType

from ingestion.processes import limits as rlimits
from ingestion.processes import privileges, sandbox
from ingestion.processes.channel import Channel, ChannelBroken, Frame
from ingestion.processes.limits import Limits
from ingestion.processes.wire import Ready, Reply, Request, Trouble, decode, encode
from rag_service.domain.errors import RagError, Refused

ANY_LENGTH = 2**32
Handler = Callable[[bytes, bytes], Frame]
"""From the body and blob of a request to those of the answer; the head is written by ``serve``."""


def _nothing() -> None:
    """There is nothing more to load."""


@dataclass(frozen=True, slots=True)
class Service:
    """What a kind of child can do, loaded: a handler a stage, and what its parent wants to know of the model.

    ``prepare`` loads what a child by itself loads with the first document that needs it: for a template, in place of
    its children. ``trouble`` is why nothing can be done.
    """

    handlers: Mapping[str, Handler]
    fingerprint: str = ""
    dimension: int = 0
    prepare: Callable[[], None] = _nothing
    trouble: Trouble | None = None


def main(handle: int, parent: int, module_name: str) -> None:
    """Serves until the parent closes the stream or ends."""
    privileges.end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whether to stop is the parent's to say
    channel = Channel(handle)
    try:
        limits = decode(Limits, channel.receive(limit=ANY_LENGTH).body)
        config = channel.receive(limit=ANY_LENGTH).body
    except ChannelBroken:
        return
    serve_until_end(channel, limits, open_service(importlib.import_module(module_name), config))


def open_service(module: ModuleType, config: bytes) -> Service:
    """What is slow to load, or out of reach later, is loaded; or why it cannot be. Nothing untrusted was read yet."""
    try:
        service: Service = module.open_service(config)
    except RagError as error:  # such as a model that differs from its manifest
        fields = {name: str(value) for name, value in vars(error).items()}
        return Service({}, trouble=Trouble(type(error).__name__, fields))
    return service


def serve_until_end(channel: Channel, limits: Limits, service: Service) -> None:
    """Serves until the stream ends. A ``MemoryError`` is not survived: nobody knows what it left behind."""
    try:
        serve(channel, limits, service)
    except (ChannelBroken, BrokenPipeError):
        pass
    except MemoryError:
        os._exit(rlimits.EXIT_MEMORY)


def serve(channel: Channel, limits: Limits, service: Service) -> None:
    """Requests are answered one by one, from within the sandbox."""
    if service.trouble is not None:
        channel.send(_frame(Reply("failed", 0.0), Frame(b"", encode(service.trouble))))
        return
    layers = sandbox.enter()
    rlimits.confine(limits)
    ready = Ready(layers.landlock, layers.seccomp, layers.user, service.fingerprint, service.dimension)
    channel.send(_frame(Reply("ready", time.thread_time()), Frame(b"", encode(ready))))
    while True:
        request = channel.receive(limit=ANY_LENGTH)
        rlimits.begin_request(limits, len(request.body) + len(request.blob))
        began = time.thread_time()  # a child works in one thread; the process's own clock only moves with each tick
        try:
            answer = service.handlers[decode(Request, request.head).stage](request.body, request.blob)
            reply = Reply("done", time.thread_time() - began)
        except Refused as refusal:
            answer = Frame(b"")
            reply = Reply("refused", time.thread_time() - began, refusal.reason, refusal.detail)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  # a defect; its message may quote the document
            answer = Frame(b"")
            reply = Reply("failed", time.thread_time() - began, type(error).__name__)
        channel.send(_frame(reply, answer))
        del request, answer


def _frame(reply: Reply, answer: Frame | None = None) -> Frame:
    return Frame(encode(reply), answer.body if answer else b"", answer.blob if answer else b"")
