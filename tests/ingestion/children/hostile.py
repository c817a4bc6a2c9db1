"""A parser that was taken over: does what an upload's name says. Run by ``hostile_stages`` as a child."""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import signal
import struct
import sys
import threading
import time
from typing import Any

import attacks

from ingestion.processes.channel import Frame
from ingestion.processes.child import Service
from ingestion.processes.wire import ParseRequest, Reply, decode, encode
from rag_service.domain.document import Element, MediaType, ParsedDocument
from rag_service.domain.errors import ModelUnavailable, Refused

CHANNEL = int(sys.argv[1])


class Planted:
    """Unpickling this runs a command."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (self.command,)


def open_service(config: bytes) -> Service:
    if config == b"no model":
        raise ModelUnavailable("a model", "nowhere")
    if config == b"a thread":
        threading.Thread(target=_sleep, args=("",), daemon=True).start()
    return Service({"parse": _act})


KEPT: list[str] = []
"""What it was given since it was started, to be handed to whoever comes later."""


def _act(body: bytes, content: bytes) -> Frame:
    request = decode(ParseRequest, body)
    KEPT.append(request.source)
    return ACTS[request.name](request.source)


def _document(*texts: str) -> ParsedDocument:
    return ParsedDocument("Title", MediaType.TEXT, tuple(Element(text) for text in texts))


def _fine(_: str) -> Frame:
    return Frame(b"", encode(_document(str(os.getpid()))))


def _recall(_: str) -> Frame:
    return Frame(b"", encode(_document(str(os.getpid()), *KEPT)))


def _loop(_: str) -> Frame:
    while True:
        pass


def _busy(_: str) -> Frame:
    """Four seconds of work."""
    until = time.thread_time() + 4
    while time.thread_time() < until:
        pass
    return _fine("")


def _sleep(_: str) -> Frame:
    while True:
        time.sleep(3600)


def _allocate(_: str) -> Frame:
    kept = []
    while True:
        kept.append(bytearray(b"x") * 2**22)


def _abort_without_memory(_: str) -> Frame:
    """As a C library does that cannot go on."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    while address := libc.malloc(ctypes.c_size_t(2**22)):
        ctypes.memset(address, 1, 2**22)
    os.abort()


def _long(_: str) -> Frame:
    return Frame(b"", encode(_document("x" * 2**21)))


def _endless(_: str) -> Frame:
    os.write(CHANNEL, struct.pack(">4sIII", b"rag1", 10, 2**31, 0))
    while True:
        os.write(CHANNEL, b"x" * 65536)


def _crash(_: str) -> Frame:
    ctypes.string_at(0)
    raise AssertionError


def _defect(text: str) -> Frame:
    raise ValueError(f"the document says {text}")


def _garbage(_: str) -> Frame:
    os.write(CHANNEL, b"\x00\xff" * 500)
    return _sleep("")


def _raw_pickle(command: str) -> Frame:
    os.write(CHANNEL, pickle.dumps(Planted(command)))
    return _sleep("")


def _pickle_as_answer(command: str) -> Frame:
    return Frame(b"", pickle.dumps(Planted(command)))


def _pickle_as_head(command: str) -> Frame:
    head = pickle.dumps(Planted(command))
    os.write(CHANNEL, struct.pack(">4sIII", b"rag1", len(head), 0, 0) + head)
    return _sleep("")


def _class_in_json(command: str) -> Frame:
    answer = json.loads(encode(_document("text")))
    answer["__reduce__"] = answer["py/object"] = ["os.system", command]
    return Frame(b"", json.dumps(answer).encode())


def _other_types(_: str) -> Frame:
    return Frame(b"", b'{"title": 7, "media_type": "text/plain", "elements": [], "concealed": []}')


def _deep(_: str) -> Frame:
    return Frame(b"", b"[" * 400_000)


def _reason(reason: str) -> Frame:
    head = encode(Reply("refused", 0.0, reason, "A sentence."))
    os.write(CHANNEL, struct.pack(">4sIII", b"rag1", len(head), 0, 0) + head)
    return _sleep("")


def _say_refused(word: str) -> Frame:
    raise Refused(word, f"A sentence about {word}.")


def _say_failed(word: str) -> Frame:
    raise type(word, (Exception,), {})


def _noise(_: str) -> Frame:
    os.write(1, b"rag1" * 100)
    os.write(2, b"rag1" * 100)
    sys.stdout.write("noise")
    sys.stdout.flush()
    return _fine("")


def _surrogates(_: str) -> Frame:
    return Frame(b"", encode(_document("before \ud800 after \U0001f600", "\udfff")))


def _attack(task: str) -> Frame:
    return Frame(b"", encode(_document(*attacks.attempt(json.loads(task)))))


def _end(_: str) -> Frame:
    signal.raise_signal(signal.SIGTERM)
    raise AssertionError


ACTS = {
    "fine": _fine,
    "recall": _recall,
    "loop": _loop,
    "busy": _busy,
    "sleep": _sleep,
    "allocate": _allocate,
    "abort_without_memory": _abort_without_memory,
    "long": _long,
    "endless": _endless,
    "crash": _crash,
    "defect": _defect,
    "garbage": _garbage,
    "raw_pickle": _raw_pickle,
    "pickle_as_answer": _pickle_as_answer,
    "pickle_as_head": _pickle_as_head,
    "class_in_json": _class_in_json,
    "other_types": _other_types,
    "deep": _deep,
    "reason": _reason,
    "say_refused": _say_refused,
    "say_failed": _say_failed,
    "noise": _noise,
    "surrogates": _surrogates,
    "attack": _attack,
    "end": _end,
}
