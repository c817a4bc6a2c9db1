"""Cite: every sentence bound to the characters that support it."""

from __future__ import annotations

from dataclasses import dataclass

from rag_service.domain.answer import Citation
from rag_service.query.filter import ReleasedSentence
from rag_service.query.support import Support


@dataclass(frozen=True, slots=True)
class Cited:
    """``groundedness`` is the mean support of the released sentences, from 0 to 1."""

    text: str
    citations: tuple[Citation, ...]
    groundedness: float


def cite(sentences: tuple[ReleasedSentence, ...]) -> Cited:
    """The answer with a marker a sentence, and its citations in the order of their markers."""
    markers: dict[tuple[str, int, int], int] = {}
    citations: list[Citation] = []
    text = ""
    for sentence in sentences:
        support = sentence.support
        place = (support.passage.chunk_id, support.start, support.end)
        if place not in markers:
            markers[place] = len(markers) + 1
            citations.append(_citation(markers[place], support))
        text += (sentence.gap if text else "") + _with_marker(sentence.text, markers[place])
    scores = [sentence.support.score for sentence in sentences]
    return Cited(text, tuple(citations), round(sum(scores) / len(scores), 3) if scores else 0.0)


def _with_marker(sentence: str, marker: int) -> str:
    """The marker stands before the full stop.

    >>> _with_marker("Up to five days.", 1), _with_marker("five days", 2)
    ('Up to five days [1].', 'five days [2]')
    """
    if sentence.endswith((".", "!", "?")) and not sentence.endswith(".."):
        return f"{sentence[:-1]} [{marker}]{sentence[-1]}"
    return f"{sentence} [{marker}]"


def _citation(marker: int, support: Support) -> Citation:
    passage = support.passage
    return Citation(
        marker=marker,
        document_id=passage.document_id,
        title=passage.title,
        source=passage.source,
        version=passage.version,
        page=passage.page,
        start=passage.start + support.start,
        end=passage.start + support.end,
        quote=passage.text[support.start : support.end],
    )
