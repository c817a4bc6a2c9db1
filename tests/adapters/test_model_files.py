"""A model file that is not the one we pinned is never loaded."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rag_service.adapters.model_files import MINILM_DIGESTS, ModelFiles, packaged_minilm, sha256
from rag_service.domain.errors import ModelUnverified

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def copied(tmp_path: Path) -> ModelFiles:
    """The small files of the packaged model, in a folder that may be altered."""
    digests = {file: digest for file, digest in MINILM_DIGESTS.items() if file != "model.safetensors"}
    shutil.copytree(packaged_minilm().folder, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    return replace(packaged_minilm(), folder=tmp_path / "model", digests=digests)


def test_the_installed_model_is_the_pinned_one() -> None:
    packaged_minilm().verify()


def test_every_digest_is_a_whole_sha256() -> None:
    assert all(len(digest) == len(sha256(b"")) for digest in MINILM_DIGESTS.values())
    assert MINILM_DIGESTS["model.safetensors"].startswith("53aa5117")


@pytest.mark.parametrize("file", sorted(set(MINILM_DIGESTS) - {"model.safetensors"}))
def test_one_changed_byte_is_refused(copied: ModelFiles, file: str) -> None:
    copied.verify()
    content = bytearray((copied.folder / file).read_bytes())
    content[len(content) // 2] ^= 1
    (copied.folder / file).write_bytes(content)
    for check in (copied.verify, lambda: copied.read(file)):
        with pytest.raises(ModelUnverified) as refused:
            check()
        assert (refused.value.model, refused.value.file) == ("all-MiniLM-L6-v2", file)


def test_a_missing_file_is_refused(copied: ModelFiles) -> None:
    (copied.folder / "tokenizer.json").unlink()
    with pytest.raises(ModelUnverified, match=r"tokenizer\.json"):
        copied.verify()


def test_a_file_outside_the_manifest_is_not_read(copied: ModelFiles) -> None:
    (copied.folder / "extra.json").write_text("{}")
    with pytest.raises(ModelUnverified, match=r"extra\.json"):
        copied.read("extra.json")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "2_Dense/weights.PT", "x.pkl", "optimizer.pth"])
def test_a_pickle_beside_the_model_is_refused(copied: ModelFiles, name: str) -> None:
    (copied.folder / name).parent.mkdir(exist_ok=True)
    (copied.folder / name).write_bytes(b"\x80\x04.")
    with pytest.raises(ModelUnverified, match="pickle"):
        copied.verify()
