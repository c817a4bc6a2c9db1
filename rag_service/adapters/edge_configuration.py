"""How shards are configured: where their parts stand in memory, and what an optimized one is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag_service.adapters.edge_requests import DENSE, LEXICAL

if TYPE_CHECKING:
    import qdrant_edge

_DEAD_SHARE = 0.1
"""Of a segment. Whoever asks for an optimization knows that it is due; a segment is rewritten from here on."""


def serving(dimension: int, search_threads: int) -> qdrant_edge.EdgeConfig:
    """Dot product, which is the cosine of unit vectors; IDF at query time; writes are logged first.

    The 32 bit vectors stay on disk and are mapped: the engine would else read the whole of each preallocated file,
    mostly holes, and an open shard of 40 points held 48 MiB.
    """
    import qdrant_edge

    memory = qdrant_edge.Memory
    dense = qdrant_edge.EdgeVectorParams(size=dimension, distance=qdrant_edge.Distance.Dot, memory=memory.Cold)
    return qdrant_edge.EdgeConfig(
        vectors={DENSE: dense},
        sparse_vectors={LEXICAL: qdrant_edge.EdgeSparseVectorParams(modifier=qdrant_edge.Modifier.Idf)},
        # A graph walks over int8 vectors in memory; searches ask for rescoring with the 32 bit ones.
        quantization_config=qdrant_edge.ScalarQuantizationConfig(
            qdrant_edge.ScalarType.Int8, quantile=0.99, memory=memory.Cached
        ),
        hnsw_config=qdrant_edge.HnswIndexConfig(
            m=16, ef_construct=100, full_scan_threshold=10_000, max_indexing_threads=1, memory=memory.Cached
        ),
        # Nothing optimizes by itself: these hold for the process that is told to.
        optimizers=qdrant_edge.EdgeOptimizersConfig(
            indexing_threshold=1, deleted_threshold=_DEAD_SHARE, vacuum_min_vector_number=100, default_segment_number=1
        ),
        max_search_threads=search_threads,
        wal_enabled=True,
    )
