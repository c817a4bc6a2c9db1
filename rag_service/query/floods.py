"""Floods: several documents that word one claim in different ways, as an attacker plants them to fill a context.

Poisoning needs several passages, for one loses against what is true. All must be about one question and agree with
each other, so they lie closer together than honest passages about a subject do, which differ in what they add (Zou et
al., "PoisonedRAG", 2024; Kim et al., "RAGDefender", 2025). That alone proves nothing: pages of one product lie close
as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from rag_service.domain.answer import Passage
from rag_service.lexical import terms
from rag_service.query.wordings import Wording, repeats

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float32]

LEAST_WORDINGS = 3
MOMENT_S = 900.0
"""Seconds within which things happen in one moment."""
NEAR = 0.68
"""Least mean cosine within a flood. Pairs of poisoned wordings have a median of 0.84, 0.69 at the 5th percentile; with
honest passages about the same question they have 0.60."""
_COMMON = 0.6
"""Least share of the members that say a term which counts as what they claim."""
_ABOUT = 0.6
"""Least share of the best cosine, or of the best coverage of the question, that a member has."""


@dataclass(frozen=True, slots=True)
class Flood:
    """Differing wordings, of as many documents, that share a term which the question lacks; and all other wordings.

    ``asked`` are the question's own content terms.
    """

    members: tuple[Wording, ...]
    others: tuple[Wording, ...]
    asked: frozenset[str]

    @property
    def claim(self) -> frozenset[str]:
        """What most of the members say beyond the question; of that the numbers alone, if there are any."""
        counts = Counter(term for one in self.members for term in one.said)
        common = frozenset(term for term, count in counts.items() if count >= _COMMON * len(self.members))
        return frozenset(term for term in common if any(map(str.isdecimal, term))) or common


def floods_among(question: str, wordings: Sequence[Wording]) -> Iterator[Flood]:
    """Every candidate, one for each set of members; they overlap, and none is suspicious yet.

    Candidates are made of passages that repeat the question or whose document says next to nothing else. A false claim
    within a long and honest-looking document is none: what it holds cannot be told from what honest documents add.
    """
    import numpy as np

    places = [
        at
        for at, one in enumerate(wordings)
        if one.is_odd and one.passage.vector is not None and _is_about(one, wordings)
    ]
    near = [wordings[at] for at in places]
    if len(near) < LEAST_WORDINGS:
        return
    vectors = np.stack([one.passage.vector for one in near if one.passage.vector is not None])
    cosines = vectors @ vectors.T
    holders: dict[str, list[int]] = {}
    for at, one in enumerate(near):
        for term in one.said:
            holders.setdefault(term, []).append(at)
    seen = set()
    for term in sorted(holders):
        indices = _cohesive(_of_different_documents(holders[term], near), cosines)
        if indices and indices not in seen:
            seen.add(indices)
            taken = {places[at] for at in indices}
            members = tuple(near[at] for at in indices)
            others = tuple(one for at, one in enumerate(wordings) if at not in taken)
            yield Flood(members, others, frozenset(terms(question)))


def _of_different_documents(indices: Sequence[int], wordings: Sequence[Wording]) -> list[int]:
    """A document says a thing once, however often it does; one wording in several documents counts once too."""
    taken: set[str] = set()
    kept = []
    for at in indices:
        if taken.isdisjoint(wordings[at].documents):
            taken |= wordings[at].documents
            kept.append(at)
    return kept


def _cohesive(indices: list[int], cosines: Matrix) -> tuple[int, ...]:
    """Those that are left once the farthest is taken away, one at a time, until they lie close together."""
    import numpy as np

    while len(indices) >= LEAST_WORDINGS:
        among = cosines[np.ix_(indices, indices)]
        means = (among.sum(axis=1) - 1) / (len(indices) - 1)
        if means.mean() >= NEAR:
            return tuple(indices)
        indices = [at for place, at in enumerate(indices) if place != int(means.argmin())]
    return ()


def _is_about(wording: Wording, wordings: Sequence[Wording]) -> bool:
    return wording.asked >= _ABOUT * max(one.asked for one in wordings) or (wording.passage.cosine or 0.0) >= (
        _ABOUT * max(one.passage.cosine or 0.0 for one in wordings)
    )


def spread_s(wordings: Sequence[Wording]) -> float:
    """Seconds between the first and the last ingestion; endless where a moment is not known."""
    moments = [_moment(one.passage) for one in wordings]
    known = [moment for moment in moments if moment is not None]
    return (max(known) - min(known)).total_seconds() if known and len(known) == len(moments) else float("inf")


def _moment(passage: Passage) -> datetime | None:
    try:
        return datetime.fromisoformat(passage.ingested_at)
    except ValueError:
        return None


def closeness(wording: Wording, flood: Flood) -> float:
    """The mean cosine between the wording and the members."""
    mine = wording.passage.vector
    theirs = [one.passage.vector for one in flood.members if one.passage.vector is not None]
    return sum(float(mine @ vector) for vector in theirs) / len(theirs) if mine is not None and theirs else 0.0


def first_of_another(question: str, members: Sequence[Wording]) -> Passage | None:
    """The passage that was there before all others, by someone who uploaded none of them, and repeats no question.

    Otherwise a document could be made to disappear: who plants wordings of what it says makes it one of a flood. To
    leave it gives an attacker what a single document has anyway.
    """
    passages = [passage for one in members for passage in (one.passage, *one.copies)]
    dated = [(moment, at) for at, passage in enumerate(passages) if (moment := _moment(passage)) is not None]
    if len(dated) < len(passages):
        return None
    (moment, at), (next_moment, _), *_ = sorted(dated)
    first = passages.pop(at)
    is_apart = (next_moment - moment).total_seconds() > MOMENT_S
    is_anothers = bool(first.uploader) and first.uploader not in {passage.uploader for passage in passages}
    return first if is_apart and is_anothers and not repeats(question, first.text) else None
