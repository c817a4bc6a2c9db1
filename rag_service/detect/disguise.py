"""Contacts that are written so that no programme shall find them: ``ann [at] example [dot] com``, ``2·1·2·5·5·5``.

Two ways: what merely spells a character differently is undone before anything is looked for, and what is spelled out
is looked for by its own forms.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from html.entities import html5
from itertools import pairwise

from rag_service.detect.concealment import Revealed
from rag_service.detect.hosts import SUFFIXES
from rag_service.detect.numbers import is_usual_card
from rag_service.domain.document import Finding

_ENTITY = r"&(?:amp;)?(?:#(?P<decimal>\d{1,7})|#[xX](?P<hexadecimal>[0-9A-Fa-f]{1,6})|(?P<name>[A-Za-z]{2,12}));"
_NOT_PLAIN = re.compile(rf"{_ENTITY}|[^\x00-\x7f]")
_NAMES = {"commat", "period", "plus", "hyphen", "dash", "lowbar", "nbsp", "shy", "zwnj", "zwj", "colon", "sol", "amp"}
_OVERLAY = frozenset("\u0305\u0332\u0335\u0336\u0337\u0338\u20dd\u20de\u20e3")
"""Marks that are drawn over or around a character and leave it readable."""

_OPEN, _CLOSE = r"[\[({<*_-]{1,2}[ ]?", r"[ ]?[\])}>*_-]{1,2}"
_AT = re.compile(
    rf"[ ]{{0,2}}(?:@|{_OPEN}(?:at|@|ät|arroba|a){_CLOSE}|%40|\\u0040)[ ]{{0,2}}(?:\n[ \t>]{{0,3}})?"
    r"|[ ]{1,2}(?:at|ät|arroba)[ ]{1,2}",
    re.IGNORECASE,
)
_DOT = (
    rf"(?:\.|%2e|{_OPEN}(?:dot|punkt|punto|point|pt|\.){_CLOSE}|[ ]{{1,2}}\.[ ]{{1,2}}|\.[ \t]{{0,3}}\n[ \t>]{{0,3}}"
    rf"|[ ]{{1,2}}(?:dot|punkt|punto|{_OPEN}(?:dot|punkt|punto|point|pt|\.){_CLOSE})[ ]{{1,2}})"
)
_LOCAL = re.compile(rf"(?<![\w.+@-])[^\W_][\w+-]{{0,40}}(?:{_DOT}[\w+-]{{1,40}}){{0,4}}$", re.IGNORECASE)
_HOST = re.compile(
    rf"[\w-]{{1,40}}(?:{_DOT}[\w-]{{1,40}}){{0,3}}?(?P<dot>{_DOT})(?P<suffix>[A-Za-z]{{2,24}})(?![\w-]|"
    rf"\.\w)",
    re.IGNORECASE,
)
_LONGEST_LOCAL = 90
_NO_LOCALS = frozenset("us it them me you him her look is are available online posted found here there hosted".split())
_BROKEN = re.compile(
    r"(?<![\w.+@-])[\w.+-]{1,64}@[\w-]{1,40}-?[ ]?\n[ \t>]{0,3}[\w-]{0,40}\.(?P<suffix>[A-Za-z]{2,24})(?![\w-])"
)
_LETTERS = re.compile(
    r"(?<!\S)(?:[\w.+-][ ]{1,3}){1,40}(?:@|\(at\)|\[at\])(?:[ ]{1,3}[\w.-]){4,80}(?=[.,;:!?)]?(?:\s|$))"
)
_DIGITS = re.compile(r"(?<![\w.])(?P<plus>\+\W{0,2})?\d(?P<by>[^\w\n]{1,3}|_)\d(?:(?P=by)\d){7,14}(?!\w)")
_BY = r"(?P<by>\W{1,3}|_)"
_GROUPS = re.compile(rf"(?<![\w.,/-])\(?\d{{3}}\)?{_BY}\d{{3}}(?P=by)\d{{4}}(?!\w)")
_CARD = re.compile(rf"(?<!\w)\d{{4}}{_BY}(?:\d{{4}}(?P=by)\d{{4}}(?P=by)\d{{4}}|\d{{6}}(?P=by)\d{{5}})(?!\w)")
_SECURITY = re.compile(
    rf"\b(?:ssns?|social[ ]security(?:[ ](?:number|no\.?|nr\.?))?)\b\W{{1,4}}(?:is\W{{1,2}})?"
    rf"(?P<value>\d{{3}}{_BY}\d\d(?P=by)\d{{4}}|\d(?:[ ]\d){{8}})(?!\w)",
    re.IGNORECASE,
)
_NUMERAL = r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple)"
_SPOKEN = re.compile(rf"\b(?:{_NUMERAL}[ ,.-]{{1,3}}){{6,15}}{_NUMERAL}\b", re.IGNORECASE)
_CALL = re.compile(r"\b(?:call|phone|tel|mobile|cell|number|whats ?app|reach|text|fax)\b[^\n]{0,30}$", re.IGNORECASE)


def undisguised(text: str) -> Revealed:
    """The text with characters in place of what merely spells them: entities that are left over, digits of other
    scripts and in circles, letters that are struck through.

    >>> undisguised("ann&#64;example.com, ①②③").text
    'ann@example.com, 123'
    """
    shown: list[str] = []
    offsets: list[int] = []
    at = 0
    for disguise in _NOT_PLAIN.finditer(text):
        spelled = _plainly(text, disguise)
        if spelled == disguise.group():
            continue
        shown += (text[at : disguise.start()], spelled)
        offsets.extend(range(at, disguise.start()))
        offsets.extend([disguise.start()] * len(spelled))
        at = disguise.end()
    if not at:
        return Revealed(text, range(len(text) + 1))
    offsets.extend(range(at, len(text) + 1))
    return Revealed("".join((*shown, text[at:])), offsets)


def find_disguised(text: str) -> Iterator[Finding]:
    """Addresses and numbers that are spelled out.

    >>> text = "Write to ann.lee [at] example [dot] com or j o @ e x a m p l e . c o m."
    >>> [text[found.start : found.end] for found in find_disguised(text)]
    ['ann.lee [at] example [dot] com', 'j o @ e x a m p l e . c o m']
    """
    yield from _addresses(text)
    yield from _phones(text)
    for match in _CARD.finditer(text):
        if is_usual_card(re.sub(r"\D", "", match.group())):
            yield Finding("credit_card", *match.span(), 0.9)
    for match in _SECURITY.finditer(text):
        yield Finding("us_ssn", *match.span("value"), 0.9)


def _addresses(text: str) -> Iterator[Finding]:
    for at in _AT.finditer(text):
        host = _HOST.match(text, at.end())
        local = _LOCAL.search(text[max(0, at.start() - _LONGEST_LOCAL) : at.start()]) if host else None
        if host and local and _is_meant(local.group(), at.group(), host):
            yield Finding("email_address", at.start() - len(local.group()), host.end(), 0.9)
    for match in _BROKEN.finditer(text):
        if match["suffix"].lower() in SUFFIXES:
            yield Finding("email_address", *match.span(), 0.9)
    for match in _LETTERS.finditer(text):
        if "." in match.group():
            yield Finding("email_address", *match.span(), 0.9)


def _phones(text: str) -> Iterator[Finding]:
    for match in _DIGITS.finditer(text):
        if _is_number(text, match):
            yield Finding("phone_number", *match.span(), 0.4)
    for match in _GROUPS.finditer(text):
        if match["by"].strip(" -./\n") or _CALL.search(text, max(0, match.start() - 40), match.start()):
            yield Finding("phone_number", *match.span(), 0.4)
    for match in _SPOKEN.finditer(text):
        yield Finding("phone_number", *match.span(), 0.5)


def _plainly(text: str, disguise: re.Match[str]) -> str:
    """The one character that is meant, none for what is drawn over one, or what stands there if it means itself."""
    given = disguise.group()
    if name := disguise["name"]:
        return html5.get(f"{name};", given) if name in _NAMES else given
    if given[0] == "&":
        point = int(disguise["decimal"]) if disguise["decimal"] else int(disguise["hexadecimal"], 16)
        return chr(point) if 0x20 <= point < 0x3000 else given
    if given in _OVERLAY:
        return ""
    if given == "\ufe0f":
        return "" if text[disguise.start() - 1 : disguise.start()].isdigit() else given
    digit = unicodedata.digit(given, -1)
    if digit < 0:
        return given
    is_number = unicodedata.category(given) == "Nd" or _beside_digit(text, disguise.start())
    return str(digit) if is_number else given


def _beside_digit(text: str, at: int) -> bool:
    """Whether two more digits in circles or raised follow or precede: one is an exponent or a note."""
    low, high = max(0, at - 2), at + 3
    return sum(not c.isascii() and unicodedata.digit(c, -1) >= 0 for c in text[low:high]) >= 3


def _is_meant(local: str, at: str, host: re.Match[str]) -> bool:
    """Whether it is no address in plain sight, which others find, and no sentence with ``at`` in it."""
    dot, suffix = host["dot"], host["suffix"].lower()
    if dot.strip() != ".":
        return not at.strip().isalpha() or (suffix != "by" and local.lower() not in _NO_LOCALS)
    if at == "@" and " " not in f"{local}{host.group()}" and "\n" not in host.group():
        return any(mark in local for mark in "[({<%")
    if at.strip().isalpha():  # the mere word
        return dot == "." and suffix in SUFFIXES and re.search(r"[^\W\d_]\w{0,30}[._]\w", local) is not None
    return suffix in SUFFIXES


def _is_number(text: str, match: re.Match[str]) -> bool:
    """Single digits are a list as well: of counts, marks or pages."""
    digits = [int(digit) for digit in re.findall(r"\d", match.group())]
    if len({after - before for before, after in pairwise(digits)}) == 1:
        return False
    if match["by"].strip(" ,|;"):
        return True
    return bool(match["plus"] or digits[0] == 0 or _CALL.search(text, max(0, match.start() - 40), match.start()))
