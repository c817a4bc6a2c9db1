"""Text of encodings older than Unicode that name themselves nowhere: found by statistics, and doubted afterwards.

``chardetng`` (Firefox's detector) says which encoding is the most likely. It always says one, so what comes out is
looked at: bytes that were no text, or text of an encoding it does not know, come out as letters that no one writes.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from itertools import pairwise

_SAMPLE = 65_536
_CODECS = {
    "gbk": "gb18030", "shift_jis": "cp932", "euc-kr": "cp949", "big5": "big5hkscs", "iso-8859-8-i": "iso8859-8",
    "windows-874": "cp874", "ibm866": "cp866",
}  # fmt: skip
_SIGNS = frozenset("‘’‚‹›“”„«»–—…•·€£¥¢§©®™°±²³µ¶¼½¾×÷¡¿¨´¸ªº№†‡‰\xa0\xad\u200e\u200f")
_EAST_ASIAN = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "IDEOGRAPHIC", "FULLWIDTH", "HALFWIDTH")
_FIRST_LEVELS = (("gb2312", 0xB0, 0xD7), ("euc_jp", 0xB0, 0xCF), ("big5", 0xA4, 0xC6), ("euc_kr", 0xB0, 0xC8))
"""The sets' everyday characters, by the first of their two bytes."""

_STRAY = re.compile(
    r"(?<=[^\W\d_])[†‡°±²³¶¼½¾¤¦¨´¸¬¢£¥§©®™¿¡×÷](?=[^\W\d_])|[¿¡](?=[a-zß-ÿ])(?![^.!?]{0,200}[!?])"
    r"|(?:(?<=[^\w\s'’\"“«(-])[^\W\d_a-zA-Z](?![^\W\d_]))|(?:(?<![^\W\d_])[^\W\d_a-zA-Z](?=[^\w\s'’\".,;:!?)»”-]))"
)
"""Signs within a word, a question mark upside down with none to answer it, a letter among signs."""
_ALL_ACCENTED = re.compile("[À-ÿ]{5,60}")
_WORD = re.compile(r"[^\W\d_]{2,60}")


def legacy_text(content: bytes) -> str | None:
    """The text in the encoding that is the most likely, or None where that makes no plausible text."""
    from chardetng_py import EncodingDetector

    detector = EncodingDetector()
    detector.feed(content, last=True)
    name = detector.guess(tld=None, allow_utf8=False).lower()
    try:
        text = content.decode(_CODECS.get(name, name))
    except (UnicodeError, LookupError):
        return None
    if name == "ibm866" and text.isupper():  # DOS had other sets with letters where this one has its capitals
        return None
    return text if is_plausible(text[:_SAMPLE]) else None


def is_plausible(text: str) -> bool:
    """Whether the characters beyond ASCII are letters of few scripts, in words as words are written.

    >>> is_plausible("Привет, как дела"), is_plausible("оПХБЕР, ЙЮЙ ДЕКЮ"), is_plausible("Ãëàâíàÿ ñòðàíèöà")
    (True, False, False)
    """
    high = Counter(character for character in text if ord(character) > 127)
    total = sum(high.values())
    if not total:
        return True
    letters = sum(count for one, count in high.items() if one.isalpha() or unicodedata.combining(one))
    signs = sum(count for one, count in high.items() if one in _SIGNS)
    scripts = Counter[str]()
    for one, count in high.items():
        if one.isalpha():
            scripts[_script(one)] += count
    east_asian = scripts["EAST ASIAN"]
    known = letters + signs + (sum(high.values()) - letters if east_asian * 10 >= total * 6 else 0)
    if known * 20 < total * 19 or _is_mixed(text, scripts) or _stray(text) * 10 > total:
        return False
    if east_asian * 2 > total:
        return _is_common(high, east_asian)
    latin = scripts["LATIN"]
    # Accents are few, and stand in words with plain letters; a whole text of accented letters is another script.
    return latin * 2 <= len(text) or latin * 2 < total


def _script(letter: str) -> str:
    name = unicodedata.name(letter, "UNKNOWN").split(" ", 1)[0]
    return "EAST ASIAN" if name.startswith(_EAST_ASIAN) else name


def _is_mixed(text: str, scripts: Counter[str]) -> bool:
    """Whether letters of several scripts, or small letters and capitals, stand in one word more than now and then."""
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    if not words or scripts["EAST ASIAN"] * 2 > sum(scripts.values()):
        return sum(count for name, count in scripts.items() if name in ("UNKNOWN", "HEBREW", "ARABIC")) > 0
    odd = sum(word[:1].islower() and word[1:].upper() == word[1:] != word[1:].lower() for word in words)
    odd += sum(any(a.islower() and b.isupper() for a, b in pairwise(word)) for word in words)
    odd += sum(_ALL_ACCENTED.fullmatch(word) is not None for word in words)
    most, *others = [count for _, count in scripts.most_common()] or [0]
    return odd * 10 > len(words) or sum(others) * 10 > most


def _stray(text: str) -> int:
    return len(_STRAY.findall(text))


def _is_common(high: Counter[str], total: int) -> bool:
    """Whether East Asian characters are those in everyday use: the ones that the national sets put first."""
    common = sum(
        count
        for one, count in high.items()
        if "\u3000" <= one <= "\u30ff" or "\uff00" <= one <= "\uffef" or _in_first_level(one)
    )
    return common * 10 >= total * 8


def _in_first_level(character: str) -> bool:
    """In level 1 of GB 2312, JIS X 0208 or Big5, or a syllable of KS X 1001."""
    for encoding, low, high in _FIRST_LEVELS:
        try:
            encoded = character.encode(encoding)
        except UnicodeError:
            continue
        if len(encoded) == 2 and low <= encoded[0] <= high:
            return True
    return False
