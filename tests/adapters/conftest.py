"""The prepared model is made once for all tests of the embedders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rag_service.adapters.onnx_embedder import OnnxEmbedder, load_onnx_embedder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that holds the prepared model."""
    cache = tmp_path_factory.mktemp("cache")
    load_onnx_embedder(cache)
    return cache


@pytest.fixture(scope="session")
def embedder(prepared: Path) -> OnnxEmbedder:
    return load_onnx_embedder(prepared, threads=2)
