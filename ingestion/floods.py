"""Floods: short documents of one uploader that word one claim in differing ways, as if many said so.

Poisoning takes several passages, for one loses against what is true (Zou et al., "PoisonedRAG", 2024). They lie close
together, share terms, name the same things, and are worded differently. Entries of a list lie close, too, and share
labels, but each names what no other does; one document in several formats is one wording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.sketch import VERSION as SKETCH_VERSION
from ingestion.sketch import Sketch
from rag_service.domain.verdict import CrossFindings

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ingestion.sketch import Numbers

VERSION = f"floods-3 {SKETCH_VERSION}"
MOST_COMPARED = 2000
"""Documents of the uploader, the newest first, that a new one is compared with."""
LEAST_WORDINGS = 4
LEAST_ASKING = 3
"""Wordings that make a flood where all begin with one question."""
FAR_FROM_OTHERS = "far_from_others"
LEAST_KNOWN = 20
"""Documents of the uploader before which nothing is usual."""
FAR = 0.45
"""Cosine to the nearest of them below which a document is far from all."""
NEAR = 0.7
"""Least mean cosine among the documents of a flood: half the pairs of poisoned ones have 0.84, one in a hundred less
than 0.63."""
_CLOSE = 0.6
"""Least cosine between the new document and another that may belong to its flood."""
SAID_BY_MOST = 0.8
COMMON = 0.2
"""Least share of a document's terms that most documents of a flood have in common."""
NAMED_IN_COMMON = 0.4
"""The same of its numbers and names: it is .5 to 1 in floods, and .06 to .44 among entries of lists."""
ALIKE = 0.4
"""Share of word triples from which on two documents are one wording."""
_MOST_NEAR = 64


@dataclass(frozen=True, slots=True)
class Earlier:
    """A live or held document of the same uploader."""

    document_id: str
    sketch: Sketch


def compare(new: Sketch, earlier: Sequence[Earlier]) -> CrossFindings:
    """Whether the new document completes a flood or joins one; then with which documents.

    Linear in the number of earlier documents, at most ``MOST_COMPARED``.
    """
    near, nearest = _neighbours(new, earlier[:MOST_COMPARED])
    is_far = len(earlier) >= LEAST_KNOWN and nearest < FAR
    members = _flood(new, near)
    if not members:
        return CrossFindings((), (), VERSION, (FAR_FROM_OTHERS,) if is_far else ())
    # Copies and near copies of what is held are held with it.
    kept = {one.document_id for one in members if one.document_id}
    also = [
        one.document_id
        for one in near
        if one.document_id in kept or any(one.sketch.alike(member.sketch) >= ALIKE for member in members)
    ]
    return CrossFindings(("flood",), tuple(dict.fromkeys(also)), VERSION)


def _flood(new: Sketch, near: Sequence[Earlier]) -> list[Earlier]:
    """The new document and those that word one claim with it, one of each wording; none where they are too few."""
    differing = _differing(new, near)
    members = _of_one_number(_cohesive([Earlier("", new), *differing], LEAST_WORDINGS))
    if len(members) >= LEAST_WORDINGS and members[0].sketch is new and _is_one_claim(members):
        return members
    asking = [one for one in differing if one.sketch.asks_as(new)]
    members = _of_one_number(_cohesive([Earlier("", new), *asking], LEAST_ASKING))
    if len(members) < LEAST_ASKING or members[0].sketch is not new or not _is_one_claim(members):
        return []
    return members if _names_something(members) else []


def _names_something(members: Sequence[Earlier]) -> bool:
    """Whether most of the documents have a number or a name in common."""
    import numpy as np

    _, counts = np.unique(np.concatenate([one.sketch.specifics for one in members]), return_counts=True)
    return bool((counts >= SAID_BY_MOST * len(members)).any())


def _neighbours(new: Sketch, earlier: Sequence[Earlier]) -> tuple[list[Earlier], float]:
    """Those near the new document, the nearest first; and how near the nearest of all is."""
    import faiss
    import numpy as np

    rows = [one for one in earlier if len(one.sketch.vector) == len(new.vector)]
    if not rows:
        return [], 1.0
    flat = faiss.IndexFlatIP(len(new.vector))
    flat.add(np.stack([one.sketch.vector for one in rows]))
    cosines, places = flat.search(new.vector[None], min(_MOST_NEAR, len(rows)))
    near = [rows[at] for cosine, at in zip(cosines[0], places[0], strict=True) if at >= 0 and cosine >= _CLOSE]
    return near, float(cosines[0][0])


def _differing(new: Sketch, near: Sequence[Earlier]) -> list[Earlier]:
    """One of each wording, none that of the new document."""
    kept: list[Earlier] = []
    for one in near:
        if all(one.sketch.alike(other) < ALIKE for other in (new, *(known.sketch for known in kept))):
            kept.append(one)
    return kept


def _cohesive(members: list[Earlier], least: int) -> list[Earlier]:
    """Those that are left once the farthest is taken away, one at a time, until they lie close; the first stays."""
    import numpy as np

    cosines: npt.NDArray[np.float32] = np.stack([one.sketch.vector for one in members])
    cosines = cosines @ cosines.T
    indices = list(range(len(members)))
    while len(indices) >= least:
        among = cosines[np.ix_(indices, indices)]
        means = (among.sum(axis=1) - 1) / (len(indices) - 1)
        if means.mean() >= NEAR:
            return [members[at] for at in indices]
        indices.pop(1 + int(means[1:].argmin()))
    return []


def _of_one_number(members: list[Earlier]) -> list[Earlier]:
    """Without those that say another number where all others say one: what a flood is to drown, and no part of it."""
    import numpy as np

    def contradicts(one: Earlier) -> bool:
        others = [_numbers(other.sketch) for other in members if other is not one]
        own = _numbers(one.sketch)
        agreed = others[0]
        for said in others[1:]:
            agreed = np.intersect1d(agreed, said)
        return bool(np.setdiff1d(agreed, own).size and np.setdiff1d(own, np.concatenate(others)).size)

    return [one for one in members if not contradicts(one)] if len(members) > 2 else members


def _numbers(sketch: Sketch) -> Numbers:
    numbers: Numbers = sketch.specifics[sketch.specifics % 2 == 1]
    return numbers


def _is_one_claim(members: Sequence[Earlier]) -> bool:
    """Whether the documents share what they say and what they name."""
    shared = _in_common([one.sketch.terms for one in members])
    named = _in_common([one.sketch.specifics for one in members])
    return shared >= COMMON and named >= NAMED_IN_COMMON


def _in_common(sets: Sequence[Numbers]) -> float:
    """The mean share of a document's numbers that most of the others have, too; of one without any, all."""
    import numpy as np

    values, counts = np.unique(np.concatenate(sets), return_counts=True)
    shared = values[counts >= SAID_BY_MOST * len(sets)]
    return float(np.mean([np.isin(one, shared).mean() if len(one) else 1.0 for one in sets]))
