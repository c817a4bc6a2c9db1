"""The answerer that needs no model server: it selects sentences of the passages, and adds no word of its own."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from rag_service.domain.answer import Passage
from rag_service.lexical import terms, words
from rag_service.ports import Embedder, Piece, Prompt
from rag_service.query.collapse import Collapse
from rag_service.sentences import sentence_spans

_EMBEDDED = 16
"""How many sentences are compared by meaning; they are chosen by words first, which costs next to nothing."""
_MOST_SENTENCES = 5
_MOST_WORDS = 110
_NEAR_BEST = 0.72
_LEAST_WORDS = 3
_MEANING, _WORDS, _RANK = 0.55, 0.30, 0.15


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    heading: str
    order: tuple[int, int]
    overlap: float
    rank: float


class ExtractiveAnswerer:
    """Selects sentences by meaning (cosine), by the question's rarer words, and by the rank of their passage."""

    model = "extractive"

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def write(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """The best sentences, best first, each on a line of its own."""
        sentences = _candidates(prompt.question, prompt.passages)
        if not sentences:
            return
        texts = [prompt.question, *(f"{one.heading}: {one.text}" if one.heading else one.text for one in sentences)]
        vectors = await asyncio.to_thread(self._embedder.embed, texts)
        cosines = vectors[1:] @ vectors[0]
        scored = [
            (_MEANING * float(cosine) + _WORDS * one.overlap + _RANK * one.rank, one)
            for cosine, one in zip(cosines, sentences, strict=True)
        ]
        scored.sort(key=lambda pair: (-pair[0], pair[1].order))
        for sentence in _select(scored):
            yield Piece(f"{sentence}\n")

    async def close(self) -> None:
        """Nothing is held open."""


def _candidates(question: str, passages: tuple[Passage, ...]) -> list[_Sentence]:
    wanted = set(terms(question))
    texts = [
        (rank, start, passage.text[start:end], passage.section or "")
        for rank, passage in enumerate(passages)
        for start, end in sentence_spans(passage.text)
    ]
    texts = [row for row in texts if _can_answer(row[2], wanted)]
    found = [wanted & set(terms(text)) for _, _, text, _ in texts]
    counts = Counter(term for here in found for term in here)
    weight = {term: math.log(1 + len(texts) / counts[term]) for term in counts}
    total = sum(weight.values()) or 1.0
    sentences = [
        _Sentence(
            text=" ".join(text.split()),
            heading=section,
            order=(rank, start),
            overlap=sum(weight[term] for term in here) / total,
            rank=1.0 / (1.0 + rank),
        )
        for (rank, start, text, section), here in zip(texts, found, strict=True)
    ]
    sentences.sort(key=lambda one: (-(one.overlap + one.rank), one.order))
    return sentences[:_EMBEDDED]


def _can_answer(text: str, wanted: set[str]) -> bool:
    """A heading that repeats the question's words, or another question, says nothing that was not known."""
    return len(words(text)) >= _LEAST_WORDS and not text.endswith("?") and not set(terms(text)) <= wanted


def _select(scored: list[tuple[float, _Sentence]]) -> list[str]:
    best, length = scored[0][0], 0
    chosen: list[str] = []
    collapse = Collapse()
    for score, one in scored:
        size = len(words(one.text))
        if len(chosen) == _MOST_SENTENCES or score < _NEAR_BEST * best:
            break
        if (chosen and length + size > _MOST_WORDS) or not collapse.is_new(one.text):
            continue
        chosen.append(one.text)
        length += size
    return chosen
