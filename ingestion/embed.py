"""Embed: a vector a chunk, made from its heading and text together; what was embedded before is reused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ingestion.stages import Stages
from rag_service.domain.document import Chunk, EmbeddedChunk

if TYPE_CHECKING:
    from rag_service.domain.document import Vector


async def embed(chunks: Sequence[Chunk], stages: Stages, known: Mapping[str, Vector]) -> list[EmbeddedChunk]:
    """The chunks with their vectors. ``known`` maps a text to its vector, from this document's earlier version."""
    texts = [embedded_text(one) for one in chunks]
    missing = sorted({text for text in texts if text not in known})
    made = dict(zip(missing, await stages.embed(missing), strict=True)) if missing else {}
    vectors = (made[text] if text in made else known[text] for text in texts)
    return [EmbeddedChunk(one, vector) for one, vector in zip(chunks, vectors, strict=True)]


def embedded_text(chunk: Chunk) -> str:
    """What stands for the chunk in both branches of the index."""
    return f"{chunk.heading}\n{chunk.text}"
