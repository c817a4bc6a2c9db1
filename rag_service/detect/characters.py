"""Which characters a reader cannot see, where they are nevertheless right, and which letters pass for others."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

ZWNJ, ZWJ, SOFT_HYPHEN, BLACK_FLAG = "\u200c", "\u200d", "\u00ad", "\U0001f3f4"
_ZERO_WIDTH = (
    "\u200b\u200c\u200d\u2060-\u2064\u206a-\u206f\ufeff\u180e\u034f\u115f\u1160\u3164\uffa0\u17b4\u17b5\ufff9-\ufffb"
)
_BIDI = "\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069"
_TAGS = "\U000e0000-\U000e007f"
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"

INVISIBLE = re.compile(f"[{_ZERO_WIDTH}{_BIDI}{_TAGS}{_SELECTORS}{SOFT_HYPHEN}]+")
BIDI = re.compile(f"[{_BIDI}]")
BIDI_OVERRIDE = re.compile("[\u202d\u202e]")
BIDI_NESTING = re.compile("[\u202a-\u202e\u2066-\u2069]")
SELECTOR = re.compile(f"[{_SELECTORS}]")
TAG = re.compile(f"[{_TAGS}]")
RIGHT_TO_LEFT = re.compile("[\u0590-\u05ff\u0600-\u061b\u061d-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_JOINING = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u0e00-\u0fff\u1000-\u109f\u1780-\u17b3\u17b6-\u18af\u1b00-\u1bff\ufb50-\ufdff\ufe70-\ufefc]"
)
_FLAG = re.compile(f"{BLACK_FLAG}[\U000e0030-\U000e0039\U000e0061-\U000e007a]{{3,6}}\U000e007f")

CONFUSABLE = dict(
    zip(
        "аеорсухіјѕһԁԛԝАВЕКМНОРСТУХІЈЅοΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
        "aeopcyxijshdqwABEKMHOPCTYXIJSoABEZHIKMNOPTYX",
        strict=True,
    )
)
"""Cyrillic and Greek letters that look like Latin ones, without those that science writes beside Latin (TNFα)."""

MIXED_WORD = re.compile(f"[A-Za-z]*[{''.join(CONFUSABLE)}]+[A-Za-z{''.join(CONFUSABLE)}]*")


def is_homoglyph_word(word: str) -> bool:
    """Whether Latin letters and look-alikes of Latin letters stand in one word.

    >>> is_homoglyph_word("pаssword"), is_homoglyph_word("password"), is_homoglyph_word("сон")
    (True, False, False)
    """
    return len(word) > 2 and sum(letter.isascii() for letter in word) >= 2 and any(c in CONFUSABLE for c in word)


def _is_pictograph(character: str) -> bool:
    return ord(character) >= 0x1F000 or unicodedata.category(character) in {"So", "Sk", "Me"}


def is_rightly_invisible(text: str, at: int, *, right_to_left: bool) -> bool:
    """Whether the invisible character at ``at`` does what its script or emoji needs it for.

    ``right_to_left`` says whether its line holds Hebrew or Arabic, where direction marks belong.
    """
    character = text[at]
    before = text[at - 1] if at else ""
    after = text[at + 1] if at + 1 < len(text) else ""
    if character in (ZWNJ, ZWJ):
        if before and after and _JOINING.match(before) and (_JOINING.match(after) or not after.isalnum()):
            return True
        seen = before and (_is_pictograph(before) or SELECTOR.match(before))
        return bool(character == ZWJ and seen and after and _is_pictograph(after))
    if BIDI.match(character):
        return right_to_left and not BIDI_OVERRIDE.match(character)
    if SELECTOR.match(character):
        if not before or before.isspace() or INVISIBLE.match(before):
            return False
        # Digits, # and * take one in keycaps; ASCII letters never do.
        return (ord(before) > 0x7F and unicodedata.category(before) != "Ll") or before in "0123456789#*"
    if TAG.match(character):
        start = text.rfind(BLACK_FLAG, max(0, at - 7), at)
        flag = _FLAG.match(text, start) if start >= 0 else None
        return flag is not None and at < flag.end()
    return False


@lru_cache(maxsize=16_384)
def plain(character: str) -> str:
    """The ordinary spelling of a letter, digit or punctuation mark in compatibility form; others unchanged.

    Superscripts and fractions stay: ``10²`` is not 102.

    >>> plain("Ａ"), plain("𝐩"), plain("²"), plain("é")
    ('A', 'p', '²', 'é')
    """
    point = ord(character)
    if 0xFF01 <= point <= 0xFF5E or unicodedata.category(character) in {"Lu", "Ll", "Nd", "Zs"}:
        return unicodedata.normalize("NFKC", character)
    return character


_LEET = str.maketrans("01345789@$!+|", "oieastbgasitl")


def leet(text: str) -> str:
    """One spelling for letters and the digits that pass for them.

    >>> leet("p4ssw0rd") == leet("password")
    True
    """
    return text.lower().translate(_LEET)
