"""Embed: a vector a chunk, made from its heading and text together; what was embedded before is reused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rag_service.domain.document import Chunk, EmbeddedChunk
from rag_service.ports import Embedder

if TYPE_CHECKING:
    from rag_service.domain.document import Vector


def embed(chunks: Sequence[Chunk], embedder: Embedder, known: Mapping[str, Vector]) -> list[EmbeddedChunk]:
    """The chunks with their vectors. ``known`` maps a text to its vector, from this document's earlier version."""
    texts = [embedded_text(one) for one in chunks]
    missing = sorted({text for text in texts if text not in known})
    made = dict(zip(missing, embedder.embed(missing), strict=True)) if missing else {}
    vectors = (made[text] if text in made else known[text] for text in texts)
    return [EmbeddedChunk(one, vector) for one, vector in zip(chunks, vectors, strict=True)]


def embedded_text(chunk: Chunk) -> str:
    """What stands for the chunk in both branches of the index."""
    return f"{chunk.heading}\n{chunk.text}"
