"""Document types and entities in XML: what reads other files, or grows when it is read.

Parsers here resolve none; a file that declares some is refused all the same, as none is needed to write a document.
"""

from __future__ import annotations

import codecs
import re

from rag_service.domain.errors import Refused

_SUBSET = re.compile(r"<!DOCTYPE\s[^\[>]{0,2000}\[", re.IGNORECASE)
_ENTITY = "<!ENTITY"
_DECLARED = re.compile(r"<\?xml\s[^>]{0,200}?encoding\s{0,9}=\s{0,9}[\"']([A-Za-z0-9._:-]{1,40})[\"']")
_HEAD = 200
_PROLOG = 2**16
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"), (b"<\x00?\x00", "utf-16-le"),
    (b"\x00<\x00?", "utf-16-be"), (b"<\x00!\x00", "utf-16-le"), (b"\x00<\x00!", "utf-16-be"),
    (b"<\x00\x00\x00", "utf-32-le"), (b"\x00\x00\x00<", "utf-32-be"), (b"Lo\xa7\x94", "cp037"),
)  # fmt: skip
"""Appendix F of XML 1.0: how a reader guesses before it has read the declaration."""


def refuse_declarations(content: bytes, *, doctype: bool) -> None:
    """This XML declares no entity, and where ``doctype``, no document type either. Raises ``Refused``.

    An Office file has no document type; a book's pages commonly name one.
    """
    text = xml_text(content)
    if _ENTITY in text or (doctype and "<!DOCTYPE" in text):
        raise _refused()


def refuse_subset(content: bytes) -> None:
    """An HTML page may name its document type, and declares nothing with it. Raises ``Refused``."""
    if _SUBSET.search(content[: 4 * _PROLOG].decode(_guess(content), "replace")[:_PROLOG]):
        raise _refused()


def xml_text(content: bytes) -> str:
    """The text as an XML reader sees it. Raises ``Refused`` with ``malformed`` for an encoding that nobody needs.

    UTF-7 and EBCDIC write markup in bytes that no search for markup finds.
    """
    guess = _guess(content)
    declared = _DECLARED.search(content[: 4 * _HEAD].decode(guess, "replace")[:_HEAD])
    try:
        name = codecs.lookup(declared.group(1) if declared else guess).name
    except LookupError:
        raise _unknown() from None
    if guess == "cp037" or name == "utf-7" or (not _keeps_ascii(name) and guess == "latin-1"):
        raise _unknown()
    return content.decode(guess, "replace")


def _guess(content: bytes) -> str:
    return next((name for mark, name in _MARKS if content.startswith(mark)), "latin-1")


def _keeps_ascii(encoding: str) -> bool:
    try:
        return "<!DOCTYPE [".encode(encoding) == b"<!DOCTYPE ["
    except (LookupError, UnicodeError):
        return False


def _unknown() -> Refused:
    return Refused("malformed", "The file's XML is in an encoding that is not supported; save it as UTF-8.")


def _refused() -> Refused:
    return Refused("external_entities", "The file declares XML entities or a document type of its own; remove them.")
