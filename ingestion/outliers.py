"""Passages whose vectors lie far from all else that their document says.

A text that is planted in another may be one; so may an address, a formula or a table. On its own it is a sign for
reviewers: it holds a document only with a request in the same place (``ingestion.verdict``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag_service.domain.document import EmbeddedChunk, Finding, ScreenedDocument

VERSION = "outliers-1"
KIND = "passage_out_of_place"
FAR = 0.55
"""Cosine to the nearest other passage below which one is out of place: few documents have such a passage."""
LEAST_PASSAGES, MOST_PASSAGES = 5, 4000
"""With fewer nothing is usual; of more, all is near something, and comparing takes long."""
_ROWS = 256


def with_outliers(document: ScreenedDocument, passages: Sequence[EmbeddedChunk]) -> ScreenedDocument:
    """The document with the passages that are out of place among its evidence."""
    kept = [one for one in document.evidence if one.kind != KIND]
    found = sorted([*kept, *out_of_place(passages)], key=lambda one: (one.start, one.end, one.kind))
    return replace(document, evidence=tuple(found))


def out_of_place(passages: Sequence[EmbeddedChunk]) -> list[Finding]:
    """The passages that are near no other; their score is how far the nearest is, as one less the cosine."""
    import numpy as np

    if not LEAST_PASSAGES <= len(passages) <= MOST_PASSAGES:
        return []
    vectors = np.stack([one.vector for one in passages])
    found = []
    for first in range(0, len(vectors), _ROWS):
        cosines = vectors[first : first + _ROWS] @ vectors.T
        for row, near in enumerate(cosines):
            near[first + row] = -1.0
            if (nearest := float(near.max())) < FAR:
                chunk = passages[first + row].chunk
                found.append(Finding(KIND, chunk.start, chunk.end, round(1.0 - nearest, 4)))
    return found
