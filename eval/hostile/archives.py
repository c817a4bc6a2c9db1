"""Archives that expand to far more than they are, lead out of themselves, or never end."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from functools import cache

GIB = 2**30
_PIECE = 16 * 2**20


@cache
def deflated_run(byte: bytes, size: int) -> bytes:
    """A raw deflate stream of ``size`` times the byte: one compressed piece, again and again. Made in no time."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(byte * _PIECE) + packer.flush(zlib.Z_FULL_FLUSH)
    return piece * (size // _PIECE) + b"\x03\x00"


def forged_zip(members: Mapping[str, tuple[bytes, int]]) -> bytes:
    """A zip of raw deflate streams, each with the size that its directory states, true or not."""
    body, directory = b"", b""
    for name, (packed, size) in members.items():
        encoded = name.encode()
        fields = (20, 0, 8, 0, 33, 0, len(packed), size, len(encoded), 0)
        directory += struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, *fields[:5], *fields[5:], 0, 0, 0, 0, len(body))
        directory += encoded
        body += struct.pack("<4s5H3L2H", b"PK\x03\x04", *fields) + encoded + packed
    count, at = len(members), len(body)
    return body + directory + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), at, 0)


def plain_zip(members: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def ten_gigabytes() -> bytes:
    return forged_zip({f"{number}.txt": (deflated_run(b"a", GIB), GIB) for number in range(10)})


def lying_directory() -> bytes:
    """Says that it holds 1000 bytes, and holds a gigabyte."""
    return forged_zip({"a.txt": (deflated_run(b"a", GIB), 1000)})


def overlapping_members() -> bytes:
    """A directory of ten thousand names for one compressed member, as in D. Fifield's bombs."""
    single = forged_zip({"a": (deflated_run(b"a", _PIECE), _PIECE)})
    start, end = single.index(b"PK\x01\x02"), single.index(b"PK\x05\x06")
    entry, count = single[start:end], 10_000
    closing = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, count * len(entry), start, 0)
    return single[:start] + entry * count + closing


def nested_zips(levels: int = 200) -> bytes:
    content, name = b"the innermost text", "a.txt"
    for _ in range(levels):
        content, name = plain_zip({name: content}), "a.zip"
    return content


def wide_nest() -> bytes:
    """As 42.zip: sixteen archives in each of five, which would be a million files."""
    content = b"x" * 1000
    for _ in range(5):
        content = plain_zip({f"{number}.zip": content for number in range(16)})
    return content


def escaping_zip() -> bytes:
    names = ("../../escaped.txt", "/etc/cron.d/escaped", "..\\..\\escaped.txt", "C:\\escaped.txt", "inner.txt")
    return plain_zip(dict.fromkeys(names, b"an honest sentence that stands in this member"))


def escaping_tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name in ("../../escaped.txt", "/etc/cron.d/escaped"):
            _add(archive, tarfile.TarInfo(name), b"escaped")
        for kind, target in ((tarfile.SYMTYPE, "/etc/passwd"), (tarfile.LNKTYPE, "../../etc/shadow")):
            link = tarfile.TarInfo(f"link-{target[-6:]}")
            link.type, link.linkname = kind, target
            archive.addfile(link)
        device = tarfile.TarInfo("zero")
        device.type, device.devmajor, device.devminor = tarfile.CHRTYPE, 1, 5
        archive.addfile(device)
    return stream.getvalue()


def gzip_run() -> bytes:
    """Ten gigabytes in one gzip member."""
    head = gzip.compress(b"")[:10]
    return head + deflated_run(b"a", 10 * GIB) + struct.pack("<2L", 0, 0)


def endless_tar() -> bytes:
    """A tar that states a member of eight exabytes."""
    info = tarfile.TarInfo("a.txt")
    info.size = 2**62
    return info.tobuf(tarfile.GNU_FORMAT) + b"a" * 10_000


def many_members() -> bytes:
    return plain_zip({f"{number}.txt": b"" for number in range(30_000)})


def _add(archive: tarfile.TarFile, info: tarfile.TarInfo, content: bytes) -> None:
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))
