"""Whether the index holds a point as SQL seals it: what following is verified against, and what is checked later."""

from __future__ import annotations

from rag_service.domain.retrieval import SealedPoint

_VECTOR_TOLERANCE = 1e-4
"""For each component. An index normalises vectors and may keep fewer digits; another chunk's differs by far more."""
_WEIGHT_TOLERANCE = 1e-3


def differences(expected: SealedPoint, found: SealedPoint) -> list[str]:
    """In what the stored point is another than the expected one; empty where it is the same."""
    alike = {
        "vector": _same_vector(expected, found),
        "terms": _same_terms(expected, found),
        "access": set(expected.access) == set(found.access),
        "document": expected.document == found.document,
        "source": expected.source == found.source,
    }
    return [aspect for aspect, is_same in alike.items() if not is_same]


def _same_vector(expected: SealedPoint, found: SealedPoint) -> bool:
    import numpy as np

    if expected.vector.shape != found.vector.shape:
        return False
    return bool(np.abs(expected.vector - found.vector).max() <= _VECTOR_TOLERANCE)  # not so where it is no number


def _same_terms(expected: SealedPoint, found: SealedPoint) -> bool:
    wanted = dict(zip(expected.term_ids, expected.term_weights, strict=True))
    stored = dict(zip(found.term_ids, found.term_weights, strict=True))
    return wanted.keys() == stored.keys() and all(
        abs(weight - stored[term]) <= _WEIGHT_TOLERANCE * max(1.0, abs(weight)) for term, weight in wanted.items()
    )
