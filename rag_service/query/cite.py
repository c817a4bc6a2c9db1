"""Cite: every sentence bound to the characters that support it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag_service.domain.answer import Citation
from rag_service.lexical import words
from rag_service.query.active_content import inert_label
from rag_service.query.filter import ReleasedSentence
from rag_service.query.support import Support

UNSUPPORTED = "[unsupported]"


@dataclass(frozen=True, slots=True)
class Cited:
    """``groundedness``: of the answer's words, the share that its citations support, each as surely as was measured.

    A copy counts 1, a rewording its calibrated score, a sentence marked as unsupported 0. What was dropped from the
    draft is no part of the answer and counts nowhere; the flags tell of it.
    """

    text: str
    citations: tuple[Citation, ...]
    groundedness: float


def cite(sentences: Sequence[ReleasedSentence], label: Callable[[str], str] = inert_label) -> Cited:
    """The answer with its markers after each sentence, and the citations in the order of their markers.

    ``label`` makes of a title or the name of a source what of it may leave.
    """
    markers: dict[tuple[str, int, int], int] = {}
    citations: list[Citation] = []
    text = ""
    for sentence in sentences:
        here: list[int] = []
        for support in sentence.supports:
            place = (support.passage.chunk_id, support.start, support.end)
            if place not in markers:
                markers[place] = len(markers) + 1
                citations.append(_citation(markers[place], support, label))
            here.append(markers[place])
        text += (sentence.gap if text else "") + _with_markers(sentence.text, list(dict.fromkeys(here)))
    return Cited(text, tuple(citations), _groundedness(sentences))


def _groundedness(sentences: Sequence[ReleasedSentence]) -> float:
    lengths = [len(words(sentence.text)) for sentence in sentences]
    if not sum(lengths):
        return 0.0
    sure = sum(length * sentence.score for length, sentence in zip(lengths, sentences, strict=True))
    return round(sure / sum(lengths), 3)


def _with_markers(sentence: str, markers: Sequence[int]) -> str:
    """The markers stand before the full stop.

    >>> _with_markers("Up to five days.", [1]), _with_markers("five days", [2, 3]), _with_markers("Call soon.", [])
    ('Up to five days [1].', 'five days [2][3]', 'Call soon. [unsupported]')
    """
    if not markers:
        return f"{sentence} {UNSUPPORTED}"
    shown = "".join(f"[{marker}]" for marker in markers)
    if sentence.endswith((".", "!", "?")) and not sentence.endswith(".."):
        return f"{sentence[:-1]} {shown}{sentence[-1]}"
    return f"{sentence} {shown}"


def _citation(marker: int, support: Support, label: Callable[[str], str]) -> Citation:
    passage = support.passage
    return Citation(
        marker=marker,
        document_id=passage.document_id,
        title=label(passage.title),
        source=label(passage.source),
        version=passage.version,
        page=passage.page,
        start=passage.start + support.start,
        end=passage.start + support.end,
        quote=support.text,
    )
