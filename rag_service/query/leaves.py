"""The values of a structured answer, each bound to the sentence that holds it, or left out.

A text is supported as a sentence is, or is a run of words that a passage holds; a number is a number of a sentence that
speaks of what is asked, with the unit that the schema names; a choice stands there by name; a truth value is that of a
sentence which says the property's own words. What is not found so is left out: nothing is inferred.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from rag_service.lexical import terms
from rag_service.query.content import ContentRules
from rag_service.query.disguises import looks_encoded
from rag_service.query.exact_facts import exact_facts
from rag_service.query.support import Support
from rag_service.query.verdict import SentenceJudge
from rag_service.query.windows import Window, without_markers
from rag_service.sentences import sentence_spans

LONGEST_TEXT = 2000
_LEAST_SAID = 0.75
"""The share of a property's words that a sentence must hold to be the evidence of its truth."""
_NEGATIONS = frozenset({"not", "never", "no", "none", "neither", "nor", "without", "cannot"})
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
_NUMBER = re.compile(r"^[^\d-]?(-?\d+(?:\.\d+)?)")
_COMPOUND = re.compile(r"\d[:/,-]\d|\.\d+\.")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\W]+")
_WORDS = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Leaf:
    """``value`` may leave, by what supports it."""

    value: Any
    supports: tuple[Support, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a value is asked for: the words of its property, and of the question where that asks for it alone."""

    name: frozenset[str]
    question: frozenset[str]

    @classmethod
    def of(cls, name: str, schema: Mapping[str, Any], question: str) -> Asked:
        told = f"{' '.join(_HUMP.split(name))} {schema.get('title', '')} {schema.get('description', '')}"
        return cls(frozenset(terms(told)), frozenset(terms(question)))


class LeafJudge:
    """Judges single values of one draft. ``kinds`` collects why values were left out."""

    def __init__(self, sentences: Sequence[Window], judge: SentenceJudge, rules: ContentRules) -> None:
        self._sentences = sentences
        self._judge = judge
        self._rules = rules
        self.kinds: set[str] = set()

    def text(self, value: str, asked: Asked) -> Leaf | None:
        """Sentences that are each supported, or a run of words of a sentence that speaks of what is asked."""
        plain = without_markers(value)
        if not terms(plain) or len(value) > LONGEST_TEXT:
            return self._none("unsupported")
        if copy := self._copied(plain, asked):
            return copy
        said: list[str] = []
        supports: list[Support] = []
        for start, end in sentence_spans(plain):
            verdict = self._judge.verdict(plain[start:end])
            if not verdict.supports:
                return self._none(verdict.kind or "unsupported")
            said.append(verdict.text)
            supports += verdict.supports
        return Leaf(" ".join(said), tuple(supports))

    def number(self, value: float, asked: Asked) -> Leaf | None:
        """An amount of a sentence that speaks of what is asked."""
        try:
            wanted = Decimal(str(value))
        except InvalidOperation:
            return self._none("unsupported")
        for window in self._by_words(asked):
            for amount in window.facts.exact.amounts:
                if _worth(amount) == wanted and _fits_unit(amount, asked):
                    return self._shown(value, window, "unsupported", worth=wanted)
        return self._none("unsupported")

    def choice(self, value: str, asked: Asked) -> Leaf | None:
        """One of the schema's choices, which a sentence that speaks of what is asked names and does not deny."""
        named = [word.lower() for word in _WORDS.findall(value)]
        for window in self._by_words(asked):
            held = [word.lower() for word in _WORDS.findall(window.text)]
            stands = any(held[at : at + len(named)] == named for at in range(len(held) - len(named) + 1))
            if named and stands and not _denies(window.text):
                return self._shown(value, window, "unsupported")
        return self._none("unsupported")

    def truth(self, value: bool, asked: Asked) -> Leaf | None:
        """What the one sentence that says the property's words says of it; two that differ prove nothing."""
        said = [one for one in self._sentences if _says(one, asked.name)]
        if not said or len({_denies(one.text) for one in said}) != 1 or _denies(said[0].text) == value:
            return self._none("unsupported")
        return self._shown(value, said[0], "unsupported")

    def _copied(self, plain: str, asked: Asked) -> Leaf | None:
        """The words as one sentence holds them, which denies nothing that they do not."""
        pattern = re.compile(rf"(?<!\w){re.escape(plain)}(?!\w)")
        for window in self._by_words(asked):
            if pattern.search(without_markers(window.text)) and _denies(plain) == _denies(window.text):
                shown, kind = self._rules.sentence(plain)
                if not shown or looks_encoded(plain, window.text):
                    return self._none(kind or "encoded_text")
                return self._shown(shown, window, kind or "unsupported")
        return None

    def _shown(self, value: Any, window: Window, kind: str, worth: Decimal | None = None) -> Leaf | None:
        """The value with its quotation, where policy lets both leave; a number, where it lets that stand in it."""
        if isinstance(value, str):
            shown, taken = self._rules.sentence(value)
            if shown != value:
                return self._none(taken or "forbidden_topic")
        span, taken = self._rules.quote(window.text)
        if span is None:
            return self._none(taken or kind)
        if worth is not None and taken and worth not in map(_worth, exact_facts(window.text[slice(*span)]).amounts):
            return self._none(taken)
        quoted = Support(window.passage, window.start, window.end, 1.0)
        return Leaf(value, (replace(quoted, start=quoted.start + span[0], end=quoted.start + span[1]),))

    def _by_words(self, asked: Asked) -> list[Window]:
        """The sentences that speak of it, or have it in their heading, those first that hold most of its own words.

        Where none holds a word of the property, those that hold one of a question that asks for nothing else.
        """
        for wanted in (asked.name, asked.question):
            shared = [(len(wanted & held), -at) for at, held in enumerate(self._held)]
            near = sorted((one for one in shared if one[0]), reverse=True)
            if near:
                return [self._sentences[-at] for _, at in near]
        return []

    @cached_property
    def _held(self) -> list[frozenset[str]]:
        return [frozenset(terms(f"{one.passage.section or ''} {one.text}")) for one in self._sentences]

    def _none(self, kind: str) -> Leaf | None:
        self.kinds.add(kind)
        return None


def _says(window: Window, name: frozenset[str]) -> bool:
    held = frozenset(terms(window.text))
    return bool(name) and len(name & held) >= _LEAST_SAID * len(name)


def _denies(text: str) -> bool:
    return any(word in _NEGATIONS or word.endswith(("n't", "n’t")) for word in text.lower().replace(".", " ").split())


def _worth(amount: str) -> Decimal | None:
    """What an amount comes to, as ``exact_facts`` spells it; dates, times and ranges come to nothing.

    >>> _worth("1200 million euro"), _worth("€9.50"), _worth("5 day"), _worth("2026-01-02"), _worth("2 hundred 50")
    (Decimal('1200000000'), Decimal('9.50'), Decimal('5'), None, None)
    """
    first, *others = amount.split()
    found = _NUMBER.match(first)
    if found is None or _COMPOUND.search(first) or any(one[0].isdigit() for one in others):
        return None
    worth = Decimal(found.group(1))
    for word in others:
        worth *= _SCALES.get(word, 1)
    return worth


def _fits_unit(amount: str, asked: Asked) -> bool:
    """Whether the amount has the unit that the property names, where it names one and the amount has another."""
    units = frozenset(part for part in amount.split()[1:] if part not in _SCALES)
    wanted = frozenset(one for one in asked.name if exact_facts(f"1 {one}").amounts != {"1"})
    return not units or not wanted or bool(units & wanted)
