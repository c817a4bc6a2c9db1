"""Sealed points and questions in the words of the Qdrant server's API.

The access list is part of every search that is made here; there is no other way to make one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any
from uuid import UUID

from rag_service.domain.errors import IndexUnavailable, InvalidSetting
from rag_service.domain.retrieval import Hit, SealedPoint

if TYPE_CHECKING:
    from qdrant_client import models

    from rag_service.domain.retrieval import SealedQuery

DENSE = "dense"
LEXICAL = "lexical"
ACCESS = "a"
DOCUMENT = "d"
SOURCE = "s"
_COLLECTION = re.compile(r"[0-9a-f]{8,64}")
_PREFIX = re.compile(r"[a-z][a-z0-9_-]{0,30}_")
_SIDES = ("-a", "-b")
_AGREEMENTS = {"majority", "quorum", "all"}
_OVERSAMPLING = 2.0
"""Candidates that int8 scores choose for each one that the full vectors keep."""


@dataclass(frozen=True, slots=True)
class CollectionLayout:
    """How collections are named and made. What is said of replicas and storage holds for those made from now on.

    A collection is an alias (``rag_`` and the keyed name) of one of two physical collections, its sides: one is
    live, and ``replace`` builds the other. An alias has only hex digits after the prefix and a side has not, so no
    tenant's name can be another's, nor another's side.

    ``shards`` stays at one unless a tenant outgrows a node: the server computes the IDF a shard, so with more of
    them a word weighs differently in each. ``writes_reach`` replicas acknowledge a write (a majority by default);
    ``read_consistency`` is ``majority``, ``quorum``, ``all`` or a number of replicas.
    """

    prefix: str = "rag_"
    shards: int = 1
    replicas: int = 1
    writes_reach: int | None = None
    read_consistency: str | int = "majority"
    is_on_disk: bool = False
    is_quantized: bool = False

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise InvalidSetting("RAG_QDRANT_PREFIX", "a letter, then a-z, 0-9, _ or -, and an underscore at the end")
        if self.shards < 1 or self.replicas < 1 or not 1 <= self.acknowledging <= self.replicas:
            raise InvalidSetting("RAG_QDRANT_WRITE_CONSISTENCY", "between 1 and the number of replicas")
        wanted = str(self.read_consistency)
        if wanted not in _AGREEMENTS and not (wanted.isdecimal() and 1 <= int(wanted) <= self.replicas):
            raise InvalidSetting("RAG_QDRANT_READ_CONSISTENCY", "majority, quorum, all, or how many of the replicas")

    @property
    def acknowledging(self) -> int:
        return self.writes_reach if self.writes_reach is not None else self.replicas // 2 + 1

    def alias(self, collection: str) -> str:
        """The name that searches and writes use. Raises ``ValueError`` for what is no keyed name."""
        if not _COLLECTION.fullmatch(collection):
            raise ValueError("a collection is named by 8 to 64 lower-case hex digits")
        return f"{self.prefix}{collection}"

    def sides(self, collection: str) -> tuple[str, str]:
        """The names of the two physical collections, of which the alias is one."""
        alias = self.alias(collection)
        return alias + _SIDES[0], alias + _SIDES[1]

    def collection_of(self, side: str) -> str | None:
        """The collection that a physical name belongs to; None where it is none of ours."""
        if not side.startswith(self.prefix) or not side.endswith(_SIDES):
            return None
        collection = side[len(self.prefix) : -len(_SIDES[0])]
        return collection if _COLLECTION.fullmatch(collection) else None

    def creation(self, dimension: int) -> dict[str, Any]:
        """What a new physical collection for such vectors is made with: their dot product, IDF at query time."""
        from qdrant_client import models

        dense = models.VectorParams(size=dimension, distance=models.Distance.DOT, on_disk=self.is_on_disk)
        lexical = models.SparseVectorParams(
            modifier=models.Modifier.IDF, index=models.SparseIndexParams(on_disk=self.is_on_disk)
        )
        int8 = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
        return {
            "vectors_config": {DENSE: dense},
            "sparse_vectors_config": {LEXICAL: lexical},
            "shard_number": self.shards,
            "replication_factor": self.replicas,
            "write_consistency_factor": self.acknowledging,
            "quantization_config": models.ScalarQuantization(scalar=int8) if self.is_quantized else None,
        }

    def consistency(self) -> models.ReadConsistency:
        """How many replicas must agree on what is read."""
        from qdrant_client import models

        wanted = str(self.read_consistency)
        return int(wanted) if wanted.isdecimal() else models.ReadConsistencyType(wanted)

    def branches(self, query: SealedQuery, limit: int) -> list[models.QueryRequest]:
        """The dense branch, and the lexical one where the question has terms."""
        dense = _dense_branch(query, limit, is_quantized=self.is_quantized)
        return [dense, _lexical_branch(query, limit)] if query.term_ids else [dense]


def as_stored(point: SealedPoint) -> models.PointStruct:
    from qdrant_client import models

    terms = models.SparseVector(indices=list(point.term_ids), values=list(point.term_weights))
    return models.PointStruct(
        id=str(UUID(point.point_id)),
        vector={DENSE: point.vector.tolist(), LEXICAL: terms},
        payload={ACCESS: list(point.access), DOCUMENT: point.document, SOURCE: point.source},
    )


def as_sealed(record: models.Record) -> SealedPoint:
    """The point as it was stored, its terms in ascending order. Raises where the server returns half of one."""
    import numpy as np
    from qdrant_client import models

    vectors, payload = record.vector, record.payload
    terms = vectors.get(LEXICAL) if isinstance(vectors, dict) else None
    if not isinstance(vectors, dict) or payload is None or not isinstance(terms, models.SparseVector):
        raise IndexUnavailable("the server returned a point without its vectors or its tokens")
    if not payload.keys() >= {ACCESS, DOCUMENT, SOURCE} or DENSE not in vectors:
        raise IndexUnavailable("the server returned a point without its vectors or its tokens")
    pairs = sorted(zip(terms.indices, terms.values, strict=True))
    return SealedPoint(
        point_id=str(record.id),
        vector=np.asarray(vectors[DENSE], np.float32),
        term_ids=[term for term, _ in pairs],
        term_weights=[weight for _, weight in pairs],
        access=payload[ACCESS],
        document=payload[DOCUMENT],
        source=payload[SOURCE],
    )


def document_filter(document: str) -> models.Filter:
    """Whatever carries the token: for the upkeep of the index, never for answering."""
    from qdrant_client import models

    return models.Filter(must=[_one_of(DOCUMENT, frozenset({document}))])


def as_hits(answer: models.QueryResponse, limit: int) -> tuple[Hit, ...]:
    """A branch's hits, best first. Raises where the list cannot be what was asked for."""
    points = answer.points
    if len(points) > limit or len({point.id for point in points}) < len(points):
        raise IndexUnavailable("search: the server returned other points than were asked for")
    if not all(isfinite(point.score) for point in points):
        raise IndexUnavailable("search: the server returned scores that are no numbers")
    return tuple(Hit(str(point.id), point.score) for point in points)


