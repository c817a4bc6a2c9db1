"""Which words of which passage support a sentence: decided here, whatever the model claimed.

A sentence that copies one of a passage is supported. Any other must keep to these rules:

- its amounts and active forms stand in the support, and its turning words are the support's (``exact_facts``);
- it holds no sign, and no invisible character, oftener than the support does;
- three quarters of its content words stand there, and at most one does not: short false tails fit into any share;
- that one is an ordinary short word in lower case, so that no name, subject or code is added.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rag_service.detect.concealment import find_concealment
from rag_service.domain.answer import Passage
from rag_service.lexical import terms, words
from rag_service.query.exact_facts import NUMBER_WORDS, TURNS, Exact, exact_facts, signs
from rag_service.sentences import sentence_spans

SUPPORTED = 0.75
"""The least share of a sentence's content terms that its support must hold."""
_MOST_UNSUPPORTED = 1
_LONGEST_WORD = 20
"""Letters of an unsupported word: a longer one could carry a message, encoded."""
_BACK = frozenset("it its they their them this these those he his she her both".split())
_OWN_MARKER = re.compile(
    r"(?<![\w\]])\s{0,3}\[\d{1,3}(?:\s{0,3},\s{0,3}\d{1,3}){0,9}\](?!\.?\w)"
    r"|(?<=\w)\s{0,3}\[\d{1,3}\](?=[.!?]?(?:\s|$))"
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")


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
    plain: str
    terms: frozenset[str]
    exact: Exact
    signs: Counter[str]


class SupportFinder:
    """Knows the passages' sentences, alone and in pairs, and finds the one that supports a given sentence."""

    def __init__(self, passages: Iterable[Passage]) -> None:
        self._windows = [window for passage in passages for window in _windows(passage)]
        self._copies = {window.plain: window for window in reversed(self._windows)}

    def find(self, sentence: str) -> Support | None:
        """The best support, or None."""
        copied = self._copies.get(without_markers(sentence))
        if copied and terms(copied.plain):
            return Support(copied.passage, copied.start, copied.end, 1.0)
        exact = exact_facts(sentence)
        wanted = _terms(sentence) | exact.amounts | exact.active
        if not wanted or find_concealment(sentence):
            return None
        ordinary, marks = _ordinary_terms(sentence), signs(sentence)
        best: tuple[float, int] | None = None
        found: _Window | None = None
        for window in self._windows:
            missing = wanted - window.terms
            score = 1 - len(missing) / len(wanted)
            if score < SUPPORTED or len(missing) > _MOST_UNSUPPORTED or not missing <= ordinary:
                continue
            if (
                exact.turns != window.exact.turns
                or not exact.active <= window.exact.active
                or not marks <= window.signs
            ):
                continue
            key = (score, -(window.end - window.start))
            if best is None or key > best:
                best, found = key, window
        return Support(found.passage, found.start, found.end, best[0]) if found and best else None

    def is_copy(self, sentence: str) -> bool:
        """Whether a passage holds this sentence word for word."""
        return without_markers(sentence) in self._copies


def without_markers(text: str) -> str:
    """The text on one line, without citation markers.

    >>> without_markers("Five\\n days [2].")
    'Five days.'
    """
    return " ".join(_OWN_MARKER.sub("", text).split())


def _windows(passage: Passage) -> Iterable[_Window]:
    alone = [_window(passage, start, end) for start, end in sentence_spans(passage.text)]
    for at, window in enumerate(alone):
        yield window
        if at + 1 < len(alone) and _goes_on(window, alone[at + 1]):
            yield _window(passage, window.start, alone[at + 1].end)


def _goes_on(first: _Window, second: _Window) -> bool:
    """Whether both speak of one subject. Else one's amount or deed could be told of the other's subject."""
    opening = words(second.plain[:40])[:1]
    return bool(opening) and opening[0] in _BACK and not (first.exact.amounts and second.exact.amounts)


def _window(passage: Passage, start: int, end: int) -> _Window:
    text = passage.text[start:end]
    exact = exact_facts(text)
    held = _terms(text) | exact.amounts | exact.active
    return _Window(passage, start, end, without_markers(text), held, exact, signs(text))


def _terms(text: str) -> frozenset[str]:
    """The content terms; numbers and turning words are compared exactly instead."""
    kept = " ".join(word for word in words(text) if word not in NUMBER_WORDS and word not in TURNS)
    return frozenset(term for term in terms(kept) if not term[0].isdecimal())


def _ordinary_terms(text: str) -> frozenset[str]:
    """The short terms that are never written with a capital or a digit in this text, or in a script without case."""
    written = _WORD.findall(text)
    special = {
        term
        for word in written
        if len(word) > _LONGEST_WORD or not (word.islower() and word.replace("’", "").replace("'", "").isalpha())
        for term in terms(word)
    }
    return frozenset(terms(text)) - special
