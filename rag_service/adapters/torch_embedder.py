"""Embeds with any sentence-transformers model from a local folder, in fp32, through torch."""

from __future__ import annotations

import json
import os
from threading import Lock
from typing import TYPE_CHECKING

from rag_service.adapters.model_files import packaged_minilm, refuse_pickles, sha256
from rag_service.domain.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from sentence_transformers import SentenceTransformer

SETTING = "RAG_EMBEDDING_MODEL"
BATCH = 16
UNLIMITED = 1_000_000
"""A tokenizer that knows no longest input says so with a huge number."""


class TorchEmbedder:
    """``ports.Embedder`` over a loaded sentence-transformers model.

    One call at a time: the tokenizer's padding and truncation are state that threads would share.
    """

    def __init__(self, model: SentenceTransformer, *, fingerprint: str) -> None:
        self._model = model
        self._fingerprint = fingerprint
        self._lock = Lock()
        dimension = model.get_embedding_dimension()
        limits = (model.max_seq_length, getattr(model.tokenizer, "model_max_length", None))
        known = [limit for limit in limits if isinstance(limit, int) and 0 < limit < UNLIMITED]
        if dimension is None or not known or not getattr(model.tokenizer, "is_fast", False):
            raise InvalidSetting(SETTING, "the model must have a fixed dimension, a longest input and a tokenizer.json")
        self._dimension = int(dimension)
        self._max_tokens = known[0]

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def max_tokens(self) -> int:
        return self._max_tokens

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Shape (len(texts), dimension), rows of unit length, in the order given. Blocking; thread-safe."""
        import numpy as np

        if not texts:
            return np.zeros((0, self._dimension), np.float32)
        with self._lock:
            rows = self._model.encode(list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(rows, dtype=np.float32)

    def token_starts(self, text: str) -> list[int]:
        """The code-point offset at which each token begins; equal ones where one character makes several tokens."""
        with self._lock:
            encoded = self._model.tokenizer(
                text, add_special_tokens=False, truncation=False, return_offsets_mapping=True, verbose=False
            )
        return [int(start) for start, _ in encoded["offset_mapping"]]


def load_packaged_torch_embedder(*, threads: int = 1) -> TorchEmbedder:
    """The packaged MiniLM in fp32; every file was compared with its pinned digest.

    Raises:
        ModelUnverified: a file is missing or altered.
    """
    model = packaged_minilm()
    model.verify()
    digest = sha256(json.dumps(dict(model.digests), sort_keys=True).encode())
    return TorchEmbedder(_load(model.folder, threads), fingerprint=f"{model.name}-fp32-{digest[:16]}")


def load_torch_embedder(folder: Path, *, threads: int = 1) -> TorchEmbedder:
    """The model in ``folder``, from safetensors alone, without running any code that came with it.

    Nobody pinned these files: the operator vouches for the folder. The fingerprint is a digest over all of them, so
    that a changed model is another model to the index.

    Raises:
        ModelUnverified: a file in the folder is of a format that can run code.
        InvalidSetting: the folder is no sentence-transformers model that this loader takes.
    """
    if not (folder / "modules.json").is_file():
        raise InvalidSetting(
            SETTING, f"{folder} is no folder of a sentence-transformers model (it has no modules.json)"
        )
    refuse_pickles(folder.name, folder)
    _refuse_foreign_modules(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    digests = {path.relative_to(folder).as_posix(): sha256(path.read_bytes()) for path in files}
    digest = sha256(json.dumps(digests, sort_keys=True).encode())
    try:
        return TorchEmbedder(_load(folder, threads), fingerprint=f"{folder.name}-fp32-{digest[:16]}")
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise InvalidSetting(SETTING, f"{folder} could not be loaded: {type(error).__name__}") from error


def _refuse_foreign_modules(folder: Path) -> None:
    """Each part of the model is a class of sentence-transformers; other names would be imported and run."""
    try:
        types = [str(module["type"]) for module in json.loads((folder / "modules.json").read_text("utf-8"))]
    except (OSError, ValueError, KeyError, TypeError):
        raise InvalidSetting(SETTING, f"{folder / 'modules.json'} cannot be read") from None
    for name in types:
        if not name.startswith("sentence_transformers."):
            raise InvalidSetting(SETTING, f"{folder} asks for the class {name}, and only sentence_transformers is run")


def _load(folder: Path, threads: int) -> SentenceTransformer:
    # Read when the libraries are imported; the loading below stays within the folder in any case.
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "DO_NOT_TRACK", "HF_HUB_DISABLE_TELEMETRY"):
        os.environ[name] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    return SentenceTransformer(
        str(folder),
        device="cpu",
        local_files_only=True,
        trust_remote_code=False,
        model_kwargs={"use_safetensors": True, "torch_dtype": "float32"},
    )
