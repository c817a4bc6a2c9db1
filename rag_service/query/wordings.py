"""Wordings: what of each passage vetting compares, and which passages are only copies of one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag_service.domain.answer import Passage
from rag_service.lexical import stemmed, words
from rag_service.query.collapse import shingled

MIRRORED = 0.75
"""Share of the question's runs of three words from which on a passage repeats the question."""
BARE_WORDS = 60
"""Most words of a document beside the question's that says one thing and next to nothing else."""
_SAME_WORDING = 0.4
"""Share of runs of four words, the question's apart, from which on two passages word a thing alike."""

_Runs = frozenset[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Wording:
    """One way in which something is said: the passage that stands best, and the copies of it.

    ``said`` are the content terms that the question lacks, ``asked`` is the share of the question's that it holds.
    ``is_mirror`` tells whether it repeats the question, ``is_bare`` whether its document says next to nothing else.
    """

    passage: Passage
    copies: tuple[Passage, ...]
    said: frozenset[str]
    asked: float
    is_mirror: bool
    is_bare: bool

    @property
    def is_odd(self) -> bool:
        return self.is_mirror or self.is_bare

    @property
    def documents(self) -> frozenset[str]:
        return frozenset(passage.document_id for passage in (self.passage, *self.copies))


def wordings_of(question: str, passages: Sequence[Passage]) -> list[Wording]:
    """The passages in the order given, copies of short ones put together.

    So one document in five formats is one wording, and a form letter to many recipients is too.
    """
    asking = words(question)
    asked, runs, own_shingles = frozenset(stemmed(asking)), _runs(asking), shingled(asking)
    found: list[Wording] = []
    shingles: dict[int, set[int]] = {}
    for passage in passages:
        sequence = words(passage.text)
        mirrored = _mirror(runs, sequence)
        content = frozenset(stemmed(sequence))
        wording = Wording(
            passage=passage,
            copies=(),
            said=content - asked,
            asked=len(asked & content) / len(asked) if asked else 0.0,
            is_mirror=mirrored >= MIRRORED,
            is_bare=passage.document_passages == 1 and len(sequence) - mirrored * len(asking) <= BARE_WORDS,
        )
        if wording.is_odd:  # of others nobody asks whether they are copies
            mine = {hash(one) for one in shingled(sequence) - own_shingles}
            at = next((at for at, others in shingles.items() if _is_copy(mine, others)), None)
            if at is not None:
                found[at] = replace(found[at], copies=(*found[at].copies, passage))
                shingles[at] |= mine
                continue
            shingles[len(found)] = mine
        found.append(wording)
    return found


def repeats(question: str, text: str) -> bool:
    """Whether the text holds the question nearly word for word, as a poisoned passage does, and an honest FAQ page.

    >>> repeats("Who signs the lease?", "Who signs the lease? The treasurer signs.")
    True
    >>> repeats("Who signs the lease?", "The lease is signed by the treasurer.")
    False
    """
    return _mirror(_runs(words(question)), words(text)) >= MIRRORED


def _mirror(runs: _Runs, sequence: list[str]) -> float:
    return len(runs & _runs(sequence)) / len(runs) if runs else 0.0


def _runs(sequence: list[str]) -> _Runs:
    """Runs of three words; fewer words of a question stand in any passage about it."""
    return frozenset(zip(sequence, sequence[1:], sequence[2:], strict=False))


def _is_copy(one: set[int], other: set[int]) -> bool:
    fewer = min(len(one), len(other))
    return fewer > 0 and len(one & other) >= _SAME_WORDING * fewer
