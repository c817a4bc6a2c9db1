"""How well a passage fits a question, and whether any answers it at all.

Nothing but the question and passages that the caller may read is looked at, so a refusal tells of nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_service.domain.answer import Passage, Relevance
from rag_service.lexical import terms, words
from rag_service.query.named_terms import asking, is_slip, is_spelled_out, named_terms

_HIDDEN_NAME = re.compile(r"\[(?:PERSON|LOCATION|ORGANIZATION|NRP)(?:_[0-9a-f]{8,12})?\]")
"""What scrubbing leaves of a name, by the stricter policies: of such texts nobody can say which names they know."""
_HIGH_COSINE, _MEDIUM_COSINE = 0.55, 0.35
LEAST_COSINE = 0.30
LEAST_FIT = 0.80
"""Fitted on half of the questions of three companies by ``eval.answers.fit_refusal``."""


def label(cosine: float | None, rank: int) -> Relevance:
    """A coarse label from the cosine alone, which depends on nothing but the passage and the question."""
    if cosine is None:
        return Relevance.MEDIUM if rank <= 3 else Relevance.LOW
    if cosine >= _HIGH_COSINE:
        return Relevance.HIGH
    return Relevance.MEDIUM if cosine >= _MEDIUM_COSINE else Relevance.LOW


def is_answerable(question: str, passages: tuple[Passage, ...]) -> bool:
    """Whether some passage fits well enough to answer from, and all that the question names is known to the passages.

    What is said of one company, product or course answers no question about another, however alike the words are.
    """
    seen = Fit(question, passages)
    return seen.best >= LEAST_FIT and not seen.unknown_names()


class Fit:
    """How a question and what was found for it fit together.

    ``best`` is a passage's cosine and its share of the question's content terms, added, from 0 to 2: meaning alone
    lets in whatever is of the same trade, words alone whatever uses the same ones.
    """

    def __init__(self, question: str, passages: tuple[Passage, ...]) -> None:
        self._question = question
        self._texts = [f"{passage.title} {passage.section or ''} {passage.text}" for passage in passages]
        self._terms = [frozenset(terms(text)) for text in self._texts]
        wanted = frozenset(terms(asking(question)))
        fits = [
            passage.cosine + _share(wanted, held)
            for passage, held in zip(passages, self._terms, strict=True)
            if passage.cosine is not None and passage.cosine >= LEAST_COSINE
        ]
        self.best = max(fits, default=0.0)

    def unknown_names(self) -> frozenset[str]:
        """What the question names and no passage, title or section does in any way."""
        known = frozenset[str]().union(*self._terms)
        unknown = [name for name in named_terms(self._question) if not known.issuperset(terms(name))]
        if not unknown or any(map(_HIDDEN_NAME.search, self._texts)):
            return frozenset()
        texts = [words(text) for text in self._texts]
        return frozenset(name for name in unknown if not self._is_known_otherwise(name, texts))

    def _is_known_otherwise(self, name: str, texts: Sequence[Sequence[str]]) -> bool:
        """With a letter amiss, or an acronym written out."""
        if any(is_slip(name, word) for word in {word for text in texts for word in text if word[0] == name[0]}):
            return True
        acronym = name.upper()
        return acronym in self._question and any(is_spelled_out(acronym, text) for text in texts)


def _share(wanted: frozenset[str], held: frozenset[str]) -> float:
    return len(wanted & held) / len(wanted) if wanted else 0.0
