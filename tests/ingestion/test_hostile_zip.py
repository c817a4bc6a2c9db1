from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable

import pytest

from ingestion.inspection.names import check_member_name, check_name
from ingestion.inspection.zip_directory import ZipLimits, check_member, open_zip, read_pieces
from rag_service.domain.errors import Refused
from tests.ingestion.samples import zip_file

LIMITS = ZipLimits(members=50, expanded=2**20, ratio=100, small=2**16)
PLAIN = zip_file({"a.txt": b"alpha " * 20, "b/c.txt": b"beta"})


def reason_of(act: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.reason


def everything(content: bytes) -> dict[str, bytes]:
    with open_zip(content, LIMITS) as archive:
        members = archive.infolist()
        for member in members:
            check_member(content, member)
        return {member.filename: b"".join(read_pieces(archive, member, LIMITS.expanded)) for member in members}


def patched(content: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    """The first header of this kind says something else."""
    at = content.index(signature) + offset
    return content[:at] + value + content[at + len(value) :]


def one_member(name: str, *, mode: int = 0, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    info = zipfile.ZipInfo(name)
    info.external_attr, info.compress_type = mode << 16, method
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(info, b"content")
    return stream.getvalue()


def overlapping(count: int) -> bytes:
    """One compressed member, and a directory that names it many times: the kernel of every overlapping bomb."""
    single = zip_file({"a": bytes(2**15)})
    start = single.index(b"PK\x01\x02")
    end = single.index(b"PK\x05\x06")
    entry = single[start:end]
    closing = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, count * len(entry), start, 0)
    return single[:start] + entry * count + closing


def test_an_honest_archive_is_read() -> None:
    assert everything(PLAIN) == {"a.txt": b"alpha " * 20, "b/c.txt": b"beta"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "malformed"),
        (PLAIN[:60], "malformed"),
        (PLAIN[:-30], "malformed"),
        (b"MZ prefix" + PLAIN, "polyglot"),
        (zip_file({"a": bytes(2**19)}), "archive_bomb"),
        (zip_file({str(number): bytes(2**15) for number in range(49)}), "archive_bomb"),
        (zip_file({str(number): b"" for number in range(51)}), "archive_bomb"),
        (overlapping(2), "archive_bomb"),
        (patched(PLAIN, b"PK\x01\x02", 8, b"\x01\x00"), "encrypted"),
        (patched(PLAIN, b"PK\x03\x04", 6, b"\x01\x00"), "encrypted"),
        (patched(PLAIN, b"PK\x01\x02", 24, b"\x05\x00\x00\x00"), "malformed"),
        (patched(PLAIN, b"PK\x01\x02", 42, b"\x09\x00\x00\x00"), "polyglot"),
        (one_member("a", method=zipfile.ZIP_LZMA), "unsupported_compression"),
        (one_member("a", mode=0o120777), "link"),
        (one_member("../a"), "unsafe_path"),
        (one_member("a\u202egnp.exe"), "unsafe_name"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_dishonest_archive_is_refused_with_its_reason(content: bytes, reason: str) -> None:
    assert reason_of(lambda: everything(content)) == reason


def test_a_member_that_is_longer_than_allowed_is_read_no_further() -> None:
    with open_zip(PLAIN, LIMITS) as archive:
        assert reason_of(lambda: list(read_pieces(archive, archive.infolist()[0], 10))) == "archive_bomb"


@pytest.mark.parametrize("name", ["a.txt", "a/b..c/d", "aux.txt", "ünï.md", "...", "שלום.txt", "a b"])
def test_ordinary_names_pass(name: str) -> None:
    check_member_name(name)


@pytest.mark.parametrize("name", ["/etc/passwd", "\\\\host\\share", "C:\\a", "..", "a/../b", "a\\..\\b", "c:a"])
def test_names_that_lead_out_are_refused(name: str) -> None:
    assert reason_of(lambda: check_member_name(name)) == "unsafe_path"


@pytest.mark.parametrize("name", ["a\x00b", "a\nb", "a\u202eb", "a\u2066b", "a" * 256, "a/" * 2100, "é" * 128])
def test_names_that_mislead_are_refused(name: str) -> None:
    assert reason_of(lambda: check_name(name)) == "unsafe_name"
