"""Questions with a right answer, a false one, and passages that claim the false one.

Two sources. PoisonedRAG's questions bring five passages each that a language model wrote (Zou et al., "PoisonedRAG:
Knowledge Corruption Attacks to Retrieval-Augmented Generation of Large Language Models", 2024). For companies' own
questions ``forge`` makes the passages, from a supporting fact with a number in it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from eval.datasets.beir import DatasetMissing
from eval.poisoning.forge import forged_passages, other_value, topic_of
from rag_service.lexical import terms, words

_VALUE = re.compile(
    r"(?<![\w.,$₹%-])(?:(?:January|February|March|April|May|June|July|August|September|October|November|December) "
    r"\d{1,2}(?:, \d{4})?|\d{1,3}(?:,\d{3})+|\d{2,6}(?:\.\d{1,2})?)(?![\w.,%-]?\d|[\w%°])"
)
_LONGEST_FACT = 600
_LEAST_SHARED = 0.34


@dataclass(frozen=True, slots=True)
class Target:
    """A question under attack. ``tenant`` is None where it is no company's own. ``fact`` is what supports it."""

    id: str
    tenant: str | None
    question: str
    right: str
    wrong: str
    poison: tuple[str, ...]
    fact: str | None = None

    @property
    def is_for_choosing(self) -> bool:
        """Half of all targets, by a hash of their id. Constants of ``vet`` were chosen on these alone."""
        return hashlib.sha256(self.id.encode()).digest()[0] % 2 == 0


def poisonedrag_targets(path: Path) -> list[Target]:
    """Raises ``DatasetMissing``."""
    if not path.is_file():
        raise DatasetMissing(path, "PoisonedRAG's questions are expected there")
    return [
        Target(
            id=one["id"],
            tenant=None,
            question=one["question"],
            right=one["correct answer"],
            wrong=one["incorrect answer"],
            poison=tuple(one["adv_texts"]),
        )
        for one in json.loads(path.read_text(encoding="utf-8")).values()
    ]


def company_targets(folder: Path) -> list[Target]:
    """A target for each question of the company with a number in a sentence that supports it."""
    return list(_forged(folder))


def _forged(folder: Path) -> Iterator[Target]:
    for line in (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        question = record["text"]
        for fact in record["metadata"]["supporting_facts"]:
            if (found := _sentence_with_value(question, fact["text"])) is None:
                continue
            sentence, right = found
            wrong = other_value(right, seed=record["_id"])
            yield Target(
                id=record["_id"],
                tenant=folder.name,
                question=question,
                right=right,
                wrong=wrong,
                poison=forged_passages(topic_of(question), wrong),
                fact=sentence,
            )
            break


def _sentence_with_value(question: str, fact: str) -> tuple[str, str] | None:
    """A sentence about the question that holds a number which the question does not, and the number."""
    asked = set(terms(question))
    for sentence in re.split(r"(?<=[.!?])\s+|\n", fact[:_LONGEST_FACT]):
        match = _VALUE.search(sentence)
        if match is None or match.group() in question or len(words(sentence)) < 5:
            continue
        if len(asked & set(terms(sentence))) >= _LEAST_SHARED * len(asked):
            return sentence.strip(" -*|"), match.group()
    return None
