"""The child that holds the models: cuts texts by tokens, embeds them and judges requests, with one thread."""

from __future__ import annotations

from pathlib import Path

from ingestion.chunk import chunk
from ingestion.processes.channel import Frame
from ingestion.processes.child import Service
from ingestion.processes.wire import Chunks, ModelConfig, Requests, Texts, decode, encode, encode_odds, encode_rows
from rag_service.adapters.embedders import load_embedder
from rag_service.adapters.injection_classifier import PackagedClassifier, packaged_defender
from rag_service.adapters.onnx_embedder import load_onnx_embedder
from rag_service.detect.judge import Judge
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
    # The judge's weights are those of the packaged model, whatever else embeds.
    packaged = embedder if wanted.model == "packaged" else load_onnx_embedder(settings.cache_dir)
    classifier = PackagedClassifier(packaged_defender())
    classifier.load()
    judge_of = Judge(packaged, classifier)

    def cut(body: bytes, blob: bytes) -> Frame:  # noqa: ARG001  # every handler is given both
        return Frame(b"", encode(Chunks(tuple(chunk(decode(ScreenedDocument, body), embedder.token_starts)))))

    def judge(body: bytes, blob: bytes) -> Frame:  # noqa: ARG001  # as above
        return Frame(b"", b"", encode_odds(judge_of.judge(decode(Requests, body).requests)))

    def embed(body: bytes, blob: bytes) -> Frame:  # noqa: ARG001  # as above
        return Frame(b"", b"", encode_rows(embedder.embed(decode(Texts, body).texts)))

    return Service({"chunk": cut, "embed": embed, "judge": judge}, embedder.fingerprint, embedder.dimension)
