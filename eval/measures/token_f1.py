"""Token F1 of an answer, as SQuAD counts it.

``2 P R / (P + R)`` over the words that both hold, each as often as both hold it: P is their share of the answer, R that
of the reference. Case, punctuation and articles do not count. Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine
Comprehension of Text" (EMNLP 2016).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from eval.measures.plain_words import plain_words

_ARTICLES = frozenset({"a", "an", "the"})


def token_f1(answer: str, references: Iterable[str]) -> float:
    """The best F1 against one reference.

    >>> token_f1("Refunds take five days.", ["five days", "a week"])
    0.6666666666666666
    >>> token_f1("", ["five days"])
    0.0
    """
    said = _tokens(answer)
    return max((_f1(said, _tokens(reference)) for reference in references), default=0.0)


def _tokens(text: str) -> Counter[str]:
    return Counter(word for word in plain_words(text) if word not in _ARTICLES)


def _f1(said: Counter[str], wanted: Counter[str]) -> float:
    shared = (said & wanted).total()
    return 2 * shared / (said.total() + wanted.total()) if shared else 0.0
