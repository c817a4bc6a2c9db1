"""A value to a stable stand-in: in documents by what the scrubbing finds, in questions by trying.

``[PERSON_3fa9c1d2b07e]``: eight digits that the tenant's key makes of the value, and four that show that the key made
those. So a stand-in that somebody typed is told from one that scrubbing left, unless it was copied from there.

A question is too short for a language model to find names in. Instead every run of a few words is turned into the tag
that it would have; those that are no one's match nothing, because no document holds them. Nothing is looked up for
that, so nothing is told of what documents hold.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from rag_service.detect.entities import ENTITIES
from rag_service.lexical import STOP_WORDS, words

LEAST_KEY_BYTES = 16
_LONGEST_NAME = 5
_VALUE_DIGITS, _CHECK_DIGITS = 8, 4
_MARK = re.compile(r"\[([A-Z][A-Z0-9_]{1,40}?)(?:_([0-9A-Fa-f]{4,64}))?\]")
_POSSESSIVE = re.compile(r"['’]s$")


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a text holds what scrubbing leaves, or what looks like it: a tag that no key made ``is_forged``."""

    start: int
    end: int
    label: str
    is_forged: bool


def normal_form(value: str) -> str:
    """A value as it is compared: without case, and without the punctuation that tells nothing apart.

    >>> normal_form("+49 (30) 90-1820") == normal_form("+4930901820")
    True
    >>> normal_form("Ada  Lovelace-King's") == normal_form("ADA LOVELACE KING")
    True
    >>> normal_form("a.b@example.com") == normal_form("ab@example.com")
    False
    """
    value = unicodedata.normalize("NFKC", value).casefold().strip()
    if "@" in value or "/" in value:
        return "".join(value.split())
    if any(map(str.isdigit, value)):
        try:
            return str(ip_address(value))
        except ValueError:
            return "".join(filter(str.isalnum, value))
    return " ".join(words(_POSSESSIVE.sub("", value))) or value


def tag(value: str, key: bytes) -> str:
    """The hexadecimal digits that stand for the value, within one tenant."""
    if len(key) < LEAST_KEY_BYTES:
        raise ValueError(f"a pseudonym needs a key of at least {LEAST_KEY_BYTES} bytes")
    digits = _digest(key, b"value", normal_form(value).encode())[:_VALUE_DIGITS]
    return digits + _check(digits, key)


def stand_in(kind: str, value: str, key: bytes) -> str:
    """What the tenant's texts hold in place of the value, however it is written.

    >>> stand_in("person", "Ada Lovelace", b"k" * 16) == stand_in("person", "ADA  LOVELACE", b"k" * 16)
    True
    """
    return f"[{kind.upper()}_{tag(value, key)}]"


def marks(text: str, key: bytes, kinds: Collection[str] = ENTITIES) -> Iterator[Mark]:
    """Placeholders and stand-ins of these kinds, in order, genuine and forged."""
    for match in _MARK.finditer(text):
        label, digits = match.groups()
        if label.lower() in kinds:
            yield Mark(match.start(), match.end(), label, digits is not None and not is_genuine(digits, key))


def is_stand_in(text: str) -> bool:
    """Whether the text, as a whole, has the form of a stand-in.

    >>> is_stand_in("[PERSON_3fa9c1d2b07e]"), is_stand_in("[PERSON]")
    (True, False)
    """
    match = _MARK.fullmatch(text)
    return match is not None and match[2] is not None and len(match[2]) == _VALUE_DIGITS + _CHECK_DIGITS


def is_genuine(digits: str, key: bytes) -> bool:
    """Whether the tenant's key made this tag, of whatever value."""
    if len(key) < LEAST_KEY_BYTES or len(digits) != _VALUE_DIGITS + _CHECK_DIGITS:
        return False
    value, check = digits[:_VALUE_DIGITS], digits[_VALUE_DIGITS:]
    return hmac.compare_digest(check, _check(value, key))


def tags_in(question: str, key: bytes) -> list[str]:
    """The tag of every run of words that could be a name."""
    sequence = words(question)
    runs = (
        sequence[start : start + length]
        for length in range(1, _LONGEST_NAME + 1)
        for start in range(len(sequence) - length + 1)
    )
    return list(dict.fromkeys(tag(" ".join(run), key) for run in runs if not STOP_WORDS & {run[0], run[-1]}))


def _check(digits: str, key: bytes) -> str:
    return _digest(key, b"check", digits.encode())[:_CHECK_DIGITS]


def _digest(key: bytes, purpose: bytes, content: bytes) -> str:
    return hmac.digest(key, purpose + b"\0" + content, hashlib.sha256).hex()
