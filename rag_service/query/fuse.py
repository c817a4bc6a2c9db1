"""Two ranked lists into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rag_service.domain.retrieval import Candidates, Hit

DENSE_WEIGHT = 0.5


def min_max_fusion(candidates: Candidates, dense_weight: float = DENSE_WEIGHT) -> list[Hit]:
    """A convex combination of min-max normalised scores, best first; a list that lacks a point gives it 0.

    Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval" (TOIS 2023). Ties are broken by id,
    so that the order of the lists does not matter.
    """
    dense, lexical = _min_max(candidates.dense), _min_max(candidates.lexical)
    fused = {
        point: dense_weight * dense.get(point, 0.0) + (1 - dense_weight) * lexical.get(point, 0.0)
        for point in dense.keys() | lexical.keys()
    }
    return [Hit(point, score) for point, score in sorted(fused.items(), key=lambda item: (-item[1], item[0]))]


def _min_max(hits: Sequence[Hit]) -> Mapping[str, float]:
    if not hits:
        return {}
    low, high = _range(hit.score for hit in hits)
    spread = high - low
    return {hit.point_id: (hit.score - low) / spread if spread else 1.0 for hit in hits}


def _range(scores: Iterable[float]) -> tuple[float, float]:
    values = list(scores)
    return min(values), max(values)
