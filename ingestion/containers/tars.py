"""tar, read block by block: no header is believed further than the file reaches.

Python's own reader follows headers into loops and backwards (CVE-2019-20907, CVE-2025-8194), and knows formats that
are refused here anyway. POSIX.1-2001 pax, section "ustar Interchange Format", and GNU's long names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ingestion.containers.entries import Entry
from ingestion.inspection.names import MOST_BYTES
from rag_service.domain.errors import Refused

_BLOCK = 512
_FILES, _FOLDER = b"0\x007", b"5"
_LINKS, _DEVICES = b"12", b"346"
_MOST_HEADER = 2**16
"""Bytes of a header's extension; what it is for is a name."""


@dataclass
class _Extension:
    """What blocks before a header say of it."""

    name: str | None = None
    size: int | None = None
    is_sparse: bool = False


@dataclass
class _Tape:
    content: bytes
    at: int = 0
    ahead: _Extension = field(default_factory=_Extension)

    def block(self) -> bytes | None:
        """The next header; ``None`` where the archive ends."""
        block = self.content[self.at : self.at + _BLOCK]
        if not block.strip(b"\x00"):
            return None
        if not is_header(block):
            raise _damaged()
        self.at += _BLOCK
        return block

    def data(self, size: int) -> bytes:
        """So many bytes behind the header, and on to the next block."""
        if size > len(self.content) - self.at:
            raise _damaged()
        start, self.at = self.at, self.at + -(-size // _BLOCK) * _BLOCK
        return self.content[start : start + size]


def tar_entries(content: bytes) -> Iterator[Entry]:
    """The members in their order, without folders. Raises ``Refused`` with ``malformed`` where it can read no further.

    A link, a device and a sparse file are refused each for itself.
    """
    tape = _Tape(content)
    while (block := tape.block()) is not None:
        kind, size = block[156:157], _number(block[124:136])
        if kind in (b"x", b"L", b"K", b"g"):
            if size > _MOST_HEADER:
                raise _damaged()
            _note(tape.ahead, kind, tape.data(size))
            continue
        ahead, tape.ahead = tape.ahead, _Extension()
        name = ahead.name if ahead.name is not None else _name(block)
        size = size if ahead.size is None else ahead.size
        stored = b"" if kind in _LINKS else tape.data(size)  # a link may tell the size of what it names
        if kind == _FOLDER or (kind in _FILES and name.endswith("/")):
            continue
        try:
            _check_kind(kind, is_sparse=ahead.is_sparse)
        except Refused as refusal:
            yield Entry(name, refusal)
        else:
            yield Entry(name, stored)


def is_header(block: bytes) -> bool:
    """Whether the block carries its own sum.

    >>> is_header(bytes(512))
    False
    """
    if len(block) < _BLOCK:
        return False
    try:
        return _number(block[148:156]) == sum(block[:148]) + 8 * 32 + sum(block[156:])
    except Refused:
        return False


def _check_kind(kind: bytes, *, is_sparse: bool) -> None:
    if kind in _LINKS:
        raise Refused("link", "A member of the archive is a link; pack the file itself.")
    if kind in _DEVICES:
        raise Refused("link", "A member of the archive is a device or a pipe.")
    if is_sparse or kind not in _FILES:
        raise Refused("unsupported_type", "A member of the archive is stored in a way that is not supported.")


def _note(ahead: _Extension, kind: bytes, data: bytes) -> None:
    if kind == b"L":
        ahead.name = _text(data.rstrip(b"\x00"))
    elif kind == b"x":
        for key, value in _records(data):
            if key == b"path":
                ahead.name = _text(value)
            elif key == b"size":
                ahead.size = _decimal(value)
            elif key.startswith(b"GNU.sparse"):
                ahead.is_sparse = True


def _records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """``length key=value`` lines. Each is as long as it says, and at least five bytes: this comes to an end."""
    at = 0
    while at < len(data):
        head, space, _ = data[at : at + 12].partition(b" ")
        length = _decimal(head)
        record = data[at : at + length]
        key, equals, value = record[len(head) + 1 :].partition(b"=")
        if not space or not equals or length < 5 or len(record) < length or not record.endswith(b"\n"):
            raise _damaged()
        yield key, value[:-1]
        at += length


def _name(block: bytes) -> str:
    name, prefix = block[:100].split(b"\x00")[0], block[345:500].split(b"\x00")[0]
    is_posix = block[257:263] == b"ustar\x00"
    return _text(prefix + b"/" + name if is_posix and prefix else name)


def _text(name: bytes) -> str:
    """A name as the text that it most likely is; there is nothing in a tar that tells."""
    if not name or len(name) > MOST_BYTES:
        raise _damaged()
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("cp1252", "replace")


def _number(digits: bytes) -> int:
    """Octal, or GNU's form in binary, which may not be negative."""
    if digits[0] == 0x80:
        return int.from_bytes(digits[1:])
    text = digits.strip(b" \x00")
    if not all(0x30 <= digit < 0x38 for digit in text):
        raise _damaged()
    return int(text or b"0", 8)


def _decimal(digits: bytes) -> int:
    if not (digits.isdigit() and len(digits) <= 15):
        raise _damaged()
    return int(digits)


def _damaged() -> Refused:
    return Refused("malformed", "The archive is damaged: it breaks off, or says of itself what is not so.")
