"""Extract: the lines of the passages that answer, word for word, the best group first.

Units are weighed twice: all of them by what costs nothing, and the best of those by their meaning too. An answer
takes the likeliest units while there is room, each item with the line that introduces it, none twice. Where one fact
is asked for and one unit is far likelier than all others, it is the answer, and next to nothing is said beside it.
"""

from __future__ import annotations

import math
import re
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
_NEAR_CLEAR = 0.4
"""The share of a clear answer's likelihood that what stands beside it must have."""
_RIVALS = 5
_SAYS_LITTLE = 6
"""Words of an item that is not understood without its lead."""
_ASKS_MORE = re.compile(
    r"\bhow (?!(?:many|much|long|often|old|far|soon|large|big|high|fast|late|early)\b)"
    r"|\b(?:what|which|who)(?: [\w'-]{2,20}){0,3} (?:are|were)\b"
    r"|\b(?:why|list|compar\w{1,9}|explain|describe|differ\w{0,6}|all|each|features?|steps?|benefits?|types|kinds|ways"
    r"|options|documents)\b",
    re.IGNORECASE,
)
"""Questions for a way, a reason or several things: one line seldom answers them."""
_ASKS_OF_MAIL = re.compile(
    r"\b(?:who|whom|whose|sent|send(?:s|ers?)?|wrote|writ(?:es?|ten)|recipients?|e-?mails?|mails?|messages?|dated?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit, and how likely it is a part of the answer, from 0 to 1."""

    unit: Unit
    score: float


def extract(question: str, passages: Sequence[Passage], embedder: Embedder, *, weights: Weights = FITTED) -> list[str]:
    """The answer's lines; each is a sentence or line of a passage. Blocking."""
    units = units_of(passages)
    found = candidates(question, units, passages, embedder, weights=weights)
    return select(told(question, found, units), units, asked=frozenset(terms(question)))


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
    """The units worth a look at their meaning. Headings, other questions and echoes of this one answer nothing.

    Nor does the head of an e-mail, unless it is asked who wrote, or when.
    """
    rows = cheap_features(question, units, passages)
    asks_of_mail = bool(_ASKS_OF_MAIL.search(question))
    able = [
        (weighed(row, weights), unit, row)
        for unit, row in zip(units, rows, strict=True)
        if not unit.is_heading and not row["asks"] and row["new_share"] and (asks_of_mail or not unit.is_mail_head)
    ]
    able.sort(key=lambda one: (-one[0], one[1].place))
    return [(unit, row) for _, unit, row in able[:EMBEDDED]]


def told(question: str, found: Sequence[Candidate], units: Sequence[Unit]) -> Sequence[Candidate]:
    """The candidates; where one fact is asked for and one of them clearly tells it, that one and what is near it.

    A step, an item of a list or a line that introduces others is seldom the whole answer, nor is a line that lacks a
    word of the question which one of those next to it in likelihood has.
    """
    if not found or _ASKS_MORE.search(question) or not _is_clear(found):
        return found
    best = found[0].unit
    is_item = best.lead is not None and units[best.lead].text.endswith(":")
    if is_item or best.is_lead or best.is_numbered:
        return found
    rivals = frozenset[str]().union(*(_terms_in_context(one.unit, units) for one in found[1 : 1 + _RIVALS]))
    if frozenset(terms(question)) & rivals - _terms_in_context(best, units):
        return found
    return [one for one in found if one.score >= _NEAR_CLEAR * found[0].score]


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
    first = _clear_rows(found)
    before = first | {units[place].lead for place in first}
    places = sorted(chosen, key=lambda place: (chosen[place], place not in before, place))
    return list(dict.fromkeys(units[place].text for place in places))


def _clear_rows(found: Sequence[Candidate]) -> set[int]:
    """Rows far likelier than all others of their group come first in it. Prose and numbered steps keep their order."""
    by_group: dict[int, list[Candidate]] = {}
    for one in found:
        by_group.setdefault(one.unit.group, []).append(one)
    return {
        own[0].unit.place
        for own in by_group.values()
        if _is_clear(own) and own[0].unit.is_labelled and not own[0].unit.is_numbered
    }


def _is_clear(found: Sequence[Candidate]) -> bool:
    return len(found) == 1 or found[0].score >= _CLEARLY * found[1].score


def _lead_needed(unit: Unit, units: Sequence[Unit], asked: frozenset[str], chosen: Collection[int]) -> list[int]:
    """The lead, where the unit is not understood without it, or it alone names what was asked about."""
    if unit.lead is None or unit.lead in chosen:
        return []
    lead = units[unit.lead]
    if not unit.is_whole_sentence and (unit.length <= _SAYS_LITTLE or lead.text.endswith(":")):
        return [unit.lead]
    said = unit.terms.union(*(units[place].terms for place in chosen if units[place].rank == unit.rank))
    return [unit.lead] if lead.terms & asked - said and not lead.text.endswith("?") else []


def _cost(places: Sequence[int], units: Sequence[Unit]) -> int:
    return sum(units[place].length + 1 for place in places)


def _in_context(unit: Unit, units: Sequence[Unit]) -> str:
    return unit.text if unit.lead is None else f"{units[unit.lead].text.rstrip(':')}: {unit.text}"


def _terms_in_context(unit: Unit, units: Sequence[Unit]) -> frozenset[str]:
    return unit.terms if unit.lead is None else unit.terms | units[unit.lead].terms


def _share(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0  # exp overflows beyond
