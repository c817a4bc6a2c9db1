"""The packed RTF of an Outlook message.

[MS-OXRTFCP]: a dictionary of 4096 bytes that begins with common words of RTF, and references into it.
"""

from __future__ import annotations

import struct

from rag_service.domain.errors import Refused

_WORDS = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n"
    b"\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_SIZE = 4096
_MOST = 64 * 2**20
_PACKED, _PLAIN = b"LZFu", b"MELA"


def unpacked_rtf(content: bytes) -> bytes:
    """The RTF. Raises ``Refused`` with ``malformed``."""
    if len(content) < 16:
        raise _damaged()
    _, size, kind, _ = struct.unpack_from("<LL4sL", content)
    if kind == _PLAIN:
        return content[16 : 16 + size]
    if kind != _PACKED or size > _MOST:
        raise _damaged()
    window, at = bytearray(_WORDS.ljust(_SIZE, b"\x00")), len(_WORDS)
    found, place = bytearray(), 16
    while place < len(content) and len(found) < size:
        flags, place = content[place], place + 1
        for bit in range(8):
            if place >= len(content) or len(found) >= size:
                break
            if not flags >> bit & 1:
                run, place = content[place : place + 1], place + 1
            else:
                reference = int.from_bytes(content[place : place + 2], "big")
                place += 2
                offset, length = reference >> 4, (reference & 15) + 2
                if offset == at % _SIZE:
                    return bytes(found)
                run = b""
                for step in range(length):
                    letter = window[(offset + step) % _SIZE]
                    window[(at + step) % _SIZE] = letter
                    run += bytes([letter])
            for step, letter in enumerate(run):
                window[(at + step) % _SIZE] = letter
            at += len(run)
            found += run
    return bytes(found[:size])


def _damaged() -> Refused:
    return Refused("malformed", "The mail is damaged: its text is packed in a way that is not known.")
