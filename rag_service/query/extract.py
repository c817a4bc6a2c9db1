"""Extract: the lines of the passages that answer, word for word, the best group first.

Units are weighed twice: all of them by what costs nothing, and the best of those by their meaning too. An answer
takes the likeliest units while there is room, each item with the line that introduces it, none twice.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from rag_service.domain.answer import Passage
from rag_service.lexical import terms
from rag_service.ports import Embedder
from rag_service.query.collapse import Collapse
from rag_service.query.extract_features import Features, cheap_features, weighed, with_meaning
from rag_service.query.extract_units import Unit, units_of
from rag_service.query.extract_weights import FITTED, Weights

EMBEDDED = 12
"""How many units are compared by meaning: more changed nothing that was measured, and each costs a run."""
MOST_WORDS = 112
"""Words of an answer, counting one for each line's citation."""
_MOST_LINES = 14
_NEAR_BEST = 0.15
_LEAST = 0.03
_CLEARLY = 1.5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit, and how likely it is a part of the answer, from 0 to 1."""

    unit: Unit
    score: float


def extract(question: str, passages: Sequence[Passage], embedder: Embedder, *, weights: Weights = FITTED) -> list[str]:
    """The answer's lines; each is a sentence or line of a passage. Blocking."""
    units = units_of(passages)
    found = candidates(question, units, passages, embedder, weights=weights)
    return select(found, units, asked=frozenset(terms(question)))


def candidates(
    question: str, units: Sequence[Unit], passages: Sequence[Passage], embedder: Embedder, *, weights: Weights = FITTED
) -> list[Candidate]:
    """The units that may answer, likeliest first."""
    near = shortlist(question, units, passages, weights=weights.cheap)
    rows = compared(question, near, units, embedder)
    found = [Candidate(unit, _share(weighed(row, weights.full))) for (unit, _), row in zip(near, rows, strict=True)]
    return sorted(found, key=lambda one: (-one.score, one.unit.place))


def compared(
    question: str, near: Sequence[tuple[Unit, Features]], units: Sequence[Unit], embedder: Embedder
) -> list[Features]:
    """The features of shortlisted units, with what their meaning tells: each is embedded with the line it follows."""
    if not near:
        return []
    vectors = embedder.embed([question, *(_in_context(unit, units) for unit, _ in near)])
    cosines = [float(cosine) for cosine in vectors[1:] @ vectors[0]]
    return with_meaning([features for _, features in near], [unit for unit, _ in near], cosines)


def shortlist(
    question: str, units: Sequence[Unit], passages: Sequence[Passage], *, weights: Mapping[str, float] = FITTED.cheap
) -> list[tuple[Unit, Features]]:
    """The units worth a look at their meaning. Headings, other questions and echoes of this one answer nothing."""
    rows = cheap_features(question, units, passages)
    able = [
        (weighed(row, weights), unit, row)
        for unit, row in zip(units, rows, strict=True)
        if not unit.is_heading and not row["asks"] and row["new_share"]
    ]
    able.sort(key=lambda one: (-one[0], one[1].place))
    return [(unit, row) for _, unit, row in able[:EMBEDDED]]


def select(found: Sequence[Candidate], units: Sequence[Unit], *, asked: frozenset[str]) -> list[str]:
    """The lines of the best candidates within the length, group by group, each as its passage has it, answers first."""
    chosen: dict[int, int] = {}
    groups: dict[int, int] = {}
    collapse, length = Collapse(), 0
    for one in found:
        if len(chosen) >= _MOST_LINES or one.score < max(_LEAST, _NEAR_BEST * found[0].score):
            break
        if one.unit.place in chosen:
            continue
        wanted = [*_lead_needed(one.unit, units, asked, chosen), one.unit.place]
        if chosen and length + _cost(wanted, units) > MOST_WORDS:
            wanted = [one.unit.place]
        size = _cost(wanted, units)
        if (chosen and length + size > MOST_WORDS) or not collapse.is_new(one.unit.text):
            continue
        group = groups.setdefault(one.unit.group, len(groups))
        chosen |= dict.fromkeys(wanted, group)
        length += size
    first = _clear_answers(found)
    before = first | {units[place].lead for place in first}
    places = sorted(chosen, key=lambda place: (chosen[place], place not in before, place))
    return list(dict.fromkeys(units[place].text for place in places))


def _clear_answers(found: Sequence[Candidate]) -> set[int]:
    """Rows far likelier than all others of their group come first in it. Prose and numbered steps keep their order."""
    by_group: dict[int, list[Candidate]] = {}
    for one in found:
        by_group.setdefault(one.unit.group, []).append(one)
    return {
        best.unit.place
        for best, *others in by_group.values()
        if all(best.score >= _CLEARLY * other.score for other in others)
        and best.unit.is_labelled
        and not best.unit.is_numbered
    }


def _lead_needed(unit: Unit, units: Sequence[Unit], asked: frozenset[str], chosen: Collection[int]) -> list[int]:
    """The lead, unless it stands already. A whole sentence needs it only where it alone names what was asked about."""
    if unit.lead is None or unit.lead in chosen:
        return []
    said = unit.terms.union(*(units[place].terms for place in chosen if units[place].rank == unit.rank))
    return [unit.lead] if units[unit.lead].terms & asked - said or not unit.is_whole_sentence else []


def _cost(places: Sequence[int], units: Sequence[Unit]) -> int:
    return sum(units[place].length + 1 for place in places)


def _in_context(unit: Unit, units: Sequence[Unit]) -> str:
    return unit.text if unit.lead is None else f"{units[unit.lead].text.rstrip(':')}: {unit.text}"


def _share(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0  # exp overflows beyond
