"""Whether an answer holds a key sentence: some sentence of a supporting fact, nearly whole, in few words.

A sentence of a fact, or one of its lines, counts where it has four content words or more; it is held where four fifths
of them stand in the answer. An answer of more than 120 words holds none, whatever it says: else whole documents would
win. The measure is this project's own. It rewards what was written in the reference, and nothing said as well in other
words.
"""

from __future__ import annotations

from collections.abc import Iterable

from eval.measures.plain_words import plain_words
from rag_service.lexical import STOP_WORDS
from rag_service.sentences import sentence_spans

MOST_WORDS = 120
LEAST_CONTENT_WORDS = 4
LEAST_HELD = 0.8


def key_sentence(answer: str, facts: Iterable[str]) -> float:
    """1 or 0. Without a fact that holds such a sentence, 0.

    >>> fact = "Refunds are paid by bank transfer in five days. Ask the desk."
    >>> key_sentence("By bank transfer: refunds are paid in five days.", [fact]), key_sentence("Ask the desk.", [fact])
    (1.0, 0.0)
    >>> key_sentence(fact + " word" * 120, [fact])
    0.0
    """
    said = plain_words(answer)
    if len(said) > MOST_WORDS:
        return 0.0
    held = frozenset(said)
    return float(any(len(wanted & held) >= LEAST_HELD * len(wanted) for wanted in _key_sentences(facts)))


def _key_sentences(facts: Iterable[str]) -> list[frozenset[str]]:
    wanted = (
        frozenset(word for word in plain_words(piece) if word not in STOP_WORDS)
        for fact in facts
        for piece in (*(fact[start:end] for start, end in sentence_spans(fact)), *fact.splitlines())
    )
    return [words for words in wanted if len(words) >= LEAST_CONTENT_WORDS]
