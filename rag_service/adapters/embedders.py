"""The embedder that the settings ask for."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rag_service.domain.errors import InvalidSetting

if TYPE_CHECKING:
    from rag_service.ports import Embedder
    from rag_service.settings import Settings


PACKAGED_DIMENSION = 384
"""Of the packaged model's vectors, known without loading it."""


def load_embedder(settings: Settings) -> Embedder:
    """An embedder that is ready; its files were verified.

    Raises:
        ModelUnverified: a model file is missing, altered, or of a format that can run code.
        ModelUnavailable: the packaged model could not be prepared.
        InvalidSetting: ``embedding_model`` names no usable folder, or needs torch where there is none.
    """
    if settings.embedding_model == "packaged" and settings.embedding_backend == "onnx":
        from rag_service.adapters.onnx_embedder import load_onnx_embedder

        return load_onnx_embedder(settings.cache_dir, threads=settings.threads)
    if find_spec("torch") is None:
        name = "RAG_EMBEDDING_BACKEND" if settings.embedding_model == "packaged" else "RAG_EMBEDDING_MODEL"
        raise InvalidSetting(name, "this needs torch, which is not installed here; the container image leaves it out")
    from rag_service.adapters.torch_embedder import load_packaged_torch_embedder, load_torch_embedder

    if settings.embedding_model == "packaged":
        return load_packaged_torch_embedder(threads=settings.threads)
    return load_torch_embedder(Path(settings.embedding_model), threads=settings.threads)
