"""What crosses the border to a vector index: nothing readable, and no question without an access list.

Dense vectors are under the tenant's keyed rotation; term ids, access tokens and filter tokens are keyed hashes.
Only ``rag_service.crypto.index_keys`` makes these values, from a tenant's index key and an ``AccessScope``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag_service.domain.document import Vector


@dataclass(frozen=True, slots=True)
class SealedPoint:
    """One chunk as the index stores it. ``point_id`` is a random UUID, the chunk's id in SQL.

    ``term_weights`` are saturated term frequencies without IDF, aligned with ``term_ids`` (unique, 32 bit).
    """

    point_id: str
    vector: Vector
    term_ids: Sequence[int]
    term_weights: Sequence[float]
    access: Sequence[str]
    document: str
    source: str


@dataclass(frozen=True, slots=True)
class SealedQuery:
    """A question as the index sees it, bound to one collection and one access list.

    A point matches when it carries one of ``access``; where ``documents`` or ``sources`` are given, one of those
    too. An empty ``access`` matches nothing.
    """

    collection: str
    vector: Vector
    term_ids: Sequence[int]
    term_weights: Sequence[float]
    access: frozenset[str]
    documents: frozenset[str] | None = None
    sources: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """An id and a raw score. The score never leaves the service."""

    point_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Candidates:
    """What each branch returned, best first. Cosine similarity, and BM25 with the IDF of what the scope may read."""

    dense: tuple[Hit, ...]
    lexical: tuple[Hit, ...]
