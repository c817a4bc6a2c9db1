"""Towns: some thirty thousand names, which count where the words before them or after them speak of a place.

The names are those by which libphonenumber tells area codes apart (Apache 2.0), of which the package is here anyhow.
Its files are read as text, as its own import keeps 100 MB.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from functools import cache

from rag_service.domain.document import Finding

_CAPITAL = "A-ZÀ-ÖØ-ÞĆČĎĐĘĚĞİŁŃŇŐŘŚŠŞŤŮŰŹŻŽ"
_FILES = 100
_ENTRY = re.compile(r"""'(?:en|de|es|fr|it|pt|sv|nl|pl|tr)':\s?(?:u\()?(?:'([^'\n]{4,60})'|"([^"\n]{4,60})")""")
_ONE_NAME = re.compile(rf"[{_CAPITAL}][\w'’.-]{{2,30}}(?:[ ][\w'’.-]{{1,30}}){{0,4}}")
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})")
_PART = rf"[{_CAPITAL}][\w'’-]{{1,30}}"
_SMALL = "de|del|la|las|los|am|an|der|do|da|dos|sur|les|en|upon|on|of|the|under|im|bei"
_RUN = rf"{_PART}(?:[ ](?:(?:{_SMALL})[ ]){{0,2}}{_PART}){{0,3}}"
_FORMED = (
    rf"(?:(?:North|South|East|West|New|Port|Lake|Fort|Mount|Saint|St\.?|Santa|San|São|Bad|Villa|Las|Los|El)[ ]{_PART}"
    rf"|(?:Nueva|Nuevo|Vieja|Viejo|Upper|Lower|Great|Little)[ ]{_PART}"
    rf"|[{_CAPITAL}][a-zß-ÿ]{{2,20}}(?:ville|burgh?|bury|borough|mouth|shire|chester|haven|furt|hausen|heim|"
    rf"dorf|stadt|stead|"
    rf"grad|town|abad|pur|polis|stan))(?![\w'’-])"
)
_SURE = re.compile(
    rf"\b(?:in|near|visit(?:s|ed|ing)?|outside|downtown|born in|based in|located in|arriv\w{{1,4}} (?:in|at)|"
    rf"fl(?:y|ies|ew|ying|ight|ights) to"
    rf"|mov(?:e|ed|es|ing) to|travel(?:s|led|ling|ed|ing)? (?:to|from)|trips? to|trains? to|relocat(?:e|ed|"
    rf"ing) to|city of|town of"
    rf"|village of|capital|mayor of|court in|weather in|way to|return from|live[sd]? (?:in|near))[ ](?P<town>{_RUN})",
)
_SURELY_THERE = re.compile(
    r"\b(?:(?:born|liv(?:e|es|ed|ing)|grew up|rais(?:ed|ing)|resid(?:e|es|ed|ing|ent)|located|based|arrested|"
    r"died|buried|married|stay(?:s|ed|ing)|"
    r"apartment|flat|house|home|court|hotel|plant|weather|holiday|vacation|hospital|restaurant|"
    r"supermarket) (?:in|near)|(?:city|town|village) of|"
    r"(?:fl(?:y|ies|ew|ying|ights?)|trip|travel(?:s|led|ed|ling|ing)?) (?:to|from)|moved (?:here )?from|"
    r"[Ss]igned in) "
    rf"(?!(?:English|French|German|Section|Chapter|Part|Table|Figure|Appendix|Article|Annex|Excel|Court|Room|"
    rf"Building|Form)\b)(?P<town>{_RUN})"
)
_LIKELY = re.compile(rf"\b(?:to|from|at|of|via|through|around|across|between|leaving|for|Is|is)[ ](?P<town>{_RUN})")
_SECOND = re.compile(rf"[ ](?:to|and|or|from)[ ](?P<town>{_RUN})")
_CELL = re.compile(rf"(?:(?<=[;|,\t])|(?<=[,|;] ))(?P<town>{_RUN})(?=[ ]?[;|,\t\n]|$)", re.MULTILINE)
_NO_TOWNS = frozenset(
    """section chapter table figure part appendix article annex excel court room building form english french german
    spanish dutch danish swedish polish turkish chinese japanese january february march april may june july august
    september october november december best date must mine salt sales area bank north south west east center central
    union park lake beach hill island valley data page note example general internet mobile online god law force full
    person order field summer spring winter autumn west many most number phone email""".split()
)
"""Towns have these names as well."""
_FORMED_RUN = re.compile(_FORMED)


@cache
def town_names() -> frozenset[str]:
    """The names, case-folded. Read at first use, in less than a second."""
    names: set[str] = set()
    for number in range(_FILES):
        try:
            content = pkgutil.get_data("phonenumbers", f"geodata/data{number}.py")
        except OSError:
            break
        for entry in _ENTRY.finditer((content or b"").decode("utf-8", "replace")):
            name = _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), entry[1] or entry[2])
            for one in name.split(",")[0].split(" - ")[0].split("/"):
                if _ONE_NAME.fullmatch(one):
                    names.add(one.casefold())
    return frozenset(names)


def find_towns(text: str) -> Iterator[Finding]:
    """Towns after a word for being somewhere or going there, alone in a cell, or formed as only towns are.

    >>> text = "She moved to Valladolid, and lives near Port Ernest. May I?"
    >>> sorted(text[found.start : found.end] for found in find_towns(text))
    ['Port Ernest', 'Valladolid']
    """
    found: dict[tuple[int, int], float] = {}
    for place, score in _places(text):
        found[place] = max(score, found.get(place, 0.0))
    for (start, end), score in found.items():
        if text[start:end].casefold() not in _NO_TOWNS:
            yield Finding("location", start, end, score)


def _places(text: str) -> Iterator[tuple[tuple[int, int], float]]:
    for match in _SURELY_THERE.finditer(text):
        yield match.span("town"), 0.72
    for pattern, known, formed in ((_SURE, 0.86, 0.86), (_LIKELY, 0.6, 0.6), (_CELL, 0.6, 0.5)):
        for match in pattern.finditer(text):
            yield from _of_run(text, *match.span("town"), known, formed)
            if pattern is not _CELL and (second := _SECOND.match(text, match.end("town"))):
                yield from _of_run(text, *second.span("town"), known, formed)


def is_town(name: str) -> bool:
    """Whether there is such a town, or the name has the form of one."""
    return name.casefold() in town_names() or _FORMED_RUN.fullmatch(name) is not None


def _of_run(text: str, start: int, end: int, known: float, formed: float) -> Iterator[tuple[tuple[int, int], float]]:
    """The longest beginning of the run that is a town."""
    stop = end
    while stop > start:
        name = text[start:stop]
        if name.casefold() in town_names():
            yield (start, stop), known
            return
        if _FORMED_RUN.fullmatch(name):
            yield (start, stop), formed
            return
        stop = text.rfind(" ", start, stop)
