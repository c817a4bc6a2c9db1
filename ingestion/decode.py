"""Bytes to text, without guessing more than can be known."""

from __future__ import annotations

import codecs
import re

from ingestion.legacy_text import is_plausible, legacy_text
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
    rb"""<(?:meta\s[^>]{0,400}?charset|\?xml\s[^>]{0,400}?encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""",
    re.IGNORECASE,
)
_MULTIBYTE = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_SAMPLE = 65_536
_LINE_ENDS = b"\t\r\n"
_WIDER = {
    "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "gb2312": "gb18030", "gbk": "gb18030",
    "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs", "ascii": "cp1252",
}  # fmt: skip
"""What stands in files that name the narrower encoding, as browsers have it (WHATWG Encoding Standard)."""
_NO_CHARSETS = frozenset({"idna", "punycode", "utf-7", "unicode_escape", "raw_unicode_escape"})
_FURTHER_NAMES = {
    "iso-8859-8-i": "iso8859-8", "iso-8859-8-e": "iso8859-8", "x-sjis": "cp932", "windows-31j": "cp932",
    "x-gbk": "gb18030", "x-cp1251": "cp1251", "x-cp1252": "cp1252", "ks_c_5601-1987": "cp949", "windows-949": "cp949",
    "windows-874": "cp874", "x-mac-cyrillic": "mac-cyrillic", "x-mac-roman": "mac-roman", "macintosh": "mac-roman",
}  # fmt: skip


def decode_text(content: bytes, *, declared: str | None = None) -> str:
    """The text of ``content``: by its byte-order mark, as UTF-8, by the encoding it declares, or by its statistics.

    UTF-8 goes first: text of another encoding is hardly ever valid UTF-8, while one byte a letter fits everything.

    Raises:
        Refused: ``undecodable_text`` when none fits, or what comes out is not text.
    """
    mark = next((encoding for signature, encoding in _MARKS if content.startswith(signature)), None)
    named = text_encoding(declared) if declared else None
    unmarked = None if mark else unmarked_utf(content)
    for encoding in (mark,) if mark else (unmarked, _by_escapes(content), "utf-8", named):
        text = _decoded(content, encoding) if encoding else None
        if text is not None and (encoding != unmarked or is_plausible(text[:_SAMPLE])):
            return text
    found = None if unmarked else _damaged_utf8(content, is_utf8=mark == "utf-8-sig")
    if found is None and mark is None and b"\x00" not in content[:_SAMPLE]:
        found = legacy_text(content)
    if found is None or not _is_text(found):
        raise Refused("undecodable_text", "The file is not readable text: no encoding that can be recognised fits it.")
    return found


def text_encoding(name: str) -> str | None:
    """The codec for an encoding that a file names, or None for one that is unknown or no encoding of text.

    >>> text_encoding("ISO-8859-1"), text_encoding("zlib"), text_encoding("x-user-defined")
    ('cp1252', None, None)
    """
    name = name.strip().lower()
    try:
        codec = codecs.lookup(_FURTHER_NAMES.get(name, name))
    except (LookupError, ValueError):
        return None
    if not getattr(codec, "_is_text_encoding", False) or codec.name in _NO_CHARSETS:
        return None
    return _WIDER.get(codec.name, codec.name)


def declared_encoding(content: bytes) -> str | None:
    """The text encoding that an HTML or XML file names at its head, if Python knows it."""
    match = _DECLARED.search(content[:2048])
    codec = text_encoding(match.group(1).decode("ascii")) if match else None
    # A page that could be searched for ASCII is not UTF-16, whatever it says.
    return None if codec is None or codec.startswith(("utf-16", "utf-32")) else codec


def unmarked_utf(content: bytes) -> str | None:
    """The kind of UTF-16 or UTF-32 that bytes without a mark are, by where their zeros stand."""
    sample = content[: _SAMPLE - _SAMPLE % 4]
    if b"\x00" not in sample:
        return None
    zeros = [sample[at::4].count(0) for at in range(4)]
    quarter = len(sample) // 4
    if len(content) % 4 == 0 and quarter:
        if zeros[3] == quarter and zeros[2] * 10 >= quarter * 9 and zeros[0] * 10 < quarter:
            return "utf-32-le"
        if zeros[0] == quarter and zeros[1] * 10 >= quarter * 9 and zeros[3] * 10 < quarter:
            return "utf-32-be"
    if len(content) % 2:
        return None
    # Even Chinese text has line ends, digits or spaces, whose upper byte is zero.
    little, big = _plain_units(sample[0::2], sample[1::2]), _plain_units(sample[1::2], sample[0::2])
    if little > 4 * big:
        return "utf-16-le"
    return "utf-16-be" if big > 4 * little else None


def _plain_units(lower: bytes, upper: bytes) -> int:
    """How many units of two bytes are letters, signs and line ends of ASCII."""
    return sum(
        high == 0 and (low > 31 or low in _LINE_ENDS) and low < 127 for low, high in zip(lower, upper, strict=True)
    )


def _decoded(content: bytes, encoding: str) -> str | None:
    try:
        text = content.decode(encoding)
    except (UnicodeError, LookupError):
        return None
    return text if _is_text(text) else None


def _by_escapes(content: bytes) -> str | None:
    return "iso2022_jp_2" if b"\x1b$" in content[:_SAMPLE] and content.isascii() else None


def _damaged_utf8(content: bytes, *, is_utf8: bool) -> str | None:
    """UTF-8 in which a few bytes are wrong, each of which shows as a mark; None where more than a few are."""
    right = len(_MULTIBYTE.findall(content))
    if not right and not is_utf8:
        return None
    text = content.decode("utf-8", "replace")
    wrong = text.count("\ufffd") - content.count(b"\xef\xbf\xbd")
    return text if wrong * 20 <= (len(text) if is_utf8 else right) else None


def _is_text(text: str) -> bool:
    """Almost no control characters: a stray form feed or NUL passes, a binary file does not."""
    sample = text[:_SAMPLE]
    return len(_CONTROL.findall(sample)) * 200 <= len(sample)
