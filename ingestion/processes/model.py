"""The child that holds the embedding model: cuts texts by its tokens, and embeds them, with one thread."""

from __future__ import annotations

from pathlib import Path

from ingestion.chunk import chunk
from ingestion.processes.channel import Frame
from ingestion.processes.child import Service
from ingestion.processes.wire import Chunks, ModelConfig, Texts, decode, encode, encode_rows
from rag_service.adapters.embedders import load_embedder
from rag_service.domain.document import ScreenedDocument
from rag_service.settings import Settings


def open_service(config: bytes) -> Service:
    """The model is loaded and has run once. Its first use on a machine prepares it, which takes about 20 seconds."""
    wanted = decode(ModelConfig, config)
    settings = Settings(
        embedding_model=wanted.model,
        embedding_backend=wanted.backend,
        cache_dir=Path(wanted.cache_dir),
        master_key_file=Path("/nonexistent"),  # else its default place would be looked for in a home
        threads=1,
    )
    embedder = load_embedder(settings)
    embedder.embed(["warm"])

    def cut(body: bytes, blob: bytes) -> Frame:  # noqa: ARG001  # every handler is given both
        return Frame(b"", encode(Chunks(tuple(chunk(decode(ScreenedDocument, body), embedder.token_starts)))))

    def embed(body: bytes, blob: bytes) -> Frame:  # noqa: ARG001  # as above
        return Frame(b"", b"", encode_rows(embedder.embed(decode(Texts, body).texts)))

    return Service({"chunk": cut, "embed": embed}, embedder.fingerprint, embedder.dimension)
