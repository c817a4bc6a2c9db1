"""Files that are of two formats at once, so that two programs read different things in them."""

from __future__ import annotations

import re
import struct

from rag_service.domain.errors import Refused

_OTHERS = (b"GIF8", b"\x89PNG", b"\xff\xd8\xff", b"PK\x03\x04", b"MZ", b"\x7fELF", b"BM", b"Rar!", b"\xd0\xcf\x11\xe0")
_PAGE = re.compile(rb"<(?:!doctype|html|head|body|script|svg|iframe)\b", re.IGNORECASE)
_END = b"PK\x05\x06"
_END_SIZE = 22
_COMMENT = 2**16


def refuse_polyglot_pdf(content: bytes) -> None:
    """Neither another format nor a web page stands before the PDF, and no zip archive closes it.

    What a viewer may take for the file must be what is read here.

    Raises:
        Refused: ``polyglot``.
    """
    before = content[: content.find(b"%PDF-")]
    if before.startswith(_OTHERS) or _PAGE.search(before):
        raise two_at_once("something else stands before the PDF")
    if ends_as_zip(content):
        raise two_at_once("it is a zip archive as well")


def ends_as_zip(content: bytes) -> bool:
    """Whether the last bytes are the end of a zip archive, whose comment reaches exactly to the end of the file."""
    at = content.rfind(_END, max(0, len(content) - _COMMENT - _END_SIZE))
    while at >= 0:
        if at + _END_SIZE <= len(content):
            (comment,) = struct.unpack_from("<H", content, at + 20)
            if at + _END_SIZE + comment == len(content):
                return True
        at = content.rfind(_END, max(0, len(content) - _COMMENT - _END_SIZE), at)
    return False


def two_at_once(why: str) -> Refused:
    """The refusal of such a file."""
    return Refused("polyglot", f"The file is of two formats at once: {why}.")
