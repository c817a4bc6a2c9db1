"""Wordings of a sentence that say something else with nearly the same words: false support. Machine-made."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from eval.groundedness.faithful import without_last_part
from rag_service.lexical import STOP_WORDS, terms

_VERBS = re.compile(r"\b(is|are|was|were|can|may|must|should|will|has|have|do|does)\b(?! not)")
_NEGATIONS = re.compile(r"\b(?:not|never|no|without)\s")
_NUMBER = re.compile(r"\d+")
_UNITS = ("seconds", "minutes", "hours", "days", "weeks", "months", "years")
_FLIPS = """at least/at most;more than/less than;up to/at least;above/below;before/after;minimum/maximum;over/under;
all/some;always/sometimes;must/may;only/also;within/after;every/some;until/after;increase/decrease;open/closed;
include/exclude;includes/excludes;allowed/prohibited;required/optional;high/low;higher/lower;first/last;new/old;
front/rear;enable/disable;available/unavailable;safe/unsafe;valid/invalid;daily/monthly;annual/monthly;online/offline;
automatic/manual;internal/external;start/stop;lock/unlock;add/remove;short/long;early/late;free/paid;full/partial"""
_PAIRS = [pair.strip().split("/") for pair in _FLIPS.split(";")]
_CONDITION = re.compile(
    r",?\s(?:if|unless|only|when|where|provided that|except|once)\s[^,.;]{5,80}(?=[,.;])"
    r"|^(?:If|When|Unless)\s[^,.]{5,80},\s"
)
_RESTRICTION = re.compile(
    r"(?<=[a-z])\s(?:for|from|of|with|by|to)\s(?:[\w'-]+\s){0,3}[\w'-]+"
    r"(?=\s(?:is|are|was|were|can|may|must|should|will|has|have)\b)"
)
_WORD = re.compile(r"[A-Za-z][a-z]{3,}")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Words, names and sentences of the same document, and names of others: what a falsifier would put in."""

    words: Sequence[str]
    names: Sequence[str]
    sentences: Sequence[str]


def falsified_wordings(sentence: str, around: Surroundings, draw: random.Random) -> Iterator[tuple[str, str]]:
    """How it was changed, and the wording; one of a kind where it can be made."""
    for kind, change in _CHANGES.items():
        changed = change(sentence, around, draw)
        same_words = sorted(terms(changed)) == sorted(terms(sentence))
        if changed and changed.split() != sentence.split() and (not same_words or kind in _SAME_WORDS):
            yield kind, changed


def _one_of(pattern: re.Pattern[str], text: str, draw: random.Random) -> re.Match[str] | None:
    found = list(pattern.finditer(text))
    return draw.choice(found) if found else None


def _put(text: str, match: re.Match[str] | None, instead: str) -> str:
    return text[: match.start()] + instead + text[match.end() :] if match else ""


def _negated(sentence: str, around: Surroundings, draw: random.Random) -> str:  # noqa: ARG001  # one signature for all
    if match := _one_of(_NEGATIONS, sentence, draw):
        return _put(sentence, match, "")
    match = _one_of(_VERBS, sentence, draw)
    return _put(sentence, match, f"{match[1]} not") if match else ""


def _other_number(sentence: str, around: Surroundings, draw: random.Random) -> str:  # noqa: ARG001
    match = _one_of(_NUMBER, sentence, draw)
    return _put(sentence, match, str(int(match[0][:9]) + draw.choice([1, 2, 10, -1]))) if match else ""


def _other_unit(sentence: str, around: Surroundings, draw: random.Random) -> str:  # noqa: ARG001
    match = _one_of(re.compile(rf"\b(?:{'|'.join(_UNITS)})\b"), sentence, draw)
    return _put(sentence, match, draw.choice([one for one in _UNITS if one != match[0]])) if match else ""


