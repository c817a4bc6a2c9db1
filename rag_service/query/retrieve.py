"""Retrieve: what the index holds that is nearest to the question, among what the scope may read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag_service.authentication import Caller
from rag_service.domain.errors import InvalidRequest
from rag_service.domain.retrieval import Hit
from rag_service.lexical import query_weights
from rag_service.ports import ChunkIndex, Embedder
from rag_service.query.fuse import min_max_fusion
from rag_service.query.guard import GuardedQuestion

if TYPE_CHECKING:
    from rag_service.domain.document import Vector


EmbedderOf = Callable[[str], Embedder]
"""The model of a fingerprint; raises ``EmbeddingMismatch`` where there is none."""


@dataclass(frozen=True, slots=True)
class Filters:
    """A caller's own narrowing: only these documents, only these sources. It can never widen a scope."""

    document_ids: Sequence[str] | None = None
    sources: Sequence[str] | None = None

    def __post_init__(self) -> None:
        for values in (self.document_ids, self.sources):
            if values is not None and len(values) > 1000:
                raise InvalidRequest("a filter names at most 1000 documents or sources")


@dataclass(frozen=True, slots=True)
class Ranked:
    """A point, its fused score, and its cosine to the question where the dense branch returned it."""

    point_id: str
    score: float
    cosine: float | None


async def retrieve(
    question: GuardedQuestion,
    filters: Filters,
    caller: Caller,
    *,
    embedder_of: EmbedderOf,
    index: ChunkIndex,
    depth: int,
) -> list[Ranked]:
    """The best of both branches, ``depth`` each, fused. The access list and filters hold inside each branch.

    Raises:
        EmbeddingMismatch: the tenant's vectors were made with a model that is not configured here.
        IndexUnavailable: the index did not answer.
    """
    tenant = caller.tenant
    if tenant.embedding is None:
        return []
    vectors = await asyncio.to_thread(_embedded, question.text, embedder_of, tenant.embedding)
    query = tenant.keys.index.seal_query(
        caller.scope,
        vector=vectors[0],
        terms=query_weights(question.lexical_text),
        documents=filters.document_ids,
        sources=filters.sources,
    )
    candidates = await index.search(query, limit=depth)
    cosines = {hit.point_id: hit.score for hit in candidates.dense}
    return [_ranked(hit, cosines) for hit in min_max_fusion(candidates)]


def _embedded(text: str, embedder_of: EmbedderOf, fingerprint: str) -> Vector:
    return embedder_of(fingerprint).embed([text])


def _ranked(hit: Hit, cosines: dict[str, float]) -> Ranked:
    return Ranked(hit.point_id, hit.score, cosines.get(hit.point_id))
