"""How well a passage fits a question, without the scores that would tell of other documents."""

from __future__ import annotations

from rag_service.domain.answer import Passage, Relevance
from rag_service.lexical import terms

_HIGH_COSINE, _MEDIUM_COSINE = 0.55, 0.35
_FLOOR_COSINE = 0.30
_FLOOR_FIT = 0.80


def label(cosine: float | None, rank: int) -> Relevance:
    """A coarse label from the cosine alone, which depends on nothing but the passage and the question."""
    if cosine is None:
        return Relevance.MEDIUM if rank <= 3 else Relevance.LOW
    if cosine >= _HIGH_COSINE:
        return Relevance.HIGH
    return Relevance.MEDIUM if cosine >= _MEDIUM_COSINE else Relevance.LOW


def coverage(question: str, passage: Passage) -> float:
    """The share of the question's content terms that stand in the passage, its title or its section."""
    wanted = set(terms(question))
    if not wanted:
        return 0.0
    return len(wanted & set(terms(f"{passage.title} {passage.section or ''} {passage.text}"))) / len(wanted)


def is_answerable(question: str, passages: tuple[Passage, ...]) -> bool:
    """Whether any passage fits well enough to answer from, in meaning and in words together.

    The two constants were set by judgement, not fitted; ``eval.tenant_questions`` tells what they let through.
    """
    return any(
        (passage.cosine or 0.0) >= _FLOOR_COSINE and (passage.cosine or 0.0) + coverage(question, passage) >= _FLOOR_FIT
        for passage in passages
    )
