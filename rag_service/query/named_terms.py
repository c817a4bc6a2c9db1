"""What a question names: words that stand for one thing only, so that a passage about another does not answer it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_service.lexical import STOP_WORDS
from rag_service.sentences import sentence_spans

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th|s|am|pm|h|k|m)?")
_ENGLISH = frozenset("the of is are was were do does did how what which who when where why can to for and with".split())
"""Of a language in which every noun has a capital nothing is told by one."""
_ASKS = frozenset(
    """what how which who whose whom when where why is are was were do does did can could will would should may has have
    had tell list describe explain compare name give show find""".split()
)
_CALENDAR = frozenset(
    """monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december""".split()
)
"""Opening hours "Mon–Fri" do answer a question about Saturday."""
_LEAST_INITIALS = 3
_CLOSING = "\"'”’»)] "
MOST_NAMES = 16
"""A question with more is a pasted text: names that come along in it are not what is asked for."""
_HEADLINE_WORDS = 4
_LEAST_LETTERS = 4


def asking(question: str) -> str:
    """The sentences that ask; all of them where none does. Greetings and introductions ask nothing.

    >>> asking("I am Ann from Oslo. When is rent due? Thanks!")
    'When is rent due?'
    """
    sentences = [question[start:end] for start, end in sentence_spans(question)]
    return " ".join([one for one in sentences if one.rstrip(_CLOSING).endswith("?")] or sentences)


def named_terms(question: str) -> frozenset[str]:
    """Names and codes of what is asked, in lower case; none where nothing is asked, as in a heading or a pasted text.

    A name has a capital inside its sentence, or inside itself. Where every word has one, as in a headline, none tells;
    numbers alone do not either: an asker brings their own.

    >>> sorted(named_terms("How does PHIL 101 differ from CS50 at Cendara's campus?"))
    ['cendara', 'cs50', 'phil']
    >>> sorted(named_terms("HOW DO I APPLY?")), sorted(named_terms("how do i apply to cendara?"))
    ([], [])
    """
    found: set[str] = set()
    sentences = asking(question)
    for start, end in sentence_spans(sentences):
        words = _WORD.findall(sentences[start:end])
        if "?" not in sentences[start:end] and not (words and words[0].lower() in _ASKS):
            continue
        inside = [word for word in words[1:] if word[0].isalpha() and word.lower() not in STOP_WORDS]
        capitals_tell = (
            not _ENGLISH.isdisjoint(word.lower() for word in words)
            and not sentences[start:end].isupper()
            and (len(inside) < _HEADLINE_WORDS or not all(word[0].isupper() for word in inside))
        )
        for at, word in enumerate(words):
            if word.lower() in STOP_WORDS | _CALENDAR:
                continue
            has_capital = any(letter.isupper() for letter in word[1:]) or (at > 0 and word[0].isupper())
            if _is_code(word) or (has_capital and capitals_tell and not word[0].isdecimal()):
                found.add(_bare(word))
    return frozenset(found if len(found) <= MOST_NAMES else ())


def is_spelled_out(name: str, text: Sequence[str]) -> bool:
    """Whether running words of the text, function words aside or not, begin with the letters of an acronym.

    >>> is_spelled_out("CEO", "our chief executive officer".split()), is_spelled_out("DMV", "motor vehicles".split())
    (True, False)
    """
    if len(name) < _LEAST_INITIALS or not (name.isalpha() and name.isupper()):
        return False
    initials = ("".join(word[0] for word in words) for words in (text, [w for w in text if w not in STOP_WORDS]))
    return any(name.lower() in letters for letters in initials)


def is_slip(one: str, other: str) -> bool:
    """Whether one word is the other with a letter wrong, missing, added, or two that changed places.

    >>> is_slip("cendara", "cednara"), is_slip("velmora", "aventro"), is_slip("x1", "x2")
    (True, False, False)
    """
    if min(len(one), len(other)) < _LEAST_LETTERS or not (one.isalpha() and other.isalpha()) or one[0] != other[0]:
        return False
    head = 0
    while head < min(len(one), len(other)) and one[head] == other[head]:
        head += 1
    tail = 0
    while tail < min(len(one), len(other)) - head and one[-1 - tail] == other[-1 - tail]:
        tail += 1
    ours, theirs = one[head : len(one) - tail], other[head : len(other) - tail]
    return max(len(ours), len(theirs)) <= 1 or (len(ours) == 2 and ours == theirs[::-1])


def _is_code(word: str) -> bool:
    """Letters and digits in one, but no ordinal, time or decade."""
    return (word[0].isalpha() and any(map(str.isdecimal, word))) or (
        word[0].isdecimal() and any(map(str.isalpha, word)) and not _ORDINAL.fullmatch(word.lower())
    )


def _bare(word: str) -> str:
    lowered = word.lower().replace("’", "'")
    return lowered.removesuffix("'s")
