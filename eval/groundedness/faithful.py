"""Wordings of a sentence that say the same, or less of the same: what an honest model makes of it. Machine-made."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

_SYNONYMS = """buy purchase;help assist;help assistance;start begin;starts begins;end finish;quick fast;quickly rapidly;
big large;needs requires;need require;required needed;provide offer;provides offers;offering providing;show display;
shows displays;use utilize;uses utilizes;using utilizing;ensure guarantee;ensures guarantees;select choose;
customers clients;customer client;employees staff;students learners;vehicle car;vehicles cars;shop store;
receive get;receives gets;submit file;contact reach;monitor track;improve enhance;improves enhances;
enhancing improving;goal aim;assists helps;repair fix;error fault;issue problem;issues problems;located situated;
available accessible;approximately about;annually yearly;costs expenses;fee charge;fees charges;
allows lets;obtain get;explain describe;emphasizes stresses;multiple several;various several;important essential;
main principal;primary main;comprehensive thorough;ideal perfect;designed made;created made;supports backs;
verify check;check inspect;inspect examine;replace exchange;assess evaluate;evaluates assesses;complete finish;
instructions directions;instantly immediately;regularly often;usually normally;typically usually;entire whole;
country nation;film movie;physicians doctors;doctor physician;illness disease;results outcomes;method technique"""
_SAME: dict[str, str] = {}
for _pair in _SYNONYMS.split(";"):
    _one, _other = _pair.split()
    _SAME.setdefault(_one, _other)
    _SAME.setdefault(_other, _one)
_LEADS = ("According to the document, ", "Note that ", "As stated, ", "In summary, ", "The passage says that ")
_FILLERS = "also fully easily seamlessly highly very truly simply just especially particularly typically".split()
_DIGITS = dict(zip("one two three four five six seven eight nine ten".split(), map(str, range(1, 11)), strict=True))
_TAIL = re.compile(
    r"^(?P<head>\w.{20,}?)\s"
    r"(?P<tail>(?:in|on|at|during|before|after|through|via|with)\s[\w\s'-]{4,40})\.$"
)
_LIST_END = re.compile(
    r"(?P<first>[\w'-]+(?: [\w'-]+)?), (?P<second>[\w'-]+(?: [\w'-]+)?),? "
    r"(?P<join>and|or) (?P<last>[\w' -]{3,40})(?=\.$)"
)
_AFTERTHOUGHT = re.compile(r", (?:including|such as|ensuring|making|allowing|especially|for example) [^.;]{5,}(?=\.$)")


def faithful_wordings(sentence: str, draw: random.Random) -> Iterator[tuple[str, str]]:
    """How it was changed, and the wording; one of a kind where it can be made."""
    for kind, change in _CHANGES.items():
        if (changed := change(sentence, draw)) and changed != sentence:
            yield kind, changed


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _synonyms(most: int) -> Callable[[str, random.Random], str]:
    def change(sentence: str, draw: random.Random) -> str:
        words = [match for match in re.finditer(r"[a-z]+", sentence) if match.group() in _SAME]
        for match in sorted(draw.sample(words, min(most, len(words))), key=lambda one: -one.start()):
            sentence = sentence[: match.start()] + _SAME[match.group()] + sentence[match.end() :]
        return sentence

    return change


def _lead(sentence: str, draw: random.Random) -> str:
    return draw.choice(_LEADS) + _lower_first(sentence)


def _front(sentence: str, draw: random.Random) -> str:  # noqa: ARG001  # one signature for all
    match = _TAIL.match(sentence)
    return f"{match['tail'].capitalize()}, {_lower_first(match['head'])}." if match else ""


def _digits(sentence: str, draw: random.Random) -> str:  # noqa: ARG001
    return re.sub(r"\b[a-z]+\b", lambda match: _DIGITS.get(match.group(), match.group()), sentence)


def _without_filler(sentence: str, draw: random.Random) -> str:  # noqa: ARG001
    return re.sub(rf"\s(?:{'|'.join(_FILLERS)})(?=\s\w)", "", sentence, count=1)


def _shorter_list(sentence: str, draw: random.Random) -> str:  # noqa: ARG001
    return _LIST_END.sub(r"\g<first> \g<join> \g<second>", sentence)


def _list_reordered(sentence: str, draw: random.Random) -> str:  # noqa: ARG001
    return _LIST_END.sub(r"\g<second>, \g<first>, \g<join> \g<last>", sentence)


def _without_afterthought(sentence: str, draw: random.Random) -> str:  # noqa: ARG001
    return _AFTERTHOUGHT.sub("", sentence)


def without_last_part(sentence: str) -> str:
    """The sentence without what follows its last comma, where half of it stands before."""
    head, comma, _ = sentence.rpartition(", ")
    return f"{head}." if comma and len(head) > len(sentence) // 2 else ""


def _shortened(sentence: str, draw: random.Random) -> str:  # noqa: ARG001
    return without_last_part(sentence)


def _shortened_synonym(sentence: str, draw: random.Random) -> str:
    short = without_last_part(sentence)
    changed = _synonyms(1)(short, draw)
    return changed if changed != short else ""


_CHANGES: dict[str, Callable[[str, random.Random], str]] = {
    "one synonym": _synonyms(1),
    "two synonyms": _synonyms(2),
    "lead-in": _lead,
    "clause moved to the front": _front,
    "digits for number words": _digits,
    "filler left out": _without_filler,
    "last of a list left out": _shorter_list,
    "list in another order": _list_reordered,
    "afterthought left out": _without_afterthought,
    "shortened": _shortened,
    "shortened, one synonym": _shortened_synonym,
}
