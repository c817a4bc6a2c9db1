"""The streams of a PDF, found by their marks and expanded as far as it takes to know what they are.

The table of objects is an enemy's to write, so it is not asked. What is encrypted stays closed.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

_START = re.compile(rb"(?<!end)stream\r?\n")
_HEAD, _LONGEST = 2**13, 8 * 2**20
_CODE = re.compile(rb"#([0-9A-Fa-f]{2})")
_FILTER = re.compile(rb"/(FlateDecode|Fl|ASCIIHexDecode|AHx|ASCII85Decode|A85)(?![A-Za-z0-9])")


@dataclass(frozen=True, slots=True)
class Stream:
    """``head`` is its dictionary, with escaped names written out; ``content`` what came out of ``packed`` bytes."""

    head: bytes
    content: bytes = field(repr=False)
    packed: int


def streams_of(content: bytes, most: int, left: int) -> Iterator[Stream]:
    """Each stream, at most ``most`` bytes of it, until ``left`` bytes were looked at."""
    for match in _START.finditer(content):
        if left <= 0:
            return
        head = plain_names(content[max(0, match.start() - _HEAD) : match.start()].rpartition(b"obj")[2])
        end = content.find(b"endstream", match.end(), match.end() + _LONGEST)  # what lies behind is copied for nothing
        raw = content[match.end() : end if end >= 0 else match.end() + _LONGEST]
        found = _expanded(head, raw, most)
        left -= len(found.content)
        yield found


def plain_names(raw: bytes) -> bytes:
    """Names as they are meant: ``/J#53`` is ``/JS``."""
    return _CODE.sub(lambda code: bytes([int(code.group(1), 16)]), raw) if b"#" in raw else raw


def _expanded(head: bytes, raw: bytes, most: int) -> Stream:
    """By its filters, as far as they are known: the others are of pictures, or hardly in use."""
    content, packed = raw, len(raw)
    for name in _FILTER.findall(head)[:4]:
        try:
            if name in (b"FlateDecode", b"Fl"):
                packer = zlib.decompressobj()
                before = len(content)
                content = packer.decompress(content, most)
                packed = before - len(packer.unconsumed_tail) if len(content) >= most else packed
            elif name in (b"ASCIIHexDecode", b"AHx"):
                digits = content[: 2 * most].partition(b">")[0].translate(None, b" \t\r\n\f\x00")
                content = bytes.fromhex(digits[: len(digits) & ~1].decode("ascii"))
            else:
                content = base64.a85decode(content[: 2 * most].partition(b"~>")[0])
        except (zlib.error, ValueError):  # encrypted, or not as it says
            break
    return Stream(head, content[:most], packed)