def _one_of(field: str, values: frozenset[str]) -> models.FieldCondition:
    from qdrant_client import models

    return models.FieldCondition(key=field, match=models.MatchAny(any=sorted(values)))


def _readable(query: SealedQuery) -> models.Filter:
    from qdrant_client import models

    return models.Filter(must=[_one_of(ACCESS, query.access)])


def _admitted(query: SealedQuery) -> models.Filter:
    """Readable, and of the wanted documents and sources where the query names some."""
    from qdrant_client import models

    wanted = ((DOCUMENT, query.documents), (SOURCE, query.sources))
    narrower = [_one_of(field, values) for field, values in wanted if values is not None]
    return models.Filter(must=[_one_of(ACCESS, query.access), *narrower])


def _dense_branch(query: SealedQuery, limit: int, *, is_quantized: bool) -> models.QueryRequest:
    """By cosine; where int8 scores choose the candidates, the full vectors score them again."""
    from qdrant_client import models

    rescored = models.QuantizationSearchParams(rescore=True, oversampling=_OVERSAMPLING)
    return models.QueryRequest(
        query=models.NearestQuery(nearest=query.vector.tolist()),
        using=DENSE,
        filter=_admitted(query),
        params=models.SearchParams(quantization=rescored) if is_quantized else None,
        limit=limit,
    )


def _lexical_branch(query: SealedQuery, limit: int) -> models.QueryRequest:
    """BM25. The corpus of the IDF is what the asker may read, whatever they narrow the question to."""
    from qdrant_client import models

    asked: dict[int, float] = defaultdict(float)
    for term, weight in zip(query.term_ids, query.term_weights, strict=True):
        asked[term] += weight
    terms = models.SparseVector(indices=list(asked), values=list(asked.values()))
    return models.QueryRequest(
        query=models.NearestQuery(nearest=terms),
        using=LEXICAL,
        filter=_admitted(query),
        params=models.SearchParams(idf=models.IdfCorpusParams(corpus=_readable(query))),
        limit=limit,
    )
