"""Logistic models of which units hold a good part of a supporting fact, and what answers chosen by them hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eval.answers_fit.collect import Case, content_words
from rag_service.lexical import words
from rag_service.ports import Embedder
from rag_service.query.extract import compared, extract, shortlist
from rag_service.query.extract_features import Features, cheap_features
from rag_service.query.extract_units import Unit, units_of
from rag_service.query.extract_weights import Weights

GOOD_PART = 0.5
"""The share of a fact's content words that a unit must hold to count as a part of the answer."""
KEY_SHARE = 0.8
MOST_WORDS = 120
_RIDGE = 20.0
_STEPS = 15


@dataclass(frozen=True, slots=True)
class Quality:
    """Shares of questions and means over them. ``on_fact``: lines of which a fact's words are half or more."""

    questions: int
    key_sentence: float
    words: float
    lines: float
    on_fact: float


def fit(cases: Sequence[Case], embedder: Embedder) -> Weights:
    """Both models; the second is fitted to what the first would have compared by meaning."""
    rows: list[Features] = []
    labels: list[bool] = []
    for case in cases:
        units = units_of(case.passages)
        rows += cheap_features(case.question, units, case.passages)
        labels += [holds_good_part(unit, case) for unit in units]
    cheap = logistic(rows, labels)
    rows, labels = [], []
    for case in cases:
        units = units_of(case.passages)
        near = shortlist(case.question, units, case.passages, weights=cheap)
        rows += compared(case.question, near, units, embedder)
        labels += [holds_good_part(unit, case) for unit, _ in near]
    return Weights(cheap, logistic(rows, labels))


def holds_good_part(unit: Unit, case: Case) -> bool:
    """Whether the unit holds ``GOOD_PART`` of the content words of some fact."""
    held = content_words(unit.text)
    return any(len(fact & held) >= GOOD_PART * len(fact) for fact in case.facts)


def logistic(rows: Sequence[Mapping[str, float]], labels: Sequence[bool]) -> dict[str, float]:
    """Weights by name, with ``bias``: ridge-regularised on standardised features, by Newton's method."""
    names = list(rows[0])
    values = np.array([[row[name] for name in names] for row in rows])
    mean, deviation = values.mean(axis=0), values.std(axis=0) + 1e-9
    design = np.column_stack([(values - mean) / deviation, np.ones(len(values))])
    target = np.asarray(labels, float)
    ridge = np.diag([_RIDGE] * len(names) + [0.0])
    weights: npt.NDArray[np.float64] = np.zeros(len(names) + 1)
    for _ in range(_STEPS):
        share = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (target - share) - ridge @ weights
        weights = weights + np.linalg.solve((design.T * (share * (1 - share))) @ design + ridge, slope)
    own = weights[:-1] / deviation
    bias = float(weights[-1] - own @ mean)
    return {"bias": bias, **{name: float(weight) for name, weight in zip(names, own, strict=True)}}


def quality(cases: Sequence[Case], weights: Weights, embedder: Embedder) -> Quality:
    """Of the answers that are extracted with these weights."""
    keys, lengths, lines, on_fact = [], [], [], []
    for case in cases:
        chosen = extract(case.question, case.passages, embedder, weights=weights)
        keys.append(has_key_sentence("\n".join(chosen), case))
        lengths.append(len(words("\n".join(chosen))))
        lines.append(len(chosen))
        every = frozenset[str]().union(*case.facts)
        on_fact += [len(own & every) >= GOOD_PART * len(own) for own in map(content_words, chosen)]
    means = [float(np.mean(values)) if values else 0.0 for values in (keys, lengths, lines, on_fact)]
    return Quality(len(cases), *means)


def has_key_sentence(answer: str, case: Case) -> bool:
    """Whether an answer of at most 120 words holds four fifths of the content words of some fact."""
    held = content_words(answer)
    is_short = max(len(words(answer)), len(answer.split())) <= MOST_WORDS
    return is_short and any(len(fact & held) >= KEY_SHARE * len(fact) for fact in case.facts)


def shortlisted(cases: Sequence[Case], weights: Weights) -> float:
    """The share of cases with a good unit of which one is compared by meaning: what the first model costs."""
    kept = []
    for case in cases:
        units = units_of(case.passages)
        if any(holds_good_part(unit, case) for unit in units if not unit.is_heading):
            near = shortlist(case.question, units, case.passages, weights=weights.cheap)
            kept.append(any(holds_good_part(unit, case) for unit, _ in near))
    return float(np.mean(kept)) if kept else 0.0
