"""How suspicious a flood is: signs that mean little alone, added up. Every one of them honest documents show too.

The points and thresholds were set on one half of ``eval.poisoning``'s questions; the other half reports what they do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from rag_service.lexical import terms
from rag_service.query.floods import MOMENT_S, NEAR, Flood, closeness, floods_among, spread_s
from rag_service.query.wordings import Wording
from rag_service.sentences import sentence_spans

DROP, DEMOTE = 4, 3
_MANY = 5
_OUTLYING = 3.0
_LEAST_DEVIATION = 0.02
_AGREES, _DISSENTS = 0.6, 0.25
_RELEVANT = 0.75
_FOLLOWS = 0.5


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks against a flood, and for it.

    What sets it apart from all else that was found: ``mirrored``, its passages repeat the question; ``bare``, their
    documents say nothing else; ``alone``, one person uploaded them; ``sudden``, they came in one moment.

    What is added to that: ``many``; ``outlying``, they fit the question far better than the rest; ``disputed`` and
    ``confirmed``, other passages about the question say something else, or the same.
    """

    mirrored: bool
    bare: bool
    alone: bool
    sudden: bool
    many: bool
    outlying: bool
    disputed: bool
    confirmed: bool

    @property
    def points(self) -> int:
        """0 where nothing sets the flood apart: then that is how this tenant's documents are."""
        apart = 2 * self.mirrored + 2 * self.bare + self.alone + self.sudden
        added = self.many + self.outlying + (self.disputed and not self.confirmed) - 2 * self.confirmed
        if apart == 0:
            return 0
        may_be_dropped = (self.mirrored or self.bare) and not self.confirmed
        return min(apart + added, DROP if may_be_dropped else DEMOTE)


def worst_flood(question: str, wordings: Sequence[Wording]) -> tuple[Flood, Signs] | None:
    """The most suspicious flood, the largest of several, if one is suspicious enough for anything."""
    judged = [(flood, signs_of(flood)) for flood in floods_among(question, wordings)]
    judged = [(flood, signs) for flood, signs in judged if signs.points >= DEMOTE]
    return max(judged, key=lambda pair: (pair[1].points, len(pair[0].members)), default=None)


def signs_of(flood: Flood) -> Signs:
    """The signs, from nothing but passages that the caller may read."""
    agreeing, dissenting = _positions(flood)
    return Signs(
        mirrored=_most(one.is_mirror for one in flood.members) and not _most(one.is_mirror for one in flood.others),
        bare=_most(one.is_bare for one in flood.members) and not _most(one.is_bare for one in flood.others),
        alone=_is_alone(flood),
        sudden=_is_sudden(flood),
        many=len(flood.members) >= _MANY,
        outlying=_is_outlying(flood),
        disputed=dissenting > 0,
        confirmed=agreeing > 0,
    )


def _most(answers: Iterable[bool]) -> bool:
    listed = list(answers)
    return 2 * sum(listed) > len(listed)


def _is_alone(flood: Flood) -> bool:
    uploaders = {one.passage.uploader for one in flood.members}
    return (
        len(uploaders) == 1
        and bool(flood.others)
        and not _most(one.passage.uploader in uploaders for one in flood.others)
    )


def _is_sudden(flood: Flood) -> bool:
    return (
        bool(flood.others)
        and spread_s(flood.members) <= MOMENT_S
        and not _most(spread_s((*flood.members, one)) <= MOMENT_S for one in flood.others)
    )


def _is_outlying(flood: Flood) -> bool:
    """Robust: deviations from the median in units of the median deviation (Iglewicz and Hoaglin, 1993)."""
    others = [one.passage.cosine for one in flood.others if one.passage.cosine is not None]
    members = [one.passage.cosine for one in flood.members if one.passage.cosine is not None]
    if len(others) < 3 or not members:
        return False
    centre = median(others)
    deviation = max(_LEAST_DEVIATION, 1.4826 * median(abs(one - centre) for one in others))
    return (median(members) - centre) / deviation >= _OUTLYING


def _positions(flood: Flood) -> tuple[int, int]:
    """How many of the others agree with what the flood has in common, and how many say something else.

    Where that holds numbers, they alone are compared. What confirms it must stand in a document that says more, and in
    a sentence or two with what is asked: a year or a small number stands somewhere in any long text.
    """
    claim = flood.claim
    asked = _RELEVANT * median(one.asked for one in flood.members)
    near = _RELEVANT * median(one.passage.cosine or 0.0 for one in flood.members)
    about = [
        (len(claim & one.said) / len(claim), one)
        for one in flood.others
        if one.asked >= asked or (one.passage.cosine or 0.0) >= near > 0
    ]
    agreeing = sum(share >= _AGREES and not one.is_bare and _says(one, flood) for share, one in about)
    return agreeing, sum(share <= _DISSENTS for share, _ in about)


def _says(wording: Wording, flood: Flood) -> bool:
    text = wording.passage.text
    asked = flood.asked & frozenset(terms(text))
    sentences = [frozenset(terms(text[start:end])) for start, end in sentence_spans(text)]
    pairs = [one | following for one, following in zip(sentences, [*sentences[1:], frozenset[str]()], strict=True)]
    return any(
        len(flood.claim & held) >= _AGREES * len(flood.claim) and 2 * len(asked & held) >= len(asked) for held in pairs
    )


def follows(wording: Wording, flood: Flood) -> bool:
    """Whether it belongs to a suspicious flood, though a word that all members share is worded otherwise in it."""
    if not wording.is_odd or wording.passage.uploader not in {one.passage.uploader for one in flood.members}:
        return False
    return len(flood.claim & wording.said) >= _FOLLOWS * len(flood.claim) and closeness(wording, flood) >= NEAR
