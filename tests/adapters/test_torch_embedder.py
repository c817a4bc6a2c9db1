"""A folder of a sentence-transformers model is loaded from safetensors, without running what came with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rag_service.adapters.embedders import load_embedder
from rag_service.adapters.model_files import packaged_minilm
from rag_service.adapters.onnx_embedder import OnnxEmbedder
from rag_service.adapters.torch_embedder import TorchEmbedder, load_packaged_torch_embedder, load_torch_embedder
from rag_service.domain.errors import InvalidSetting, ModelUnverified
from rag_service.settings import load_settings

if TYPE_CHECKING:
    from rag_service.ports import Embedder


@pytest.fixture(scope="module")
def packaged() -> TorchEmbedder:
    return load_packaged_torch_embedder()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder of the operator's own."""
    return Path(shutil.copytree(packaged_minilm().folder, tmp_path / "mine"))


def test_int8_vectors_stay_close_to_fp32(packaged: TorchEmbedder, embedder: OnnxEmbedder) -> None:
    texts = [
        "How long does a refund take?",
        "The supplier shall deliver the goods within thirty days of the order.",
        "Employees may carry over five days of leave. " * 12,
        "Übergröße: Maße und Gewichte der Pakete, siehe Anhang B.",
    ]
    cosines = (packaged.embed(texts) * embedder.embed(texts)).sum(axis=1)
    assert cosines.min() > 0.98
    assert packaged.fingerprint != embedder.fingerprint


def test_both_backends_see_the_same_tokens(packaged: TorchEmbedder, embedder: OnnxEmbedder) -> None:
    text = "naïve 😀 café straße 한국 " * 100
    assert packaged.token_starts(text) == embedder.token_starts(text)
    assert (packaged.dimension, packaged.max_tokens) == (embedder.dimension, embedder.max_tokens)


def test_a_folder_is_loaded_as_it_is(packaged: TorchEmbedder, folder: Path) -> None:
    loaded = load_torch_embedder(folder)
    assert np.allclose(loaded.embed(["a question"]), packaged.embed(["a question"]), atol=1e-5)
    assert loaded.embed([]).shape == (0, loaded.dimension)
    (folder / "README.md").write_text("changed")
    assert load_torch_embedder(folder).fingerprint != loaded.fingerprint


@pytest.mark.parametrize("name", ["pytorch_model.bin", "1_Pooling/state.pt"])
def test_a_pickle_in_the_folder_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\x80\x04.")
    with pytest.raises(ModelUnverified, match="pickle"):
        load_torch_embedder(folder)


def test_a_class_from_elsewhere_is_never_imported(folder: Path) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["type"] = "my_model.Transformer"
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(InvalidSetting, match="my_model"):
        load_torch_embedder(folder)


@pytest.mark.parametrize("lost", ["model.safetensors", "modules.json", "config.json"])
def test_an_incomplete_folder_is_an_invalid_setting(folder: Path, lost: str) -> None:
    (folder / lost).unlink()
    with pytest.raises(InvalidSetting, match="RAG_EMBEDDING_MODEL"):
        load_torch_embedder(folder)


@pytest.mark.parametrize(
    ("chosen", "kind"),
    [
        ({}, OnnxEmbedder),
        ({"embedding_backend": "torch"}, TorchEmbedder),
        ({"embedding_model": "folder"}, TorchEmbedder),
    ],
)
def test_the_settings_choose(folder: Path, prepared: Path, chosen: dict[str, str], kind: type[Embedder]) -> None:
    overrides = {name: str(folder) if value == "folder" else value for name, value in chosen.items()}
    assert isinstance(load_embedder(load_settings(cache_dir=prepared, **overrides)), kind)
