"""The sentences of passages, alone and in pairs, with what a sentence is compared with: read when it is first asked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from rag_service.domain.answer import Passage
from rag_service.lexical import terms, words
from rag_service.query.alignment import content_terms, in_order
from rag_service.query.exact_facts import NUMBER_WORDS, Exact, exact_facts, signs
from rag_service.query.roles import Roles, roles_of
from rag_service.sentences import sentence_spans

_BACK = frozenset("it its they their them this these that those he his she her both".split())
_OWN_MARKER = re.compile(
    r"(?<![\w\]])\s{0,3}\[\d{1,3}(?:\s{0,3},\s{0,3}\d{1,3}){0,9}\](?!\.?\w)"
    r"|(?<=\w)\s{0,3}\[\d{1,3}\](?=[.!?]?(?:\s|$))"
)


def without_markers(text: str) -> str:
    """The text on one line, without citation markers.

    >>> without_markers("Five\\n days [2].")
    'Five days.'
    """
    return " ".join((_OWN_MARKER.sub("", text) if "[" in text else text).split())


@dataclass(frozen=True)
class Facts:
    """What of a text is compared: computed once, and only for texts that are no copies."""

    plain: str

    @cached_property
    def exact(self) -> Exact:
        return exact_facts(self.plain)

    @cached_property
    def terms(self) -> frozenset[str]:
        """Content words, amounts and active forms."""
        return content_terms(self.plain) | self.exact.amounts | self.exact.active

    @cached_property
    def sequence(self) -> tuple[str, ...]:
        """Content words and numbers in order, a number as a number however it is spelled."""
        return _in_sequence(self.plain)

    @cached_property
    def rotated(self) -> tuple[str, ...]:
        """Content words as they stand where what is in front of the first comma is said at the end."""
        lead, _, rest = self.plain.partition(", ")
        return _in_sequence(rest) + _in_sequence(lead)

    @cached_property
    def neighbours(self) -> frozenset[tuple[str, str]]:
        return frozenset(pairwise(self.sequence))

    @cached_property
    def signs(self) -> Counter[str]:
        return signs(self.plain)

    @cached_property
    def order(self) -> tuple[str, ...]:
        return in_order(self.plain)

    @cached_property
    def roles(self) -> Roles:
        return roles_of(self.plain)


def _in_sequence(text: str) -> tuple[str, ...]:
    return tuple(terms(" ".join(NUMBER_WORDS.get(word, word) for word in words(text.replace("%", " percent")))))


@dataclass(frozen=True)
class Window:
    """``passage.text[start:end]``: a sentence, or two that speak of one subject."""

    passage: Passage
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]

    @cached_property
    def facts(self) -> Facts:
        return Facts(without_markers(self.text))


def sentence_windows(passage: Passage) -> list[Window]:
    """The passage's sentences."""
    return [Window(passage, start, end) for start, end in sentence_spans(passage.text)]


def paired_windows(alone: Iterable[Window]) -> Iterator[Window]:
    """Of one passage's sentences, neighbours of which the second goes on about the first's subject."""
    sentences = list(alone)
    for first, second in pairwise(sentences):
        if _goes_on(first, second):
            yield Window(first.passage, first.start, second.end)


def _goes_on(first: Window, second: Window) -> bool:
    """Whether both speak of one subject. Else one's amount or deed could be told of the other's subject."""
    opening = words(second.facts.plain[:40])[:1]
    return bool(opening) and opening[0] in _BACK and not (first.facts.exact.amounts and second.facts.exact.amounts)
