"""Dates and times of day as they are written, and ages; durations ("ten days") are neither."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag_service.domain.document import Finding

_MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December|"
    "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec"
)
_OTHER_MONTHS = (
    "Januar|Februar|März|Mai|Juni|Juli|Oktober|Dezember|janvier|février|mars|avril|juin|juillet|août|septembre|"
    "octobre|"
    "novembre|décembre|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre|"
    "gennaio|"
    "febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|dicembre|januari|februari|maart|juli|augustus|januari|maj"
)
_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun"
_LONG_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_YEAR = r"(?:1[6-9]|20)\d\d"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_CLOCK = (
    r"(?:[01]?\d|2[0-4])[:.h][0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?(?:\s?(?:[AaPp]\.?[Mm]\b\.?|Uhr|hrs|h\b))?"
    r"|(?:1[0-2]|0?[1-9])\s?(?:[AaPp]\.?[Mm]\b\.?|o['’]clock)"
)
_DATE = re.compile(
    rf"""
    (?<![\w/.-])(?:
      {_YEAR}-(?:0[1-9]|1[0-2])-{_DAY}(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{{1,9}})?)?(?:Z
        |[+-]\d\d:?\d\d)?)?
      | {_YEAR}[/.](?:0?[1-9]|1[0-2])[/.]{_DAY}
      | (?:{_DAY}[/.-](?:0?[1-9]|1[0-2])|(?:0?[1-9]|1[0-2])[/.-]{_DAY})[/.-](?:{_YEAR}|\d\d)
      | (?:0[1-9]|1[0-2])/(?:\d\d|{_YEAR})
      | {_DAY}[ /.-]?(?:{_MONTHS})[ /.-]?(?:{_YEAR}|\d\d)
    )(?![\w/-]|\.\d)
    | \b(?:(?:{_DAYS})\b,?\s)?(?:the\s)?{_DAY}(?:st|nd|rd|th|\.)?\s(?:of\s|de\s)?(?:{_MONTHS}
    |{_OTHER_MONTHS})\b\.?(?:,?\s(?:de\s)?(?:{_YEAR}|['’]\d\d)\b)?
    | \b(?:(?:{_DAYS})\b,?\s)?(?:{_MONTHS})\b\.?\s{_DAY}(?:st|nd|rd|th)?\b(?!\s?%)(?:,?\s{_YEAR}\b)?
    | \b(?:{_MONTHS}|{_OTHER_MONTHS})\b\.?,?\s{_YEAR}\b
    | \b(?:last|next|this|on|by|since|until|before|after|every)\s(?:{_LONG_DAYS})\b
    """,
    re.VERBOSE,
)
_TIME = re.compile(rf"(?<![\w:.,/$€£-])(?:{_CLOCK})(?![\w:/%]|[.,]\d)")
_NAMED_DAY = re.compile(
    rf"\b(?:{_LONG_DAYS}|January|February|April|June|July|August|September|October|November|December)\b"
)
_RELATIVE = re.compile(
    r"\b(?:yesterday|tomorrow|tonight|this\s(?:morning|afternoon|evening)|(?:last|next|this)\s(?:week|month|"
    r"year|night|weekend|summer|winter|spring|autumn|fall"
    r"|monday|tuesday|wednesday|thursday|friday|saturday|sunday))\b",
    re.IGNORECASE,
)
_LEAD = re.compile(r"(?:on|by|since|until|before|after|every)\s", re.IGNORECASE)
_TELLS_A_DATE = re.compile(
    rf"\b(?:{_MONTHS}|{_OTHER_MONTHS}|{_DAYS})\b|\b{_YEAR}s?\b|\d[:/.-]\d\d|\d\s?[ap]\.?m\b|o['’]clock|noon|"
    r"midnight|"
    r"yesterday|tomorrow|tonight|\b(?:last|next|this)\s(?:week|month|year|night|weekend|spring|summer|autumn|winter)|"
    r"christmas|easter|ramadan|new year",
    re.IGNORECASE,
)
_DURATION = re.compile(
    r"\b(?:seconds?|minutes?|hours?|days?|weeks?|months?|quarters?|years?|annual\w*|daily|weekly|monthly)\b",
    re.IGNORECASE,
)

_UNITS = r"years\s(?:ago|later|in|at)|minutes|hours|days|weeks|miles|km|kg|lbs|cm|feet|percent|st|nd|rd|th"
_NUMBER = r"(?P<age>(?:1[0-2]\d|[1-9]?\d)(?:\.\d{1,2})?)"
_KIN = (
    "son|daughter|child|kid|boy|girl|wife|husband|mother|father|mom|mum|dad|brother|sister|baby|grandson|"
    "granddaughter|"
    "grandmother|grandfather|nephew|niece|cousin|patient|uncle|aunt|partner"
)
_ALONE = r"(?<![\w.,$€£/-])"
_AGES = (
    re.compile(rf"(?<=[a-zß-ÿ], ){_NUMBER}(?=, )"),  # "Ada Lovelace, 36, said"
    re.compile(
        rf"\b(?:{_KIN})\s(?:is|was|turns|turned)\s(?:now\s|only\s|already\s)?{_NUMBER}(?![\w%/:-]|[.,]\d|"
        rf"\s(?:{_UNITS})\b)"
    ),
    # "Ada Lovelace (36), a writer": but not "Section Two (36)"
    re.compile(rf"(?<=[^\W\d_] \(){_NUMBER}(?=\)(?:,? (?:an?|the|from|of|who|was|is|has|said|and|works|lives)\b|,))"),
    re.compile(rf"{_ALONE}{_NUMBER}[\s-]?(?:years?|yrs?|months?)?[\s-](?:old|of\sage)\b", re.IGNORECASE),
    re.compile(rf"{_ALONE}{_NUMBER}\s?(?:y/?o|yo|yrs)\b", re.IGNORECASE),
    re.compile(
        r"\b(?:aged?|ages|turn(?:s|ed|ing)|age\sof|at\sthe\sage\sof|alter|edad|âge)\b[\s:=-]{1,4}(?:is\s|was\s)?"
        rf"{_NUMBER}(?![\w%/:-]|[.,]\d)",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:I['’]m|I\sam|he\sis|she\sis|who\sis|when\sI\swas|he['’]s|she['’]s|was)\s(?:now\s|only\s|about\s|"
        r"already\s)?"
        rf"{_NUMBER}(?=\s?(?:[.,;!?)]\s|[.;!?)]?$|and\b|when\b))",
        re.IGNORECASE,
    ),
)


def find_dates(text: str) -> Iterator[Finding]:
    """Dates, days that are named, and times of day.

    >>> text = "Due on 3 May 2021 at 14:30, within 10 days."
    >>> [text[found.start : found.end] for found in find_dates(text)]
    ['3 May 2021', '14:30']
    """
    for pattern, score in ((_DATE, 0.8), (_TIME, 0.7), (_NAMED_DAY, 0.6), (_RELATIVE, 0.6)):
        for match in pattern.finditer(text):
            start = match.start()
            if lead := _LEAD.match(match.group()):
                start += lead.end()
            yield Finding("date_time", start, match.end(), score)


def is_date(value: str) -> bool:
    """Whether what a model calls a date says when, and not how long.

    >>> is_date("the summer of 1998"), is_date("ten working days"), is_date("12")
    (True, False, False)
    """
    tells = _TELLS_A_DATE.search(value)
    return bool(tells) and not (
        _DURATION.search(value) and not re.search(r"\d{4}|last|next|this", value, re.IGNORECASE)
    )


def find_ages(text: str) -> Iterator[Finding]:
    """The number of somebody's age.

    >>> text = "She is 34 years old; her son, aged 6, is not."
    >>> [text[found.start : found.end] for found in find_ages(text)]
    ['34', '6']
    """
    for pattern in _AGES:
        for match in pattern.finditer(text):
            yield Finding("age", *match.span("age"), 0.9)
