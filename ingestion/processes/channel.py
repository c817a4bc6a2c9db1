"""Frames over one descriptor: three parts of bytes with their lengths before them. Nothing is interpreted here."""

from __future__ import annotations

import os
import select
import struct
import time
from dataclasses import dataclass

_HEADER = struct.Struct(">4sIII")
_MARK = b"rag1"
_MOST_HEAD = 2**16
_LONGEST = 2**32 - 1


class ChannelBroken(Exception):
    """The other side ended, or sent what is no frame."""


class FrameTooLong(Exception):
    """The other side announced a longer frame than was asked for, or there is more to send than a frame can hold."""


class TimeIsUp(Exception):
    """The deadline passed before the frame was through."""


@dataclass(frozen=True, slots=True)
class Frame:
    """``head`` says what it is, ``body`` is JSON, ``blob`` bytes of a kind that the head tells."""

    head: bytes
    body: bytes = b""
    blob: bytes = b""


class Channel:
    """One end of a stream. A deadline is a time of ``time.monotonic``; without one, it waits for ever."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._poll = select.poll()

    def send(self, frame: Frame, *, deadline: float | None = None) -> None:
        """The frame is written whole. Raises ``ChannelBroken``, ``FrameTooLong`` or ``TimeIsUp``."""
        parts = (frame.head, frame.body, frame.blob)
        lengths = [len(part) for part in parts]
        if max(lengths) > _LONGEST:
            raise FrameTooLong
        for part in (_HEADER.pack(_MARK, *lengths), *parts):
            rest = memoryview(part)
            while rest:
                self._wait(select.POLLOUT, deadline)
                try:
                    rest = rest[os.write(self._handle, rest) :]
                except BlockingIOError:
                    continue
                except OSError:
                    raise ChannelBroken("the other side ended") from None

    def receive(self, *, limit: int, deadline: float | None = None) -> Frame:
        """The next frame. Raises ``ChannelBroken``, ``FrameTooLong`` or ``TimeIsUp``."""
        mark, *lengths = _HEADER.unpack(self.read(_HEADER.size, deadline))
        if mark != _MARK or lengths[0] > _MOST_HEAD:
            raise ChannelBroken("what came is no frame")
        if sum(lengths) > limit:
            raise FrameTooLong
        head, body, blob = (bytes(self.read(length, deadline)) for length in lengths)
        return Frame(head, body, blob)

    def close(self) -> None:
        os.close(self._handle)

    def read(self, length: int, deadline: float | None) -> bytearray:
        """So many bytes, as they come. Raises ``ChannelBroken`` or ``TimeIsUp``."""
        content = bytearray(length)
        rest = memoryview(content)
        while rest:
            self._wait(select.POLLIN, deadline)
            try:
                count = os.readv(self._handle, [rest])
            except BlockingIOError:
                continue
            except OSError:
                count = 0
            if not count:
                raise ChannelBroken("the other side ended")
            rest = rest[count:]
        return content

    def _wait(self, event: int, deadline: float | None) -> None:
        if deadline is None:
            return
        left = deadline - time.monotonic()
        self._poll.register(self._handle, event)
        if left <= 0 or not self._poll.poll(left * 1000):
            raise TimeIsUp
