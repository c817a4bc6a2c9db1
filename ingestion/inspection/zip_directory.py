"""Zip archives, Office packages among them: opened only where the directory is honest and admits to no bomb.

A zip says everything twice, in its directory and before each member; readers differ in what they believe. What
follows holds for all of them: members lie one after the other from the first byte on and share none, as in 42.zip
they may and in the bombs of D. Fifield ("A better zip bomb", WOOT 2019) they must not.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from ingestion.inspection.names import check_member_name
from rag_service.domain.errors import Refused

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, struct.error)
"""Whatever ``zipfile`` raises for an archive that is not as it should be."""

_MIB = 2**20
_READ = 2**18
_LOCAL = struct.Struct("<4sHHHHHLLLHH")
_ENTRY, _MEMBER = b"PK\x01\x02", b"PK\x03\x04"
_ENCRYPTED = 0x1 | 0x40
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The others expand without bound at once in Python's reader, and no office and hardly any archive has them."""
_TYPE, _KINDS = 0o170000, (0, 0o100000, 0o040000)


@dataclass(frozen=True, slots=True)
class ZipLimits:
    """How much an archive may expand to. Below ``small`` bytes the ratio does not matter."""

    members: int = 20_000
    expanded: int = 300 * _MIB
    ratio: int = 200
    small: int = 4 * _MIB


def open_zip(content: bytes, limits: ZipLimits) -> zipfile.ZipFile:
    """The archive; its members are few, apart, and say of themselves that they are no bomb.

    Raises:
        Refused: ``malformed``, ``archive_bomb`` or ``polyglot``.
    """
    if content.count(_ENTRY) > limits.members:  # each would cost a kilobyte to read
        raise bomb()
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        members = archive.infolist()
        _check_places(content, members, archive.start_dir)
    except DAMAGE:
        raise damaged() from None
    sizes = [member.file_size for member in members]
    if sum(sizes) > limits.expanded or sum(sizes) > max(len(content) * limits.ratio, limits.small):
        raise bomb()
    if any(member.file_size > max(member.compress_size * limits.ratio, limits.small) for member in members):
        raise bomb()
    return archive


def check_member(content: bytes, member: zipfile.ZipInfo) -> None:
    """The member can be read, and is a file or folder below the archive. Names that differ are told when it is read.

    Raises:
        Refused: ``encrypted``, ``unsupported_compression``, ``unsafe_path``, ``unsafe_name`` or ``link``.
    """
    check_member_name(member.orig_filename)
    flags = _LOCAL.unpack_from(content, member.header_offset)[2]
    if (member.flag_bits | flags) & _ENCRYPTED:
        raise Refused("encrypted", "The file is protected by a password; save it without one.")
    if member.compress_type not in _METHODS:
        raise Refused("unsupported_compression", "The archive is compressed in a way that is not supported.")
    mode = member.external_attr >> 16
    if mode & _TYPE not in _KINDS:
        raise Refused("link", "A member of the archive is a link or a device; pack the file itself.")


def read_pieces(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> Iterator[bytes]:
    """The member's content, piece by piece, whatever the directory said of its size.

    Raises:
        Refused: ``malformed``, or ``archive_bomb`` where it has more bytes than ``most``.
    """
    left = most
    try:
        with archive.open(member) as stream:
            while piece := stream.read(_READ):
                left -= len(piece)
                if left < 0:
                    raise bomb()
                yield piece
    except DAMAGE:
        raise damaged() from None


def bomb() -> Refused:
    return Refused("archive_bomb", "The file would expand to far more than a file of its kind needs.")


def damaged() -> Refused:
    return Refused("malformed", "The file begins like a zip archive, but the archive is damaged.")


def _check_places(content: bytes, members: list[zipfile.ZipInfo], directory: int) -> None:
    """The first member is the file's first byte, and the next begins where none before it reaches."""
    end = 0
    for member in sorted(members, key=lambda one: one.header_offset):
        if end == 0 and member.header_offset > 0:
            raise Refused("polyglot", "The file is a zip archive and something else before it.")
        if member.header_offset < end:
            raise bomb()
        mark, *_, name, extra = _LOCAL.unpack_from(content, member.header_offset)
        if mark != _MEMBER:
            raise damaged()
        end = member.header_offset + _LOCAL.size + name + extra + member.compress_size
    if end > directory:
        raise bomb()
