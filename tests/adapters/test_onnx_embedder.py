"""The int8 network: its preparation, its verification, and what its vectors promise."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag_service.adapters import onnx_embedder
from rag_service.adapters.model_files import packaged_minilm
from rag_service.adapters.onnx_embedder import load_onnx_embedder
from rag_service.domain.errors import ModelUnavailable, ModelUnverified

if TYPE_CHECKING:
    from collections.abc import Callable

    from rag_service.adapters.onnx_embedder import OnnxEmbedder

TEXTS = [
    "The refund takes five days.",
    "Money is returned within a working week.",
    "Bees dance to tell of flowers.",
    "",
]


def only_folder(cache: Path) -> Path:
    [folder] = (cache / "models").iterdir()
    return folder


@pytest.fixture
def altered(prepared: Path, tmp_path: Path) -> Path:
    """A copy of the cache, to be altered."""
    return Path(shutil.copytree(prepared, tmp_path / "cache"))


def test_rows_are_unit_vectors_in_the_order_given(embedder: OnnxEmbedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimension)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert embedder.embed(TEXTS[::-1]) == pytest.approx(vectors[::-1], abs=0)


def test_like_is_nearer_than_unlike(embedder: OnnxEmbedder) -> None:
    refund, money, bees, _ = embedder.embed(TEXTS)
    assert refund @ money > 0.3 > refund @ bees


def test_no_texts_give_no_rows(embedder: OnnxEmbedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dimension)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts=st.lists(st.text(max_size=80), min_size=1, max_size=5))
def test_a_vector_depends_on_its_text_alone(embedder: OnnxEmbedder, texts: list[str]) -> None:
    together = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    assert np.array_equal(together, alone)


def test_threads_share_an_embedder(embedder: OnnxEmbedder) -> None:
    texts = [f"{word} number {n}" for n in range(10) for word in ("invoice", "contract " * 40)]
    expected = embedder.embed(texts)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(embedder.embed, [texts] * 4):
            assert np.array_equal(found, expected)


def test_what_is_longer_than_the_limit_is_cut(embedder: OnnxEmbedder) -> None:
    room = embedder.max_tokens - 2
    long = "word " * room
    assert np.array_equal(*embedder.embed([long, long + "bees dance to tell of flowers"]))
    shorter = "word " * (room - 1)
    assert not np.array_equal(*embedder.embed([shorter, shorter + "flowers"]))


def test_token_starts_are_code_points(embedder: OnnxEmbedder) -> None:
    assert embedder.token_starts("naïve 😀 café straße") == [0, 6, 8, 13, 15]
    assert embedder.token_starts("한국") == [0, 0, 0, 1, 1, 1]
    assert embedder.token_starts("") == []
    assert len(embedder.token_starts("word " * 1000)) == 1000


@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=200))
def test_token_starts_ascend_within_the_text(embedder: OnnxEmbedder, text: str) -> None:
    starts = embedder.token_starts(text)
    assert starts == sorted(starts)
    assert all(0 <= start < len(text) for start in starts)


def test_the_prepared_folder_is_private_and_tells_its_origin(prepared: Path, embedder: OnnxEmbedder) -> None:
    folder = only_folder(prepared)
    assert folder.name == embedder.fingerprint
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in folder.iterdir()) == ["model.onnx", "record.json"]
    record = json.loads((folder / "record.json").read_text())
    assert record["sources"]["model.safetensors"].startswith("53aa5117")
    assert set(record["versions"]) == {"onnxruntime", "torch", "transformers"}


def flip_a_byte(folder: Path) -> None:
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)


def lose_the_network(folder: Path) -> None:
    (folder / "model.onnx").unlink()


def lose_the_record(folder: Path) -> None:
    (folder / "record.json").unlink()


def garble_the_record(folder: Path) -> None:
    (folder / "record.json").write_text("[]")


def claim_other_weights(folder: Path) -> None:
    record = json.loads((folder / "record.json").read_text())
    record["sources"]["model.safetensors"] = "0" * 64
    (folder / "record.json").write_text(json.dumps(record))


def open_to_others(folder: Path) -> None:
    folder.chmod(0o770)


@pytest.mark.parametrize(
    "alter",
    [flip_a_byte, lose_the_network, lose_the_record, garble_the_record, claim_other_weights, open_to_others],
)
def test_an_altered_cache_is_refused_and_left_alone(altered: Path, alter: Callable[[Path], None]) -> None:
    folder = only_folder(altered)
    load_onnx_embedder(altered)
    alter(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ModelUnverified, match="delete") as refused:
        load_onnx_embedder(altered)
    assert str(folder) in refused.value.file
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_of_two_preparations_at_once_the_second_gives_way(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder appears while we prepare: ours is thrown away, and the one in place is loaded."""
    folder = only_folder(prepared)
    before = (folder / "model.onnx").stat().st_ino
    monkeypatch.setattr(sys, "executable", "/bin/true")  # what was prepared is not looked at, as it loses
    onnx_embedder._prepare_aside(packaged_minilm(), folder)  # the race, made certain
    assert (folder / "model.onnx").stat().st_ino == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_failed_preparation_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ModelUnavailable, match="preparation failed"):
        load_onnx_embedder(tmp_path)
    assert list((tmp_path / "models").iterdir()) == []


def test_embedding_needs_neither_torch_nor_transformers(prepared: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from rag_service.adapters.onnx_embedder import load_onnx_embedder\n"
        "assert not {'numpy', 'onnxruntime', 'tokenizers'} & set(sys.modules)\n"
        "load_onnx_embedder(Path(sys.argv[1])).embed(['a question'])\n"
        "assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)\n"
    )
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", script, str(prepared)]
    child = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
