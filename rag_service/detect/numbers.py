"""Card numbers of every length that is issued, and driver's licences beside words that say so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag_service.domain.document import Finding

_CARD = re.compile(r"(?<![\w.,-])\d(?:[ -]?\d){11,18}(?![\w-]|[.,]\d)")
_USUAL = re.compile(
    r"4\d{12}(?:\d{3})?|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|"
    r"3(?:0[0-5]|[689]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}"
)
_RARE = re.compile(r"(?:5018|5020|5038|5[6-9]\d\d|6\d{3})\d{8,15}|(?:2131|1800)\d{11}|35\d{14}|4\d{18}|62\d{14,17}")
_CARD_WORD = re.compile(
    r"\b(?:cards?|charged?|credit|debit|visa|master ?card|maestro|amex|"
    r"american express|discover|diners|jcb|karte|kreditkarte|tarjeta|carte|carta)\b",
    re.IGNORECASE,
)
_AROUND = 60
_LICENCE = re.compile(
    r"\b(?:driver['’]?s?[ -]{1,2}licen[sc]e|driving[ -]licen[sc]e|"
    r"licen[sc]e[ ](?:number|no\.?|num|\#|id)|dln?|d/l|drivers?[ ]lic\.?|licen[sc]e)\b"
    r"(?:[ ](?:number|no\.?|num|id|is|was|ending|card)|[ ]?[:\#=,(-]|[ ]){0,5}"
    r"[ ]?(?P<value>[A-Z0-9](?:[A-Z0-9]|[ -](?=[A-Z0-9])){4,18})\b",
    re.IGNORECASE | re.VERBOSE,
)
_LICENCE_TOKEN = re.compile(r"[A-Za-z]{0,3}[\d-]{4,17}[A-Za-z\d]{0,3}")


def find_cards(text: str) -> Iterator[Finding]:
    """Numbers of cards by issuer, length and check digit; of rare forms beside a word for a card.

    >>> text = "Maestro card 6759 6498 2643 8453, or 676770018951"
    >>> [text[found.start : found.end] for found in find_cards(text)]
    ['6759 6498 2643 8453']
    """
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        if not _passes(digits) or len(set(digits)) < 2:
            continue
        around = text[max(0, match.start() - _AROUND) : match.end() + _AROUND // 2]
        if _USUAL.fullmatch(digits) or (_RARE.fullmatch(digits) and _CARD_WORD.search(around)):
            yield Finding("credit_card", *match.span(), 1.0)


def is_usual_card(digits: str) -> bool:
    """Whether a large issuer gives out such a number, and its check digit is right."""
    return _passes(digits) and len(set(digits)) > 1 and _USUAL.fullmatch(digits) is not None


def _passes(digits: str) -> bool:
    """Luhn's check (ISO/IEC 7812-1, annex B).

    >>> _passes("4111111111111111"), _passes("4111111111111112")
    (True, False)
    """
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def find_licences(text: str) -> Iterator[Finding]:
    """Numbers of driver's licences after a word for one.

    >>> text = "driver's license: B1234567"
    >>> [text[found.start : found.end] for found in find_licences(text)]
    ['B1234567']
    """
    for match in _LICENCE.finditer(text):
        token = _LICENCE_TOKEN.match(match["value"])
        if token and sum(c.isdigit() for c in token.group()) >= 4:
            start = match.start("value")
            value = token.group().rstrip("-")
            yield Finding("us_driver_license", start, start + len(value), 0.6)
