"""Which words of which passage support a sentence: decided here, whatever the model claimed.

A sentence that copies one of a passage is supported. Any other must keep to rules that no likeness overrules:

- every content word of it stands in the support, but for words that only join sentences (``alignment``): a word that
  the support lacks may be another name, subject or claim, and nothing here could tell that it is not;
- its amounts and active forms stand there too, and its turning words are the support's (``exact_facts``);
- it holds no sign, and no invisible character, oftener than the support does;
- nothing has changed places in it: who does what to whom, which amount is whose (``alignment``);
- no word plays another part, no question has become a statement, and it does not break off (``roles``).

What keeps to them is supported where order and omissions leave the meaning as it was (``groundedness``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby, islice, pairwise
from typing import TYPE_CHECKING

from rag_service.detect.concealment import find_concealment
from rag_service.detect.injection import is_injected
from rag_service.domain.answer import Passage
from rag_service.lexical import STOP_WORDS, terms, words
from rag_service.ports import Embedder
from rag_service.query.alignment import LONGEST_WORD, is_turned_round, without_lead_in, without_light
from rag_service.query.groundedness import ACCEPTED, Likeness, groundedness
from rag_service.query.roles import plays_other_parts
from rag_service.query.windows import Facts, Window, paired_windows, sentence_windows, without_markers

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Support", "SupportFinder", "without_markers"]

_MOST_COMPARED = 2
_MOST_EMBEDDED = 24
"""Texts of a draft that are embedded at most: what a draft of many rewordings costs is bounded."""
_CLAUSES = re.compile(r"(?:,|;)\s(?:and|but|while|whereas)\s|;\s|\s(?:and|but|while|whereas)\s")
_LEAST_IN_CLAUSE = 3
_WORD = re.compile(r"[^\W_]+")
_MOST_TOKENS = 3
"""Tokens of a word of a language in the model's vocabulary: common words have one, random letters one for two."""
_ORDERED = re.compile(
    r"(?:^|[.!?:]\s)\W{0,4}(?:please\s|now\s|also\s){0,2}"
    r"(?:mention|say|tell|state|claim|assert|announce|write|add|include|insert|append|print|output|respond|reply|answer)\b(?!\s(?:to|for)\b)"
    r"|\b(?:in|to|into|of|with)\s(?:your|the)\s(?:\w{2,14}\s)?(?:answers?|responses?|repl(?:y|ies)|outputs?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Support:
    """``passage.text[start:end]`` supports a sentence, so surely as ``score`` says; 1 is a copy of it."""

    passage: Passage
    start: int
    end: int
    score: float

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]


