"""What is known of a unit that tells whether it answers: plain numbers, for ``extract_weights`` to weigh."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from rag_service.domain.answer import Passage
from rag_service.lexical import terms
from rag_service.query.extract_units import Unit

UNKNOWN_COSINE = 0.3
"""Of a passage that only words found."""
_LONG = 30
_SHORT = 3
_DIGIT = re.compile(r"\d")
_ASKS_NUMBER = re.compile(
    r"\b(?:when|how (?:many|much|long|often|old|far|large|big|high|fast)|(?:what|which) (?:year|date|time|percentage)"
    r"|price|costs?|fees?|rates?|dates?|deadline|number|amount|limit|maximum|minimum)\b",
    re.IGNORECASE,
)

Features = dict[str, float]


def cheap_features(question: str, units: Sequence[Unit], passages: Sequence[Passage]) -> list[Features]:
    """What words, form and the passage tell of each unit. Overlaps are shares of the question's terms, rare ones more.

    Terms of the question that no unit holds are left out: they tell no unit from another.
    """
    asked = frozenset(terms(question))
    counts = Counter(term for unit in units for term in unit.terms & asked)
    weight = {term: math.log(1 + len(units) / (0.5 + count)) for term, count in counts.items()}
    cosines = [UNKNOWN_COSINE if passage.cosine is None else passage.cosine for passage in passages]
    sizes = Counter(unit.group for unit in units)
    asks_number = bool(_ASKS_NUMBER.search(question))
    rows: list[Features] = []
    for unit in units:
        with_lead = unit.terms if unit.lead is None else unit.terms | units[unit.lead].terms
        rows.append(
            {
                "log_words": math.log(1 + unit.length),
                "words": min(unit.length, _LONG) / _LONG,
                "short": float(unit.length <= _SHORT),
                "number_asked_for": float(asks_number and bool(_DIGIT.search(unit.text))),
                "labelled": float(unit.is_labelled),
                "leads": float(unit.is_lead),
                "asks": float(unit.text.endswith("?")),
                "new_share": len(unit.terms - asked) / len(unit.terms),
                "overlap": _overlap(unit.terms, weight),
                "overlap_with_lead": _overlap(with_lead, weight),
                "group_size": sizes[unit.group] / 10,
                "rank": 1 / (1 + unit.rank),
                "passage_cosine": cosines[unit.rank],
                "passage_behind": max(cosines) - cosines[unit.rank],
            }
        )
    return rows


def with_meaning(rows: Sequence[Features], units: Sequence[Unit], cosines: Sequence[float]) -> list[Features]:
    """The features of some units, and what their cosines to the question tell beside each other's."""
    best = max(cosines, default=0.0)
    by_group: dict[int, list[float]] = {}
    for unit, cosine in zip(units, cosines, strict=True):
        by_group.setdefault(unit.group, []).append(cosine)
    return [
        row
        | {
            "behind": best - cosine,
            "group_best": max(by_group[unit.group]),
            "group_mean": sum(by_group[unit.group]) / len(by_group[unit.group]),
        }
        for row, unit, cosine in zip(rows, units, cosines, strict=True)
    ]


def weighed(features: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """The logit: ``bias`` plus each feature times its weight. Both must know the same names."""
    if features.keys() != weights.keys() - {"bias"}:
        raise ValueError("features and weights are of different versions")
    return weights["bias"] + sum(value * weights[name] for name, value in features.items())


def _overlap(held: frozenset[str], weight: Mapping[str, float]) -> float:
    total = sum(weight.values())
    return sum(weight[term] for term in weight if term in held) / total if total else 0.0
