"""Whether a draft gives away what only the prompt holds: its random markers, however disguised, and its wording.

The markers are random and no passage can hold them, so half of one in any disguise is proof. A disguise that is not
known here still releases nothing: of what the draft says, only what passages support ever leaves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_service.detect.concealment import reveal
from rag_service.lexical import words
from rag_service.ports import Prompt
from rag_service.query.disguises import decoded, readings, spellings, strided

_GRAM = 8
"""Characters of a hexadecimal marker that no honest text has by chance: four thousand million to one."""
_TAIL = 128
"""Characters of a reading that are kept: the longest spelling of a marker has as many."""
_MOST_PADDING = 4
_RUN = 6
"""Words of the prompt in a row that are taken for a quotation of it."""


class MarkerWatch:
    """Reads a draft sentence by sentence, and tells once half of a marker stood in all that it has read.

    Each reading goes on where the sentence before it ended: a secret that is written a character a sentence is seen.
    """

    def __init__(self, prompt: Prompt) -> None:
        self._spellings = [one for secret in (prompt.canary, _random_part(prompt.fence)) for one in spellings(secret)]
        self._grams = frozenset(gram for one in self._spellings for gram in _some_grams(one))
        self._tails: list[str] = []

    def leaks(self, sentence: str) -> bool:
        """Whether the draft up to and with this sentence gives a marker away."""
        found = False
        read = readings(sentence)
        for at, (tail, new) in enumerate(zip(self._tails or [""] * len(read), read, strict=True)):
            found |= self._holds(tail + new, from_=max(0, len(tail) - _GRAM + 1))
            read[at] = (tail + new)[-_TAIL:]
        before = self._tails[0][-_GRAM * _MOST_PADDING :] if self._tails else ""
        views = strided(before + read[0][-len(sentence) :])
        self._tails = read
        for text in (once := decoded(sentence)) + [two for one in once for two in decoded(one)]:
            views += readings(text)[:3]
        return found or any(self._holds(view) for view in views)

    def _holds(self, reading: str, from_: int = 0) -> bool:
        slices = map(slice, range(from_, len(reading) - _GRAM + 1), range(from_ + _GRAM, len(reading) + 1))
        if self._grams.isdisjoint(map(reading.__getitem__, slices)):
            return False
        # A digit code spreads a marker over more characters; so much of it as half a marker must be there.
        return any(
            one[start : start + len(one) // 2] in reading
            for one in self._spellings
            for start in range(len(one) - len(one) // 2 + 1)
        )


class WordingWatch:
    """Tells the sentences that quote six words or more of the system prompt in a row, where no passage does."""

    def __init__(self, prompt: Prompt, passages: Sequence[str]) -> None:
        self._runs = _runs(words(prompt.system))
        self._passages = passages
        self._tail: list[str] = []

    def quotes(self, sentence: str) -> bool:
        """Whether this sentence, or the end of those before it with its beginning, is the prompt's wording."""
        read = self._tail + words(reveal(sentence))
        self._tail = read[-(_RUN - 1) :]
        quoted = self._runs & _runs(read)
        return bool(quoted) and not quoted <= {run for text in self._passages for run in _runs(words(text))}


def _runs(sequence: list[str]) -> set[tuple[str, ...]]:
    return {tuple(sequence[at : at + _RUN]) for at in range(len(sequence) - _RUN + 1)}


def _some_grams(spelling: str) -> list[str]:
    """So many that every half of the spelling holds one."""
    step = max(1, len(spelling) // 2 - _GRAM + 1)
    return [spelling[at : at + _GRAM] for at in range(0, len(spelling) - _GRAM + 1, step)]


def _random_part(fence: str) -> str:
    """The part of the fence that nobody can know.

    >>> _random_part("passage-0123456789abcdef")
    '0123456789abcdef'
    """
    parts: list[str] = re.findall(r"[^\W_]+", fence)
    return max(parts, key=len)
