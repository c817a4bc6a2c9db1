"""gzip, bzip2 and xz: one stream of bytes, expanded piece by piece, and no further than it may."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Protocol

from ingestion.containers.kinds import Kind
from rag_service.domain.errors import Refused

_PIECE = 2**18
_XZ_MEMORY = 128 * 2**20
"""What its dictionary may take: 64 MiB at the highest setting that ``xz`` has."""

_MOST_STREAMS = 10_000
"""Streams may stand behind each other, and each costs some time even where it is empty."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Gunzip:
    """``zlib`` with the manners of the other two: it keeps what it was given and did not use yet."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)


_DECOMPRESSORS: dict[Kind, Callable[[], _Decompressor]] = {
    Kind.GZIP: _Gunzip,
    Kind.BZIP2: bz2.BZ2Decompressor,
    Kind.XZ: lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY),
}
_ENDINGS = {".tgz": ".tar", ".tbz": ".tar", ".tbz2": ".tar", ".txz": ".tar"}


def expanded(kind: Kind, content: bytes) -> Iterator[bytes]:
    """What was packed, in pieces. Zeros behind the last stream are padding. Raises ``Refused`` with ``malformed``."""
    try:
        for _ in range(_MOST_STREAMS):
            stream = _DECOMPRESSORS[kind]()
            fed = content
            while not stream.eof:
                piece = stream.decompress(fed, _PIECE)
                if not piece and not fed and not stream.eof:
                    raise _damaged()
                fed = b""
                if piece:
                    yield piece
            content = stream.unused_data
            if not content.strip(b"\x00"):
                return
    except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError):
        raise _damaged() from None
    raise _damaged()


def inner_name(name: str) -> str:
    """What the file was called before it was packed.

    >>> inner_name("minutes.txt.gz"), inner_name("backup.tgz"), inner_name("notes")
    ('minutes.txt', 'backup.tar', 'notes')
    """
    path = PurePosixPath(name)
    return f"{path.stem}{_ENDINGS.get(path.suffix.lower(), '')}" if path.suffix else path.name


def _damaged() -> Refused:
    return Refused("malformed", "The archive is damaged: it breaks off, or says of itself what is not so.")
