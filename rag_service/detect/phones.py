"""Telephone numbers that are written as such, whether or not a country hands out their like."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag_service.domain.document import Finding

_LEAST_DIGITS, _MOST_DIGITS = 7, 15
_EXTENSION = r"(?:[ ,]{0,2}(?:x|ext\.?|extn\.?|extension)[ .:]{0,2}\d{1,6}(?!\w))"
_RUN = rf"\(?\d(?:[ ().\u2010-\u2015-]{{0,2}}\d){{6,14}}(?![\w/]|[.,]\d){_EXTENSION}?"
_INTERNATIONAL = re.compile(
    rf"(?<![\w+.])\(?\+\(?\d{{1,3}}\)?[ .-]?(?:\(\d{{1,4}}\))?(?:[ ().\u2010-\u2015-]{{0,2}}\d){{5,13}}(?!\w|"
    rf"[.,]\d){_EXTENSION}?"
)
_AMERICAN = re.compile(
    rf"(?<![\w.,/(-])(?:\(\d{{3}}\)[ ]?|\d{{3}}(?P<by>[-.]))\d{{3}}(?(by)(?P=by)|[-. ])\d{{4}}(?![\w/-]|"
    rf"[.,]\d){_EXTENSION}?"
)
_SPOKEN_OF = re.compile(
    r"\b(?:(?:tele)?phone|mobile|cell(?:phone)?|landline|fax|whats ?app|hotline|tel|mob|ph|call|calling|reach|"
    r"dial|text|ring|t[ée]l[ée]phone|t[ée]l[ée]fono|t[ée]l|m[óo]vil|celular|telefone|telefon(?:nummer)?|rufnummer|handy|mobil|"
    r"telefax|telefoon|cellulare|appelez(?:[- ](?:nous|moi))?|joignable|ll[áa]m[ae](?:nos|me)?|erreichbar|erreichen)\b"
    r"\.?(?:[ ]{1,2}(?:numbers?|nos?\.?|nr\.?|is|are|me|us|him|her|them|back|at|on|under|unter|uns|mich|sie|au|al|el|"
    r"en|ao)){0,3}[ ]{0,2}[:#=]?[ ]{1,2}"
    rf"(?P<number>{_RUN})",
    re.IGNORECASE,
)
_FRENCH = re.compile(r"(?<![\w.,/+-])0[1-9](?:[ .]\d\d){4}(?![\w/-]|[ .,]\d)")
_EXTENDED = re.compile(_EXTENSION)
_DATE = re.compile(r"\d{4}-\d\d-\d\d|\d\d?[.-]\d\d?[.-]\d{4}")


def find_phones(text: str) -> Iterator[Finding]:
    """Numbers with the code of a country, and runs of digits after a word for calling.

    >>> text = "Call 908 9 677 or +90(202)8114508 ext. 4; order 9089677."
    >>> [text[found.start : found.end] for found in find_phones(text)]
    ['+90(202)8114508 ext. 4', '908 9 677']
    """
    for match in _INTERNATIONAL.finditer(text):
        if _LEAST_DIGITS <= sum(map(str.isdigit, match.group())) <= _MOST_DIGITS + 6:
            yield Finding("phone_number", *match.span(), 0.5)
    for form in (_AMERICAN, _FRENCH):
        for match in form.finditer(text):
            yield Finding("phone_number", *match.span(), 0.5)
    for match in _SPOKEN_OF.finditer(text):
        if not _DATE.match(match["number"]):
            yield Finding("phone_number", *match.span("number"), 0.5)


def with_extension(text: str, number: Finding) -> Finding:
    """The number with the extension that follows it."""
    follows = _EXTENDED.match(text, number.end)
    return Finding(number.kind, number.start, follows.end(), number.score) if follows else number
