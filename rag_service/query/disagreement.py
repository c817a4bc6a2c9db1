"""Disagreement: two sources that answer a question for a number or a date with different ones, both credible."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_service.domain.answer import Passage
from rag_service.lexical import stemmed, words
from rag_service.query.wordings import Wording
from rag_service.sentences import sentence_spans

_ASKS_FOR_NUMBER = re.compile(
    r"\b(?:how (?:many|much|long|old|far|often)|when|(?:what|which) (?:year|date|day|time))\b", re.I
)
_COMPARED = 6
_ABOUT = 0.75
"""Share of the question's content terms that a sentence holds which answers it."""
_MOST_NUMBERS = 3
"""Of a sentence: one that lists more than that answers more than one question."""


def disagreeing(question: str, wordings: Sequence[Wording]) -> tuple[Passage, ...]:
    """The best passages of two documents whose answering sentences share no number, or none."""
    if not _ASKS_FOR_NUMBER.search(question):
        return ()
    asked, given = frozenset(stemmed(words(question))), _numbers(words(question))
    found: list[tuple[Passage, frozenset[str]]] = []
    for one in [one for one in wordings if one.asked >= _ABOUT][:_COMPARED]:
        numbers = _answer(one.passage.text, asked, given)
        if numbers and any(
            numbers.isdisjoint(others) and passage.document_id != one.passage.document_id for passage, others in found
        ):
            return (found[0][0], one.passage)
        if numbers:
            found.append((one.passage, numbers))
    return ()


def _answer(text: str, asked: frozenset[str], given: frozenset[str]) -> frozenset[str]:
    """The numbers of the first sentence that answers the question."""
    for start, end in sentence_spans(text):
        sequence = words(text[start:end])
        numbers = _numbers(sequence) - given
        if 0 < len(numbers) <= _MOST_NUMBERS and len(asked.intersection(stemmed(sequence))) >= _ABOUT * len(asked):
            return numbers
    return frozenset()


def _numbers(sequence: Sequence[str]) -> frozenset[str]:
    return frozenset(word for word in sequence if word[0].isdecimal())
