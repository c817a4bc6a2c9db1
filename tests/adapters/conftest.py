"""What is slow to make, made once for all tests of the adapters: the prepared model, a double of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rag_service.adapters.onnx_embedder import OnnxEmbedder, load_onnx_embedder
from tests.doubles.qdrant_rest import Double, running_double

if TYPE_CHECKING:
    from collections.abc import Iterator
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


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Double]:
    with running_double(tmp_path_factory.mktemp("qdrant")) as double:
        yield double


@pytest.fixture
def double(running: Double) -> Double:
    """A double of a Qdrant server that nobody has spoken to."""
    running.renew()
    return running
