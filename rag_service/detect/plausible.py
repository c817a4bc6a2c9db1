"""What looks like an identifier and is a date, a list, a time stamp, a bar code or a part of something longer.

A check digit is passed by one number in ten to one in twenty-three, and documents are full of numbers: orders, parts,
articles, hashes. So without a word that names the identifier, its writing must be that of one.
"""

from __future__ import annotations

import re

from rag_service.detect.numbers import is_usual_card

_DATE = re.compile(
    r"(?:\d{1,2} )?(?:\d{4}-\d\d-\d\d|(?:0?[1-9]|[12]\d|3[01])\.(?:0?[1-9]|1[0-2])\.(?:19|20)\d\d)|(?:19|"
    r"20)\d\d[ -](?:19|20)\d\d"
)
_LIST = re.compile(r"[1-9](?: \d){6,15}(?: \d\d){0,3}|\d{1,3}\.\d{1,2}(?: \d{1,3}\.\d{1,2}){2,12}|\d{1,3}\.\d{5,12}")
_BARE = re.compile(r"\d{7,19}")
_TIME_STAMP = re.compile(r"1\d{9}|1\d{12}")
_NUMBERED = re.compile(
    r"\b(?:order|invoice|item|request|ticket|case|ref|reference|isbn|ean|gtin|sku|serial|transaction|article|"
    r"part|batch|job|"
    r"build|commit|id|identifier|error|code|version|po|tracking|timestamp|epoch|receipt|quote|bill|lot|product|"
    r"model)\b"
    r"[\s#:=.]{0,3}(?:(?:no|nr|number|num|id|is)\b[\s#:=.]{0,3})?$",
    re.IGNORECASE,
)
_WITHIN = re.compile(r"\w[-_/.]$"), re.compile(r"[-_/]\w|\.\d")
_NATIONAL = frozenset(
    {"UK_NINO", "UK_DRIVING_LICENCE", "ES_NIF", "ES_NIE", "IT_FISCAL_CODE", "IN_PAN", "SG_NRIC_FIN", "KR_RRN", "US_MBI",
     "FI_PERSONAL_IDENTITY_CODE", "DE_SOCIAL_SECURITY"}
)  # fmt: skip


def is_plausible(kind: str, text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]``, beside which no word names the kind (Presidio's name of it), is written as one.

    >>> is_plausible("PHONE_NUMBER", "due on 05.06.2013", 7, 17), is_plausible("ES_NIF", "a 12345678Z", 2, 11)
    (False, True)
    >>> is_plausible("ES_NIF", "part-12345678Z-7", 5, 14), is_plausible("UK_NINO", "be014284b", 0, 9)
    (False, False)
    """
    value = text[start:end]
    if kind == "PHONE_NUMBER":
        return not _is_other_number(value, text[max(0, start - 40) : start], text[end : end + 2])
    if kind == "CREDIT_CARD":
        return is_usual_card("".join(filter(str.isdigit, value)))
    if kind not in _NATIONAL:
        return True
    if kind == "KR_RRN" and "-" not in value:
        return False
    before, after = _WITHIN
    if before.search(text[max(0, start - 2) : start]) or after.match(text, end):
        return False
    return value == value.upper()


def _is_other_number(value: str, before: str, after: str) -> bool:
    if _DATE.fullmatch(value) or _LIST.fullmatch(value):
        return True
    if re.search(r"\d[.,]$", before) or re.match(r"[.,]\d", after):  # a decimal
        return True
    return _BARE.fullmatch(value) is not None and bool(_TIME_STAMP.fullmatch(value) or _NUMBERED.search(before))
