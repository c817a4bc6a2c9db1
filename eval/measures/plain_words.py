"""Words, content words, numbers, names and negations, as the measures of answers count them.

Written apart from the product's own (``rag_service.lexical``, ``rag_service.query.exact_facts``), so that a fault there
is not a fault here too. English only.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+(?:[.,'’][^\W_]+)*")
_APOSTROPHES = str.maketrans("", "", "'’")
_FUNCTION_WORDS = frozenset(
    """a about all also am an and any are as at be been being both but by can could did do does doing each either for
    from had has have having he her here hers him his how i if in into is it its itself just may me might more
    most much must my of on once one or other our ours out over own per shall she should so some such than that
    the their theirs them then there these they this those through to too under up upon us very via was we were
    what when where whether which while who whom whose why will with within would you your yours""".split()
)
_NEGATIONS = frozenset("no not never none neither nor nobody nothing without cannot unless except".split())
_CONTRACTED_NOT = re.compile(r"\w+n['’]t\b", re.IGNORECASE)


def plain_words(text: str) -> list[str]:
    """Words in lower case; a number keeps its points and commas.

    >>> plain_words("It can't exceed 1,200.50 EUR!")
    ['it', 'cant', 'exceed', '1,200.50', 'eur']
    """
    return [word.lower().translate(_APOSTROPHES) for word in _WORD.findall(text)]


def content_words(text: str) -> frozenset[str]:
    """The words that carry meaning: neither function words nor negations nor numbers nor single letters.

    >>> sorted(content_words("The 5 refunds are not paid in a week"))
    ['paid', 'refunds', 'week']
    """
    return frozenset(
        word
        for word in plain_words(text)
        if len(word) > 1 and word not in _FUNCTION_WORDS | _NEGATIONS and not word[0].isdecimal()
    )


def numbers(text: str) -> frozenset[str]:
    """Words that begin with a digit, without their thousands' commas.

    >>> sorted(numbers("1,200 cars in Q4 of 2023, the 3rd time"))
    ['1200', '2023', '3rd']
    """
    return frozenset(word.replace(",", "") for word in plain_words(text) if word[0].isdecimal())


def names(text: str) -> frozenset[str]:
    """Words with a capital or a digit inside the sentence: its first word's capital says nothing.

    >>> sorted(names("Apply for the X1 card at Zia Bank"))
    ['bank', 'x1', 'zia']
    """
    found = _WORD.findall(text)
    return frozenset(
        word.lower().translate(_APOSTROPHES)
        for at, word in enumerate(found)
        if len(word) > 1
        and not word[0].isdecimal()
        and (any(letter.isdecimal() or letter.isupper() for letter in word[1:]) or (at > 0 and word[0].isupper()))
    )


def is_negated(text: str) -> bool:
    """Whether an odd number of negations stands in the text.

    >>> is_negated("Cash isn't taken."), is_negated("Cash is taken."), is_negated("Never without a card.")
    (True, False, False)
    """
    count = sum(word in _NEGATIONS for word in plain_words(text)) + len(_CONTRACTED_NOT.findall(text))
    return count % 2 == 1
