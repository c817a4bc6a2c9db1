"""Whether quotes entail a sentence, judged without a model and without any code of the product.

ALCE asks a model of natural language inference (TRUE, 11 billion weights), which does not fit here. In its place:

- four fifths of the sentence's content words stand in the quotes, by their beginnings, as English inflects ends;
- every number and every name of the sentence stands there;
- the quotes' sentence that shares most with it is negated where it is, and only there.

It can not see who did what to whom, an order of words, a paraphrase in other words, or a false word in a long sentence
with true ones. A verbatim copy is always entailed, also where it answers another question.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eval.measures.plain_words import content_words, is_negated, names, numbers, plain_words
from rag_service.sentences import sentence_spans

LEAST_CONTAINED = 0.8
_LEAST_BEGINNING = 5
_LONGEST_ENDING = 3


def entails(quotes: Sequence[str], sentence: str) -> bool:
    """Whether the quotes together say what the sentence says.

    >>> entails(["Refunds are paid within 5 days."], "A refund is paid within 5 days.")
    True
    >>> entails(["Refunds are paid within 5 days."], "Refunds are paid within 6 days.")
    False
    >>> entails(["Refunds are paid within 5 days."], "Refunds are not paid within 5 days.")
    False
    >>> entails(["Refunds are paid.", "It takes 5 days."], "Refunds are paid in 5 days.")
    True
    """
    held = frozenset(word for quote in quotes for word in plain_words(quote))
    if not plain_words(sentence) or not held:
        return False
    if not numbers(sentence) <= {word.replace(",", "") for word in held}:
        return False
    if not all(_stands_in(name, held) for name in names(sentence)):
        return False
    wanted = content_words(sentence)
    contained = sum(_stands_in(word, held) for word in wanted)
    if contained < LEAST_CONTAINED * len(wanted):
        return False
    return is_negated(sentence) == is_negated(_nearest(quotes, wanted))


def _stands_in(word: str, held: Iterable[str]) -> bool:
    return any(_is_same(word, other) for other in held)


def _is_same(one: str, other: str) -> bool:
    """Alike, or alike but for a short ending.

    >>> _is_same("refund", "refunds"), _is_same("paid", "pays"), _is_same("apply", "applied")
    (True, False, False)
    >>> _is_same("applies", "applied")
    True
    """
    if one == other:
        return True
    if any(character.isdecimal() for character in one + other):
        return False
    if f"{one}s" == other or f"{other}s" == one:
        return True
    shared = 0
    for ours, theirs in zip(one, other, strict=False):
        if ours != theirs:
            break
        shared += 1
    return shared >= _LEAST_BEGINNING and max(len(one), len(other)) - shared <= _LONGEST_ENDING


def _nearest(quotes: Sequence[str], wanted: frozenset[str]) -> str:
    """The quotes' sentence that shares most content words; of equals the shortest."""
    sentences = [quote[start:end] for quote in quotes for start, end in sentence_spans(quote)]
    return max(sentences or list(quotes), key=lambda one: (len(wanted & content_words(one)), -len(one)))
