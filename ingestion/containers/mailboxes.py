"""Mailbox files (mbox): messages one after the other, each behind a line that begins with ``From``.

RFC 4155 and the older customs: the line follows an empty one, and such lines within a message are marked by ``>``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from ingestion.containers.entries import Entry

_START = re.compile(rb"^From [^\r\n]{3,300}\r?\n(?=[!-9;-~]{1,76}:)", re.MULTILINE)
_MARKED = re.compile(rb"^>(?=>{0,9}From )", re.MULTILINE)
_HEAD = 2000


def is_mailbox(content: bytes, *, is_named: bool) -> bool:
    """Whether this is a mailbox: a message, where it is named as one, else more than one."""
    if _START.match(content[:_HEAD]) is None:
        return False
    starts = _starts(content)
    next(starts)
    return is_named or next(starts, None) is not None


def mailbox_entries(content: bytes) -> Iterator[Entry]:
    """The messages in their order, under numbers: one that is added at the end changes nobody's name."""
    starts = [*_starts(content), (len(content), len(content))]
    for number, ((_, begin), (end, _)) in enumerate(pairwise(starts), start=1):
        yield Entry(f"message-{number}.eml", _MARKED.sub(b"", content[begin:end].rstrip(b"\r\n")) + b"\n")


def _starts(content: bytes) -> Iterator[tuple[int, int]]:
    """Where each message's own line begins and ends."""
    for match in _START.finditer(content):
        if match.start() == 0 or content[max(0, match.start() - 3) : match.start()].endswith((b"\n\n", b"\n\r\n")):
            yield match.start(), match.end()
