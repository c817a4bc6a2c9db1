"""Bytes to text, without guessing more than can be known."""

from __future__ import annotations

import codecs
import re

from rag_service.domain.errors import Refused

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_DECLARED = re.compile(
    rb"""<(?:meta\s[^>]*?charset|\?xml\s[^>]*?encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE
)
_SAMPLE = 65_536


def decode_text(content: bytes, *, declared: str | None = None) -> str:
    """The text of ``content``: by its byte-order mark, the declared encoding, UTF-8, or plainly Western bytes.

    Raises:
        Refused: ``undecodable_text`` when none fits, or what comes out is not text.
    """
    mark = next((encoding for signature, encoding in _MARKS if content.startswith(signature)), None)
    for encoding in (mark,) if mark else (declared, "utf-8", "cp1252"):
        if encoding is None:
            continue
        try:
            text = content.decode(encoding)
        except (UnicodeError, LookupError):
            continue
        if _is_text(text) and (encoding != "cp1252" or _is_plausibly_western(text)):
            return text
    raise Refused("undecodable_text", "The file is not readable text: no encoding that can be recognised fits it.")


def declared_encoding(content: bytes) -> str | None:
    """The text encoding that an HTML page names in its head, if Python knows it."""
    match = _DECLARED.search(content[:2048])
    if match is None:
        return None
    try:
        codec = codecs.lookup(match.group(1).decode("ascii"))
    except LookupError:
        return None
    # A page that could be searched for ASCII is not UTF-16, whatever it says.
    return None if codec.name.startswith(("utf-16", "utf-32")) else codec.name


def _is_text(text: str) -> bool:
    """Almost no control characters: a stray form feed or NUL passes, a binary file does not."""
    sample = text[:_SAMPLE]
    return len(_CONTROL.findall(sample)) * 200 <= len(sample)


def _is_plausibly_western(text: str) -> bool:
    """Bytes above ASCII are few, and mostly letters inside words: so they are accents, not another script."""
    sample = text[:_SAMPLE]
    high = [character for character in sample if ord(character) > 127]
    letters = sum(character.isalpha() or character in "‘’“”–—…•€£°§©®·\xa0" for character in high)
    return len(high) * 4 <= len(sample) and letters * 10 >= len(high) * 9
