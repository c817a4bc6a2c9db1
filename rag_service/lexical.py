"""Words to BM25 terms, the same for documents and questions.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009). The document side stores
the saturated term frequency; the IDF is applied by the index at query time, over what the asker may read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache

import Stemmer

K1 = 1.2
B = 0.75
AVERAGE_LENGTH = 100.0
"""Terms in a typical chunk. A constant, so that a stored weight does not depend on other documents."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
STOP_WORDS = frozenset(
    """a about above after again against all am an and any are aren't as at be because been before being below between
    both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each few for from
    further had hadn't has hasn't have haven't having he her here hers herself him himself his how i i'm if in into is
    isn't it it's its itself let's me more most my myself no nor not of off on once only or other our ours ourselves
    out over own same she should so some such than that the their theirs them themselves then there these they this
    those through to too under until up very was we were what when where which while who whom why with would you your
    yours yourself yourselves""".split()
)
_stemmer = Stemmer.Stemmer("english", 0)


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    return str(_stemmer.stemWord(word))


def words(text: str) -> list[str]:
    """Lower-cased words, stop words included.

    >>> words("Don't pay invoice_7 twice!")
    ["don't", 'pay', 'invoice', '7', 'twice']
    """
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


def terms(text: str) -> list[str]:
    """Stemmed content words, in order.

    >>> terms("The refunds were refunded.")
    ['refund', 'refund']
    """
    return stemmed(words(text))


def stemmed(sequence: Iterable[str]) -> list[str]:
    """The content words among ``words``, stemmed, in order.

    >>> stemmed(["the", "refunds"])
    ['refund']
    """
    return [_stem(word) for word in sequence if word not in STOP_WORDS]


def saturated_frequencies(text: str) -> Mapping[str, float]:
    """BM25's document side: ``tf (k1 + 1) / (tf + k1 (1 - b + b length / average))`` a term."""
    counts = Counter(terms(text))
    length = sum(counts.values())
    norm = K1 * (1 - B + B * length / AVERAGE_LENGTH)
    return {term: count * (K1 + 1) / (count + norm) for term, count in counts.items()}


def query_weights(question: str) -> Mapping[str, float]:
    """The question side: how often each term is asked for."""
    return {term: float(count) for term, count in Counter(terms(question)).items()}