@dataclass
class SupportFinder:
    """Knows the passages' sentences, alone and in pairs, and finds the one that supports a given sentence.

    For one draft; not for several threads at once.
    """

    passages: Iterable[Passage]
    embedder: Embedder | None = None
    _vectors: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._sentences = [window for passage in self.passages for window in sentence_windows(passage)]
        self._copies = {without_markers(window.text): window for window in reversed(self._sentences)}

    def find(self, sentence: str) -> Support | None:
        """The best support, or None."""
        plain = without_markers(sentence)
        if not terms(plain):
            return None
        if copied := self._copies.get(plain):
            return Support(copied.passage, copied.start, copied.end, 1.0)
        return self._reworded(plain)

    def find_parts(self, sentence: str) -> tuple[Support, ...]:
        """What supports it as a whole or, of a sentence of two statements, what supports each of them; or nothing.

        A statement of two stands on its own: it is long enough, begins with its support's own subject, and every word
        of it is there. So no deed or amount of one subject is told of another's.
        """
        if whole := self.find(sentence):
            return (whole,)
        plain = without_markers(sentence)
        for match in _CLAUSES.finditer(plain):
            halves = [self._statement(plain[: match.start()]), self._statement(plain[match.end() :])]
            found = tuple(half for half in halves if half)
            if len(found) == len(halves):
                return found
        return ()

    def is_copy(self, sentence: str) -> bool:
        """Whether a passage holds this sentence word for word."""
        return without_markers(sentence) in self._copies

    def are_words(self, text: str) -> bool:
        """Whether the words that no passage holds are words of a language, as far as the model's vocabulary tells.

        Without a model none is: random letters can carry a message.
        """
        unknown = [word for word in _WORD.findall(text) if word.lower() not in self._vocabulary]
        if self.embedder is None or any(len(word) > LONGEST_WORD for word in unknown):
            return not unknown
        return all(len(self.embedder.token_starts(word)) <= _MOST_TOKENS for word in unknown)

    @cached_property
    def _vocabulary(self) -> frozenset[str]:
        return STOP_WORDS | {word for window in self._sentences for word in words(window.text)}

    @cached_property
    def _windows(self) -> Sequence[Window]:
        by_passage = groupby(self._sentences, key=lambda window: window.passage.chunk_id)
        pairs = [pair for _, alone in by_passage for pair in paired_windows(alone)]
        return [window for window in self._sentences + pairs if not _orders_words(window.text)]

    def _statement(self, clause: str) -> Support | None:
        subject, content = terms(clause)[:1], Facts(clause).terms
        found = self._reworded(clause) if len(content) >= _LEAST_IN_CLAUSE else None
        return found if found and terms(found.text)[:1] == subject else None

    def likenesses(self, sentence: str) -> list[tuple[Window, Likeness]]:
        """The texts that keep to every rule about the sentence, nearest first, and how like it they are."""
        said = Facts(without_lead_in(without_markers(sentence)))
        if not said.sequence or find_concealment(said.plain):
            return []
        near = [window for window in self._windows if _keeps_facts(said, window.facts)]
        near.sort(key=lambda window: (-len(said.terms & window.facts.terms), window.end - window.start))
        compared = ((window, self._likeness(said, window.facts)) for window in near)
        return [(window, likeness) for window, likeness in islice(compared, _MOST_COMPARED) if likeness]

    def _reworded(self, plain: str) -> Support | None:
        scored = [(groundedness(likeness), window) for window, likeness in self.likenesses(plain)]
        score, window = max(scored, key=lambda found: found[0], default=(0.0, None))
        return Support(window.passage, window.start, window.end, score) if window and score >= ACCEPTED else None

    def _likeness(self, said: Facts, held: Facts) -> Likeness | None:
        """None where the draft had so many rewordings already that no more are compared."""
        # "In May, prices fell." is "Prices fell in May.": a phrase that is moved to the front as a whole moves nothing.
        order = said.rotated if said.rotated == held.sequence else said.sequence
        shared = [term for term in order if term in held.sequence]
        vectors = self._embedded(said.plain, held.plain) if self.embedder else None
        if self.embedder and vectors is None:
            return None
        return Likeness(
            told=len(said.terms & held.terms) / len(held.terms),
            moved=sum(pair not in held.neighbours for pair in pairwise(shared)),
            apart=1 - float(vectors[0] @ vectors[1]) if vectors else None,
        )

    def _embedded(self, *texts: str) -> list[npt.NDArray[np.float32]] | None:
        unknown = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if self.embedder is None or len(self._vectors) + len(unknown) > _MOST_EMBEDDED:
            return None
        if unknown:
            self._vectors.update(zip(unknown, self.embedder.embed(unknown), strict=True))
        return [self._vectors[text] for text in texts]


def _keeps_facts(said: Facts, held: Facts) -> bool:
    return (
        not without_light(said.terms - held.terms)
        and said.exact.turns == held.exact.turns
        and said.signs <= held.signs
        and not is_turned_round(said.order, held.order)
        and not plays_other_parts(said.roles, held.roles)
    )


def _orders_words(text: str) -> bool:
    """Whether the text tells somebody to say something: that is no report of it, and supports no other wording."""
    return bool(_ORDERED.search(text)) or is_injected(text)
