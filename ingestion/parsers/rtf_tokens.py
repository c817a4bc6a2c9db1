"""The tokens of RTF: groups, control words, and runs of bytes in the encoding of their font."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?[0-9]{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z0-9'])"
    rb"|([{}])|([^\\{}\r\n]{1,4096})|([\r\n]{1,4096})"
)


@dataclass(frozen=True, slots=True)
class Group:
    opens: bool


@dataclass(frozen=True, slots=True)
class Control:
    name: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Text:
    content: bytes


Token = Group | Control | Text


def tokens(content: bytes) -> Iterator[Token]:
    """Every token in order; bytes that stand together come together, so that letters of two bytes stay whole."""
    at, run = 0, bytearray()
    while at < len(content):
        match = _TOKEN.match(content, at)
        if match is None:  # a lone backslash or a broken escape
            at += 1
            continue
        at = match.end()
        word, number, escaped, sign, brace, text, _ = match.groups()
        if escaped is not None:
            run.append(int(escaped, 16))
            continue
        if text is not None:
            run += text
            continue
        if sign is not None and sign in b"\\{}":
            run += sign
            continue
        if run:
            yield Text(bytes(run))
            run.clear()
        if brace is not None:
            yield Group(brace == b"{")
        elif word == b"bin":
            at += max(int(number or 0), 0)
        elif word is not None:
            yield Control(word.decode("ascii"), int(number) if number else None)
        elif sign is not None:
            yield Control("par" if sign in b"\r\n" else sign.decode("latin-1"))
    if run:
        yield Text(bytes(run))
