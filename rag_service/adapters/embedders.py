"""The embedder that the settings ask for."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rag_service.domain.errors import InvalidSetting

PACKAGED = "packaged"
BACKENDS = ("onnx", "torch")

if TYPE_CHECKING:
    from rag_service.ports import Embedder
    from rag_service.settings import Settings


def configured(settings: Settings) -> tuple[Settings, ...]:
    """The settings once for each model that they name, as if it were the only one; that of new tenants first."""
    return (settings, *(with_model(settings, name) for name in settings.embedding_models))


def with_model(settings: Settings, name: str) -> Settings:
    """The settings with this model: a folder, ``packaged``, or that with its backend behind a colon.

    Raises ``InvalidSetting`` for another backend than there is.
    """
    model, _, backend = name.partition(":") if name.startswith(f"{PACKAGED}:") else (name, "", "")
    if backend and backend not in BACKENDS:
        raise InvalidSetting("RAG_EMBEDDING_MODELS", f"{name}: the packaged model runs with {' or '.join(BACKENDS)}")
    chosen = {"embedding_model": model, "embedding_backend": backend or settings.embedding_backend}
    return settings.model_copy(update=chosen)


def load_embedder(settings: Settings) -> Embedder:
    """An embedder that is ready; its files were verified.

    Raises:
        ModelUnverified: a model file is missing, altered, or of a format that can run code.
        ModelUnavailable: the packaged model could not be prepared.
        InvalidSetting: ``embedding_model`` names no usable folder, or needs torch where there is none.
    """
    if settings.embedding_model == PACKAGED and settings.embedding_backend == "onnx":
        from rag_service.adapters.onnx_embedder import load_onnx_embedder

        return load_onnx_embedder(settings.cache_dir, threads=settings.threads)
    if find_spec("torch") is None:
        name = "RAG_EMBEDDING_BACKEND" if settings.embedding_model == PACKAGED else "RAG_EMBEDDING_MODEL"
        raise InvalidSetting(name, "this needs torch, which is not installed here; the container image leaves it out")
    from rag_service.adapters.torch_embedder import load_packaged_torch_embedder, load_torch_embedder

    if settings.embedding_model == PACKAGED:
        return load_packaged_torch_embedder(threads=settings.threads)
    return load_torch_embedder(Path(settings.embedding_model), threads=settings.threads)
