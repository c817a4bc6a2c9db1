"""Sealed points and questions in the words of Qdrant Edge.

The access list is part of every search that is made here; there is no other way to make one.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING
from uuid import UUID

from rag_service.domain.retrieval import Hit, SealedPoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    import qdrant_edge

    from rag_service.domain.retrieval import SealedQuery

DENSE = "dense"
LEXICAL = "lexical"
ACCESS = "a"
DOCUMENT = "d"
SOURCE = "s"


def as_stored(point: SealedPoint) -> qdrant_edge.Point:
    import qdrant_edge

    return qdrant_edge.Point(
        UUID(point.point_id),
        {
            DENSE: point.vector.tolist(),
            LEXICAL: qdrant_edge.SparseVector(list(point.term_ids), list(point.term_weights)),
        },
        {ACCESS: list(point.access), DOCUMENT: point.document, SOURCE: point.source},
    )


def as_sealed(record: qdrant_edge.Record) -> SealedPoint:
    """The point as it was stored, its terms in ascending order. Raises where the engine returns half of one."""
    import numpy as np
    import qdrant_edge

    vectors, payload = record.vector, record.payload
    if not isinstance(vectors, dict) or payload is None:
        raise TypeError("a stored point came back without its vectors or its tokens")
    terms = vectors[LEXICAL]
    if not isinstance(terms, qdrant_edge.SparseVector):
        raise TypeError("a stored point came back without its terms")
    return SealedPoint(
        point_id=str(record.id),
        vector=np.asarray(vectors[DENSE], np.float32),
        term_ids=terms.indices,
        term_weights=terms.values,
        access=payload[ACCESS],
        document=payload[DOCUMENT],
        source=payload[SOURCE],
    )


def document_filter(document: str) -> qdrant_edge.Filter:
    """Whatever carries the token: for the upkeep of the index, never for answering."""
    import qdrant_edge

    return qdrant_edge.Filter(must=[_one_of(DOCUMENT, frozenset({document}))])


def _one_of(field: str, values: frozenset[str]) -> qdrant_edge.FieldCondition:
    import qdrant_edge

    return qdrant_edge.FieldCondition(field, match=qdrant_edge.MatchAny(sorted(values)))


def _readable(query: SealedQuery) -> qdrant_edge.Filter:
    import qdrant_edge

    return qdrant_edge.Filter(must=[_one_of(ACCESS, query.access)])


def _admitted(query: SealedQuery) -> qdrant_edge.Filter:
    """Readable, and of the wanted documents and sources where the query names some."""
    import qdrant_edge

    wanted = ((DOCUMENT, query.documents), (SOURCE, query.sources))
    narrower = [_one_of(field, values) for field, values in wanted if values is not None]
    return qdrant_edge.Filter(must=[_one_of(ACCESS, query.access), *narrower])


def dense_branch(query: SealedQuery, limit: int) -> qdrant_edge.QueryRequest:
    import qdrant_edge

    nearest = qdrant_edge.Query.Nearest(query.vector.tolist(), using=DENSE)
    # Where there are int8 vectors, twice as many are found by them and scored by the 32 bit ones.
    rescored = qdrant_edge.SearchParams(
        hnsw_ef=200, quantization=qdrant_edge.QuantizationSearchParams(rescore=True, oversampling=2.0)
    )
    return qdrant_edge.QueryRequest(limit=limit, query=nearest, filter=_admitted(query), params=rescored)


def lexical_branch(query: SealedQuery, limit: int) -> qdrant_edge.QueryRequest:
    """BM25. The corpus of the IDF is what the asker may read, whatever they narrow the question to."""
    import qdrant_edge

    asked: dict[int, float] = defaultdict(float)
    for term, weight in zip(query.term_ids, query.term_weights, strict=True):
        asked[term] += weight
    nearest = qdrant_edge.Query.Nearest(qdrant_edge.SparseVector(list(asked), list(asked.values())), using=LEXICAL)
    corpus = qdrant_edge.SearchParams(idf=qdrant_edge.IdfParams(corpus=_readable(query)))
    return qdrant_edge.QueryRequest(limit=limit, query=nearest, filter=_admitted(query), params=corpus)


def as_hits(points: Sequence[qdrant_edge.ScoredPoint]) -> tuple[Hit, ...]:
    return tuple(Hit(str(point.id), point.score) for point in points)
