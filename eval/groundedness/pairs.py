"""Sentences of documents, their faithful and falsified wordings, and what the product measures between them."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from eval.groundedness.faithful import faithful_wordings
from eval.groundedness.falsified import Surroundings, falsified_wordings
from rag_service.domain.answer import Passage, Relevance
from rag_service.lexical import STOP_WORDS, terms
from rag_service.ports import Embedder
from rag_service.query.groundedness import Likeness
from rag_service.query.support import SupportFinder
from rag_service.sentences import sentence_spans

_PASSAGE = 1500
"""Characters of a passage, about as the chunker cuts them."""
_LEAST_TERMS, _MOST_WORDS = 5, 45


@dataclass(frozen=True, slots=True)
class Pair:
    """A wording, whether it is faithful, and its likeness to the texts that keep to every rule about it."""

    kind: str
    is_faithful: bool
    wording: str
    likenesses: tuple[Likeness, ...]
    half: int


def pairs(folder: Path, embedder: Embedder, *, sentences: int, seed: int = 1) -> Iterator[Pair]:
    """Of some sentences of every Markdown document below the folder; a document belongs to one half for good."""
    paths = sorted(folder.rglob("documents/**/*.md"))
    draw = random.Random(seed)  # noqa: S311  # a repeatable choice, no secret
    names = sorted({name for path in paths for name in re.findall(r"(?<=[a-z,] )[A-Z][a-z]{2,}", _read(path))})
    for path in draw.sample(paths, len(paths))[:sentences]:
        text = _read(path)
        spans = [text[start:end] for start, end in sentence_spans(text)]
        plain = [one for one in spans if _is_prose(one)]
        if not plain:
            continue
        half = hashlib.sha256(path.name.encode()).digest()[0] % 2
        words = sorted({word for word in re.findall(r"\b[a-z]{4,12}\b", text) if word not in STOP_WORDS})
        around = Surroundings(words, names, plain)
        sentence = draw.choice(plain)
        passages = _passages(text, sentence)
        made = [(kind, True, one) for kind, one in faithful_wordings(sentence, draw)]
        made += [(kind, False, one) for kind, one in falsified_wordings(sentence, around, draw)]
        for kind, is_faithful, wording in made:
            finder = SupportFinder(passages, embedder)
            if not finder.is_copy(wording):
                found = tuple(likeness for _, likeness in finder.likenesses(wording))
                yield Pair(kind, is_faithful, wording, found, half)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _is_prose(sentence: str) -> bool:
    return (
        sentence.endswith(".")
        and "|" not in sentence
        and "\n" not in sentence
        and len(set(terms(sentence))) >= _LEAST_TERMS
        and len(sentence.split()) <= _MOST_WORDS
    )


def _passages(text: str, sentence: str) -> list[Passage]:
    """The passage that holds the sentence, and its neighbours."""
    at = max(0, text.index(sentence) - _PASSAGE)
    return [
        Passage(
            document_id="d",
            version=1,
            chunk_id=str(start),
            title="",
            source="",
            page=None,
            section=None,
            start=start,
            end=start + _PASSAGE,
            text=text[start : start + _PASSAGE],
            suspicions=(),
            score=1.0,
            cosine=None,
            relevance=Relevance.HIGH,
        )
        for start in (at, at + _PASSAGE)
    ]
