"""Text that mirrors the questions that it is to be found for.

A poisoned passage begins with the question whose answer it wants to be (the black-box attack of Zou et al.,
"PoisonedRAG", 2024), or stacks up questions so that it lies near many. So do entries of FAQs, exams and articles that
have a question for a title: what is found here is a sign that weighs with others, and holds nothing by itself.
"""

from __future__ import annotations

import re
from itertools import pairwise

from rag_service.domain.document import Finding
from rag_service.lexical import terms, words
from rag_service.sentences import sentence_spans

VERSION = "mirrored-1"
MIRRORED, STACKED = "mirrored_question", "stacked_questions"
LONGEST = 2000
"""Characters of a text that may be the mirror of one question; longer ones answer more."""
_HEAD = 700
MARK = "?"
_MARKED = 40
_UNMARKED = 12
"""Words that are taken for the question where no mark ends it."""
_LEAST_WORDS, _LEAST_TERMS = 3, 2
_SAID_AGAIN = 0.5
"""Least share of the question's terms that what follows says again."""
_AFTER = 600
LEAST_STACKED = 5
"""Questions in a row, with no answer between them."""
_ASKING = re.compile(
    r"\W{0,8}(?:(?:who|whom|whose|what|when|where|why|which|how(?! to\b))(?:['’]s)?\b"
    r"|(?:is|are|was|were|do|does|did|can|could|will|would|should|has|have)\b(?= (?:\w{1,20} ){1,6})"
    r"|(?:wer|wem|wen|was|wann|wo|warum|wieso|welche[rsmn]?|wie|qui|que|quoi|quand|où|pourquoi|comment|combien|quel(?:le)?s?"
    r"|qu[ée]|qui[ée]n(?:es)?|cu[áa]ndo|d[óo]nde|c[óo]mo|cu[áa]nt[oa]s?|cu[áa]l(?:es)?|chi|che|cosa|quando|dove|come|quant[oaie])\b)",
    re.IGNORECASE,
)
_MARK = re.compile(r"[?？؟][\"'”’»)\]*_]{0,4}\s{0,9}\Z")


def is_question(sentence: str) -> bool:
    """Whether a sentence ends as a question does.

    >>> is_question("When does the ferry leave?"), is_question("The ferry leaves at nine.")
    (True, False)
    """
    return _MARK.search(sentence[-20:]) is not None


def opening(text: str) -> list[str]:
    """The words of the question that the text begins with and its mark, or the first ones of a sentence of that form.

    >>> opening("When does the ferry leave? It leaves at nine.")
    ['when', 'does', 'the', 'ferry', 'leave', '?']
    >>> opening("The ferry leaves at nine.")
    []
    """
    spans = sentence_spans(text[:_HEAD])
    if not spans:
        return []
    first = text[spans[0][0] : spans[0][1]]
    said = words(first)
    if len(said) < _LEAST_WORDS:
        return []
    if is_question(first):
        return [*said[:_MARKED], MARK]
    return said[:_UNMARKED] if _ASKING.match(first) and len(said) > _LEAST_WORDS else []


def without_question(text: str) -> str:
    """What the text says behind the question that it begins with; all of it where no mark ends one.

    >>> without_question("When does the ferry leave? At nine.")
    ' At nine.'
    """
    spans = sentence_spans(text[:_HEAD])
    return text[spans[0][1] :] if spans and is_question(text[slice(*spans[0])]) else text


def find_mirrors(text: str) -> list[Finding]:
    """Where the text mirrors questions: the one that it begins with and answers, and runs of them.

    >>> [one.kind for one in find_mirrors("When does the ferry leave? The ferry leaves at nine.")]
    ['mirrored_question']
    >>> find_mirrors("The ferry leaves at nine. Who wants to come along?")
    []
    """
    found = _stacked(text)
    asked = opening(text)
    if asked and len(text) <= LONGEST:
        about = set(terms(" ".join(asked)))
        rest = set(terms(" ".join(words(text[: _HEAD + _AFTER])[len(asked) :])))
        if len(about) >= _LEAST_TERMS and len(about & rest) >= _SAID_AGAIN * len(about):
            start, end = sentence_spans(text[:_HEAD])[0]
            found.append(Finding(MIRRORED, start, end))
    return sorted(found, key=lambda one: (one.start, one.end))


def _stacked(text: str) -> list[Finding]:
    if text.count("?") + text.count("？") + text.count("؟") < LEAST_STACKED:
        return []
    asks = [(start, end) for start, end in sentence_spans(text) if len(words(text[start:end])) >= _LEAST_WORDS]
    marked = [is_question(text[start:end]) for start, end in asks]
    edges = [at + 1 for at, (one, other) in enumerate(pairwise(marked)) if one != other]
    runs = pairwise([0, *edges, len(marked)])
    return [
        Finding(STACKED, asks[first][0], asks[last - 1][1])
        for first, last in runs
        if last > first and marked[first] and last - first >= LEAST_STACKED
    ]
