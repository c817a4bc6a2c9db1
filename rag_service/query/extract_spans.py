"""Values inside a line, taken as they are written: numbers, dates, addresses, members of a list, labelled parts."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from rag_service.lexical import terms

_NUMBER = re.compile(r"(?<![\w.,])(-?\d{1,3}(?:,\d{2,3}){1,6}(?:\.\d{1,9})?|-?\d{1,15}(?:\.\d{1,9})?)(?![\d])(?!\.\d)")
_ENUMERATOR = re.compile(r"\s{0,9}[(\[]?\d{1,3}[.)\]]\s")
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?"
_DATE = re.compile(
    rf"\b(?:\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}(?:st|nd|rd|th)?\s{_MONTH},?\s\d{{4}}|{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?,?\s\d{{4}}"
    rf"|{_MONTH}\s\d{{4}}|\d{{1,2}}[./]\d{{1,2}}[./]\d{{4}}|(?:1[6-9]|20)\d{{2}})\b"
)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_LINK = re.compile(r"https?://[^\s<>()\"']{1,500}")
_LABEL = re.compile(r"\s{0,9}([^:;.\n]{2,60}):\s{1,3}([^;\n]+)")
_MONEY = re.compile(r"[$€£¥₹]|\b(?:USD|EUR|GBP|INR|Rs)\b")
_MONEY_NAMES = frozenset(terms("price cost fee charge amount salary budget balance payment"))
_SHARE_NAMES = frozenset(terms("percent percentage rate share interest"))
_YES = frozenset({"yes", "true", "available", "included", "standard", "required"})
_NO = frozenset({"no", "false", "not available", "not included", "none", "not required"})
_NEAR = 6
"""Characters beside a number in which its currency stands."""


def labelled_parts(line: str) -> list[tuple[str, str]]:
    """The labels of a line and what follows each, as in rows of tables.

    >>> labelled_parts("Trim: Base; Price: 6.5")
    [('Trim', 'Base'), ('Price', '6.5')]
    """
    found = (_LABEL.match(part) for part in line.split(";"))
    return [(match[1].strip(), match[2].strip()) for match in found if match]


def number_in(line: str, named: frozenset[str]) -> str | None:
    """The number that stands nearest to a word in ``named`` (stems), as it is written.

    >>> number_in("1. A fee of $1,250 within 30 days", frozenset({"fee"}))
    '1,250'
    >>> number_in("1. A fee of $1,250 within 30 days", frozenset({"day"}))
    '30'
    """
    opening = _ENUMERATOR.match(line)
    begin = opening.end() if opening else 0
    places = [match.span() for match in re.finditer(r"\w+", line) if set(terms(match.group())) & named]
    best: tuple[float, int, str] | None = None
    for match in _NUMBER.finditer(line, begin):
        gaps = [max(start - match.end(), match.start() - end, 0) for start, end in places]
        key = (min(gaps, default=math.inf) + _misfit(line, match.start(), match.end(), named), match.start(), match[1])
        best = key if best is None else min(best, key)
    return best[2] if best else None


def _misfit(line: str, start: int, end: int, named: frozenset[str]) -> float:
    """How far a number seems from being money or a share where one of these is asked for."""
    around = line[max(0, start - _NEAR) : start] + " " + line[end : end + _NEAR]
    misfit = 0.0
    if named & _MONEY_NAMES and not _MONEY.search(around):
        misfit += 40
    if named & _SHARE_NAMES and not ("%" in around or "per cent" in line[end : end + 12] or "percent" in around):
        misfit += 40
    return misfit


def as_number(written: str, *, whole: bool) -> int | float | None:
    """The number that is written, if it is one of the kind asked for.

    >>> as_number("1,250", whole=True), as_number("6.50", whole=False), as_number("6.5", whole=True)
    (1250, 6.5, None)
    """
    value = float(written.replace(",", ""))
    if value.is_integer() and (whole or "." not in written):
        return int(value)
    return None if whole else value


def date_in(line: str) -> str | None:
    """The first date, or year, as it is written.

    >>> date_in("Presented on March 15, 2024 in Room 2000")
    'March 15, 2024'
    """
    match = _DATE.search(line)
    return match.group() if match else None


def address_in(line: str, kind: str) -> str | None:
    """The first e-mail address or link."""
    match = (_EMAIL if kind == "email" else _LINK).search(line)
    return match.group().rstrip(".,;") if match else None


def member_in(line: str, members: Sequence[object]) -> object | None:
    """The one member of an enumeration that the line holds as a word; None where it holds several or none.

    >>> member_in("Runs on diesel.", ["Petrol", "Diesel"]), member_in("Petrol or diesel", ["Petrol", "Diesel"])
    ('Diesel', None)
    """
    held = [
        member
        for member in members
        if isinstance(member, str | int | float)
        and not isinstance(member, bool)
        and str(member)
        and re.search(rf"(?<!\w){re.escape(str(member))}(?!\w)", line, re.IGNORECASE)
    ]
    outer = [one for one in held if not any(str(one).lower() in str(two).lower() for two in held if two is not one)]
    return outer[0] if len(outer) == 1 else None


def truth_in(value: str) -> bool | None:
    """Whether a labelled part says yes or no in so many words.

    >>> truth_in("Yes"), truth_in("Not available."), truth_in("from level 2")
    (True, False, None)
    """
    said = value.strip().rstrip(".").lower()
    return True if said in _YES else False if said in _NO else None
