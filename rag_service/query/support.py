"""Which words of which passage support a sentence: decided here, whatever the model claimed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rag_service.domain.answer import Passage
from rag_service.lexical import terms, words
from rag_service.sentences import sentence_spans

SUPPORTED = 0.75
"""The least share of a sentence's content terms that its support must hold."""

_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_LINK_OR_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>\"')\]]+|[\w.+-]+@[\w-]+\.[\w.-]+", re.IGNORECASE)
_NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate(
        "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "eighteen nineteen twenty".split(),
        start=2,
    )
} | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90"}
_NEGATIONS = frozenset({"not", "no", "never", "none", "neither", "nor", "cannot", "without"})


@dataclass(frozen=True, slots=True)
class Support:
    """``passage.text[start:end]`` supports a sentence; ``score`` is the share of its content terms found there."""

    passage: Passage
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class _Window:
    passage: Passage
    start: int
    end: int
    terms: frozenset[str]
    facts: frozenset[str]
    negated: bool


class SupportFinder:
    """Knows the passages' sentences, alone and in pairs, and finds the one that supports a given sentence."""

    def __init__(self, passages: Iterable[Passage]) -> None:
        self._windows = [window for passage in passages for window in _windows(passage)]

    def find(self, sentence: str) -> Support | None:
        """The best support, or None. Numbers, links and addresses must be found exactly; negation must agree."""
        facts, negated = exact_facts(sentence), is_negated(sentence)
        wanted = _terms_and_facts(sentence, facts)
        if not wanted:
            return None
        best: tuple[float, int] | None = None
        found: _Window | None = None
        for window in self._windows:
            score = len(wanted & window.terms) / len(wanted)
            if score < SUPPORTED or not facts <= window.facts or negated != window.negated:
                continue
            key = (score, -(window.end - window.start))
            if best is None or key > best:
                best, found = key, window
        return Support(found.passage, found.start, found.end, best[0]) if found and best else None


def exact_facts(text: str) -> frozenset[str]:
    """What may never be approximated: numbers, spelled out or not, links and addresses.

    >>> sorted(exact_facts("Pay 1,200 within three days at https://pay.example/x."))
    ['1200', '3', 'https://pay.example/x']
    """
    links = {match.rstrip(".,;:!?").casefold() for match in _LINK_OR_ADDRESS.findall(text)}
    rest = _LINK_OR_ADDRESS.sub(" ", text)
    numbers = {match.replace(",", "") for match in _NUMBER.findall(rest)}
    spelled = {_NUMBER_WORDS[word] for word in words(rest) if word in _NUMBER_WORDS}
    return frozenset(links | numbers | spelled)


def is_negated(text: str) -> bool:
    """Whether an odd number of negations stands in the text.

    >>> is_negated("Refunds are not paid."), is_negated("Refunds are paid.")
    (True, False)
    """
    return sum(word in _NEGATIONS or word.endswith("n't") for word in words(text)) % 2 == 1


def _windows(passage: Passage) -> Iterable[_Window]:
    spans = sentence_spans(passage.text)
    for first, (start, end) in enumerate(spans):
        yield _window(passage, start, end)
        if first + 1 < len(spans):
            yield _window(passage, start, spans[first + 1][1])


def _window(passage: Passage, start: int, end: int) -> _Window:
    text = passage.text[start:end]
    facts = exact_facts(text)
    return _Window(passage, start, end, _terms_and_facts(text, facts), facts, is_negated(text))


def _terms_and_facts(text: str, facts: frozenset[str]) -> frozenset[str]:
    """The content terms; a number is the same whichever way it is written."""
    return frozenset(term for term in terms(text) if term not in _NUMBER_WORDS) | facts
