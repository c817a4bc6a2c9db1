"""The measures of each answer, and of all that one answerer gave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.answers.asked import Asked
from eval.measures.citation_quality import citation_quality, without_markers
from eval.measures.interval import bootstrap_ci95, mean, percentile
from eval.measures.key_sentence import key_sentence
from eval.measures.plain_words import plain_words
from eval.measures.token_f1 import token_f1

MEASURES = (
    "key_sentence",
    "token_f1",
    "citation_recall",
    "citation_precision",
    "citation_right_document",
    "groundedness",
    "answered",
    "refusal",
)
"""All from 0 to 1, more is better. ``answered`` is 1 less the share of own questions that were wrongly refused."""
_STAGES_ADDED = ("guard", "vet", "filter", "cite")


@dataclass(frozen=True, slots=True)
class Score:
    """One question's values by measure; a measure that its answer does not have is left out."""

    asked: Asked
    values: Mapping[str, float]
    words: int


def score(asked: Asked) -> Score:
    """What can be said of this answer.

    Correctness is of own questions with known facts, and an own question that was not answered has 0. Citations and
    groundedness are of answers that were given to own questions.
    """
    plain = without_markers(asked.answer)
    if not asked.is_own:
        return Score(asked, {"refusal": float(not asked.found)}, len(plain_words(plain)))
    values = {"answered": float(asked.found)}
    if asked.question.facts:
        values["key_sentence"] = key_sentence(plain, asked.question.facts)
        values["token_f1"] = token_f1(plain, asked.question.facts)
    if asked.found:
        quality = citation_quality(asked.answer, {one.marker: one.quote for one in asked.citations})
        values["citation_recall"] = quality.recall
        if quality.precision is not None:
            values["citation_precision"] = quality.precision
        if asked.citations:
            right = [one.document in asked.question.right for one in asked.citations]
            values["citation_right_document"] = mean([float(one) for one in right])
        values["groundedness"] = asked.groundedness
    return Score(asked, values, len(plain_words(plain)))


def summary(scores: Sequence[Score]) -> dict[str, Any]:
    """The means over these questions with their 95% intervals, and what is counted."""
    values = {name: [one.values[name] for one in scores if name in one.values] for name in MEASURES}
    values = {name: found for name, found in values.items() if found}
    own = [one for one in scores if one.asked.is_own]
    citations = [citation for one in scores for citation in one.asked.citations]
    answered = [one for one in own if one.asked.found]
    return {
        "questions": len(own),
        "others_asked": len(scores) - len(own),
        "measures": {name: round(mean(found), 4) for name, found in values.items()},
        "ci95": {name: [round(end, 4) for end in bootstrap_ci95(found)] for name, found in values.items()},
        "wrong_refusal": round(mean([float(not one.asked.found) for one in own]), 4) if own else None,
        "refused_by_guard": sum(one.asked.refused for one in own),
        "answered_by": dict(Counter(one.asked.model for one in answered)),
        "decisions": dict(Counter(told for one in own for told in one.asked.decisions).most_common()),
        "mean_words": round(mean([float(one.words) for one in answered]), 1) if answered else None,
        "citations": len(citations),
        "quotes_that_differ": sum(not citation.is_exact for citation in citations),
        "other_tenants": sum(citation.document is None for citation in citations),
    }


def by(scores: Iterable[Score], key: Callable[[Score], str]) -> dict[str, dict[str, Any]]:
    """The summary of each group."""
    groups: dict[str, list[Score]] = {}
    for one in scores:
        groups.setdefault(key(one), []).append(one)
    return {name: summary(group) for name, group in sorted(groups.items())}


def agreement(scores: Sequence[Score]) -> dict[str, Any]:
    """How the product's own groundedness compares with the judge's citation recall, answer by answer.

    ``correlation`` (Pearson) is None where either never varies, as both do when every sentence is a copy.
    """
    import numpy as np

    pairs = [one.values for one in scores if {"groundedness", "citation_recall"} <= one.values.keys()]
    if not pairs:
        return {"answers": 0, "mean_difference": None, "correlation": None}
    ours = np.array([one["groundedness"] for one in pairs])
    judged = np.array([one["citation_recall"] for one in pairs])
    varies = len(pairs) > 2 and float(ours.std()) > 0 and float(judged.std()) > 0
    return {
        "answers": len(pairs),
        "mean_difference": round(float(np.abs(ours - judged).mean()), 4),
        "correlation": round(float(np.corrcoef(ours, judged)[0, 1]), 4) if varies else None,
    }


def latency(scores: Sequence[Score]) -> dict[str, Any]:
    """Milliseconds at p50 and p95: of the whole ``ask``, of each stage, and of what guards it all together."""
    own = [one.asked for one in scores if one.asked.is_own]
    stages = dict.fromkeys(stage for one in own for stage in one.stages_ms)
    found = {"ask": [one.total_ms for one in own]}
    found |= {stage: [one.stages_ms[stage] for one in own if stage in one.stages_ms] for stage in stages}
    added = [sum(one.stages_ms.get(stage, 0.0) for stage in _STAGES_ADDED) for one in own if one.found]
    found |= {"+".join(_STAGES_ADDED): added} if added and stages else {}
    return {
        name: {"p50": round(percentile(times, 0.5), 2), "p95": round(percentile(times, 0.95), 2)}
        for name, times in found.items()
        if times
    }
