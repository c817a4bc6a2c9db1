"""What a sentence does with the words of the text it is compared with: who does what to whom, and what is turned round.

Meaning by cosine hardly tells "A pays B" from "B pays A"; these rules do, and nothing that a model of meaning says
overrules them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_service.lexical import STOP_WORDS, terms, words
from rag_service.query.exact_facts import NUMBER_WORDS, TURNS

_LIGHT = frozenset(
    terms(
        "also please therefore thus hence however additionally moreover furthermore indeed namely overall get gets got"
    )
)
"""Words that join sentences and tell nothing of their own."""
_LEAD_IN = re.compile(
    r"^(?:(?:according to|based on|as stated in|in) (?:the|this|these) (?:given |provided )?"
    r"(?:passage|document|text|context)s?(?: \d{1,2})?"
    r"|(?:the|this) (?:passage|document|text) (?:says|states|mentions) that"
    r"|as stated|in summary|in short|to summari[sz]e|(?:please )?note that|the answer is(?: that)?|answer)"
    r"\s?[,:]?\s(?=\S)",
    re.IGNORECASE,
)
_DIRECTIONS = frozenset("from off out onto outside inside between against behind beyond".split())
_UNORDERED = frozenset("a an the and or as that which who is are was were be been".split())
_MOST_ORDERED = 60
_WRITTEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
LONGEST_WORD = 20
"""Letters of a word that the support lacks: a longer one could carry a message, encoded."""


def in_order(text: str) -> tuple[str, ...]:
    """The words whose order tells something, for ``is_turned_round``."""
    spelled = (NUMBER_WORDS.get(word, word) for word in words(text) if word not in _UNORDERED)
    return tuple(spelled)[:_MOST_ORDERED]


def is_turned_round(sentence: Sequence[str], text: Sequence[str]) -> bool:
    """Whether two things that stand around a third have changed places: roles, ends of a way, values of two subjects.

    A passive turns them round rightly, and must; a clause that was moved to the front turns nothing round.

    >>> is_turned_round(in_order("Bolt pays Acme."), in_order("Acme pays Bolt."))
    True
    >>> is_turned_round(in_order("Acme is paid by Bolt."), in_order("Bolt paid Acme."))
    False
    >>> is_turned_round(in_order("Before travel ask the desk."), in_order("Ask the desk before travel."))
    False
    """
    if not {word for word in sentence if word in _DIRECTIONS} <= set(text):
        return True
    is_passive = ("by" in sentence) != ("by" in text)
    here, there = _places(sentence, text)
    shared = sorted(here, key=here.__getitem__)
    ends = [word for word in shared if word not in STOP_WORDS and word not in TURNS]
    turned = any(
        there[second] < there[middle] < there[first]
        for at, first in enumerate(ends)
        for second in ends[at + 1 :]
        if there[second] < there[first]
        for middle in shared
        if here[first] < here[middle] < here[second]
    )
    return turned != is_passive


def _places(sentence: Sequence[str], text: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Where the words stand that each has once: as they are written, or else by their stems."""
    here = {word: at for at, word in enumerate(sentence) if sentence.count(word) == 1 == text.count(word)}
    there = {word: text.index(word) for word in here}
    ours = [_stem(word) if word not in here else "" for word in sentence]
    theirs = [_stem(word) if word not in here else "" for word in text]
    for at, (word, stem) in enumerate(zip(sentence, ours, strict=True)):
        if stem and ours.count(stem) == 1 == theirs.count(stem):
            here[word], there[word] = at, theirs.index(stem)
    return here, there


def _stem(word: str) -> str:
    return word if word in STOP_WORDS or word in TURNS else (terms(word) or [word])[0]


def content_terms(text: str) -> frozenset[str]:
    """The content terms; numbers and turning words are compared exactly instead."""
    kept = " ".join(word for word in words(text) if word not in NUMBER_WORDS and word not in TURNS)
    return frozenset(term for term in terms(kept) if not term[0].isdecimal())


def ordinary_terms(text: str) -> frozenset[str]:
    """The short terms that are never written with a capital or a digit in this text, or in a script without case."""
    special = {
        term
        for word in _WRITTEN.findall(text)
        if len(word) > LONGEST_WORD or not (word.islower() and word.replace("’", "").replace("'", "").isalpha())
        for term in terms(word)
    }
    return frozenset(terms(text)) - special


def without_lead_in(text: str) -> str:
    """The statement, without the words that announce it.

    >>> without_lead_in("According to the passage, gift cards are never refunded.")
    'gift cards are never refunded.'
    """
    return _LEAD_IN.sub("", text, count=1)


def without_light(missing: frozenset[str]) -> frozenset[str]:
    """The words among these that say something."""
    return missing - _LIGHT
