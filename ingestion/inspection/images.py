"""How large an image says it is, which is what it takes to decode it, whatever it takes to store."""

from __future__ import annotations

import re
import struct

from rag_service.domain.errors import Refused

MAX_PIXELS = 2**28
"""An A0 poster at 400 dots an inch; each pixel takes four bytes and more once it is decoded."""

_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PDF_SIDES = re.compile(rb"/(Width|Height)\s{1,20}(\d{1,10})\b")
_NEAR = 1000


def refuse_oversized(head: bytes) -> None:
    """The image that begins so, if it is one, is of a size that can be decoded. Raises ``Refused``."""
    width, height = declared_size(head)
    if width * height > MAX_PIXELS:
        raise _oversized()


def declared_size(head: bytes) -> tuple[int, int]:
    """Width and height by the image's own header; zeros for what is no image that is known here.

    >>> declared_size(bytes.fromhex("89504e470d0a1a0a0000000d49484452") + struct.pack(">2L", 640, 480))
    (640, 480)
    """
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 24:
        return _pair(">2L", head, 16)
    if head.startswith((b"GIF87a", b"GIF89a")) and len(head) >= 10:
        return _pair("<2H", head, 6)
    if head.startswith(b"BM") and len(head) >= 26 and head[6:10] == bytes(4):
        width, height = _pair("<2l", head, 18)
        return abs(width), abs(height)
    if head.startswith(b"\xff\xd8\xff"):
        return _jpeg_size(head)
    if head.startswith(b"RIFF") and head[8:16] == b"WEBPVP8X" and len(head) >= 30:
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if head.startswith((b"II*\x00", b"MM\x00*")):
        return _tiff_size(head)
    return 0, 0


def refuse_oversized_in_pdf(content: bytes) -> None:
    """No image of a PDF, by its dictionary, is larger than can be decoded. Raises ``Refused``."""
    last: dict[bytes, tuple[int, int]] = {}
    for match in _PDF_SIDES.finditer(content):
        name, size = match.group(1), int(match.group(2))
        at, other = last.get(b"Height" if name == b"Width" else b"Width", (-_NEAR, 0))
        if match.start() - at < _NEAR and size * other > MAX_PIXELS:
            raise _oversized()
        last[name] = (match.start(), size)


def _jpeg_size(head: bytes) -> tuple[int, int]:
    """From segment to segment, so that no thumbnail within one is taken for the image."""
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        if head[at + 1] in _JPEG_FRAMES:
            height, width = _pair(">2H", head, at + 5)
            return width, height
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return 0, 0


def _tiff_size(head: bytes) -> tuple[int, int]:
    order = "<" if head.startswith(b"II") else ">"
    try:
        (at,) = struct.unpack_from(f"{order}L", head, 4)
        (count,) = struct.unpack_from(f"{order}H", head, at)
        sides = {256: 0, 257: 0}
        for number in range(min(count, 100)):
            tag, kind = struct.unpack_from(f"{order}2H", head, at + 2 + 12 * number)
            if tag in sides:
                (sides[tag],) = struct.unpack_from(f"{order}{'H' if kind == 3 else 'L'}", head, at + 10 + 12 * number)
    except struct.error:
        return 0, 0
    return sides[256], sides[257]


def _pair(layout: str, content: bytes, at: int) -> tuple[int, int]:
    first, second = struct.unpack_from(layout, content, at)
    return int(first), int(second)


def _oversized() -> Refused:
    return Refused("oversized_image", f"An image says that it has more than {MAX_PIXELS // 10**6} million pixels.")