def _flipped(sentence: str, around: Surroundings, draw: random.Random) -> str:  # noqa: ARG001
    found = [(re.search(rf"\b{one}\b", sentence), other) for pair in _PAIRS for one, other in (pair, reversed(pair))]
    hits = [(match, other) for match, other in found if match]
    return _put(sentence, *draw.choice(hits)) if hits else ""


def _other_name(sentence: str, around: Surroundings, draw: random.Random) -> str:
    match = _one_of(_NAME, sentence, draw)
    names = [name for name in around.names if name not in sentence]
    return _put(sentence, match, draw.choice(names)) if match and names else ""


def _exchanged(sentence: str, around: Surroundings, draw: random.Random) -> str:  # noqa: ARG001
    """Two content words change places around a third."""
    found = [match for match in _WORD.finditer(sentence) if match[0].lower() not in STOP_WORDS]
    if len(found) < 4:
        return ""
    first, second = found[0], found[draw.randrange(3, len(found))]
    if first[0].lower() == second[0].lower():
        return ""
    middle = sentence[first.end() : second.start()]
    return sentence[: first.start()] + second[0].capitalize() + middle + first[0].lower() + sentence[second.end() :]


def _other_word(sentence: str, around: Surroundings, draw: random.Random) -> str:
    match = _one_of(re.compile(r"(?<=\s)[a-z]{4,}"), sentence, draw)
    words = [word for word in around.words if word not in sentence]
    if not match or not words or match[0] in STOP_WORDS:
        return ""
    return _put(sentence, match, draw.choice(words))


def _word_added(sentence: str, around: Surroundings, draw: random.Random) -> str:
    match = _one_of(re.compile(r"(?<=\s)(?=[a-z]{4,})"), sentence, draw)
    words = [word for word in around.words if word not in sentence]
    return _put(sentence, match, f"{draw.choice(words)} ") if match and words else ""


def _spliced(sentence: str, around: Surroundings, draw: random.Random) -> str:
    """The subject of this sentence with what another says of its own."""
    mine = _VERBS.search(sentence)
    others = [(one, match) for one in around.sentences if one != sentence and (match := _VERBS.search(one))]
    if not mine or not others or mine.start() < 4:
        return ""
    other, match = draw.choice(others)
    return sentence[: mine.start()] + other[match.start() :]


def _tail_added(sentence: str, around: Surroundings, draw: random.Random) -> str:
    others = [one for one in around.sentences if one != sentence and len(one.split()) > 6]
    if not others:
        return ""
    tail = " ".join(draw.choice(others).rstrip(".").split()[-3:])
    return f"{sentence.rstrip('.')} and {tail}."


def _condition_dropped(sentence: str, around: Surroundings, draw: random.Random) -> str:  # noqa: ARG001
    return _put(sentence, _one_of(_CONDITION, sentence, draw), "")


def _restriction_dropped(sentence: str, around: Surroundings, draw: random.Random) -> str:  # noqa: ARG001
    return _put(sentence, _one_of(_RESTRICTION, sentence, draw), "")


def _shortened_other_word(sentence: str, around: Surroundings, draw: random.Random) -> str:
    return _other_word(without_last_part(sentence), around, draw)


def _shortened_word_added(sentence: str, around: Surroundings, draw: random.Random) -> str:
    return _word_added(without_last_part(sentence), around, draw)


_SAME_WORDS = frozenset({"negation turned", "two words exchanged", "comparison or opposite turned"})
_CHANGES: dict[str, Callable[[str, Surroundings, random.Random], str]] = {
    "negation turned": _negated,
    "other number": _other_number,
    "other unit": _other_unit,
    "comparison or opposite turned": _flipped,
    "other name": _other_name,
    "two words exchanged": _exchanged,
    "other word": _other_word,
    "word added": _word_added,
    "another's predicate": _spliced,
    "tail added": _tail_added,
    "condition dropped": _condition_dropped,
    "restriction dropped": _restriction_dropped,
    "shortened, other word": _shortened_other_word,
    "shortened, word added": _shortened_word_added,
}
