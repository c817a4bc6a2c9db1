"""Judges by a small packaged model whether a text is an injection: int8 ONNX, about 30 MB, one thread.

The model is the one of the PyPI package stackone-defender (a fine-tuned MiniLM with two heads). The package is
located and read, and none of its code is run: we need its weights, and the calibration that it was published with.
"""

from __future__ import annotations

import importlib.util
import math
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rag_service.adapters.model_files import ModelFiles
from rag_service.domain.errors import ModelUnverified

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnxruntime
    from tokenizers import Tokenizer

DEFENDER = "minilm-multihead-v5"
DEFENDER_DIGESTS: Mapping[str, str] = {
    "classifier_config.json": "cfae8dfeb561cea5c99a81bac41f5da1254b92c71be2f641486e9e63ade86032",
    "config.json": "9ac5b401b1ad005e0e2c3f7dfe5d05bbb59a4368b59438cd24bc93d5baa3c280",
    "model_quantized.onnx": "3d4a1ba798c395c140202992c50e6c8de02fb1b9bd5aba6540848705b9c1e92c",
    "tokenizer.json": "0d3aef594edd5f9b53e7f814277a9171dc70ff93eb66bda6e01f7aa53997d963",
    "tokenizer_config.json": "7157371fc530fa70df2d0b4aa568da99a6f0ebca2c96405426382ea6476125b5",
}
"""The files of the PyPI package stackone-defender 0.9.4 (Apache-2.0)."""

MAX_TOKENS = 256
TEMPERATURE = 2.41
"""By which the published calibration divides the logits (``classifier_config.json``)."""
_ONE_TOKEN_SHARE = 2 / 3
_FEW_TOKENS = 4
_UNKNOWN = "[UNK]"


def packaged_defender() -> ModelFiles:
    """The packaged classifier where it is installed. The package is located without running any of its code.

    Raises:
        ModelUnverified: the package is not installed.
    """
    spec = importlib.util.find_spec("stackone_defender")
    if spec is None or spec.origin is None:
        raise ModelUnverified(DEFENDER, "the package stackone-defender")
    return ModelFiles(DEFENDER, Path(spec.origin).parent / "models" / DEFENDER, DEFENDER_DIGESTS)


class PackagedClassifier:
    """``ports.InjectionClassifier``. Loads with the first text; a text's score depends on that text alone.

    Only the first 256 tokens of a text are read: give it a sentence or a passage at a time.
    """

    def __init__(self, files: ModelFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._loaded: tuple[onnxruntime.InferenceSession, Tokenizer] | None = None

    @property
    def version(self) -> str:
        return f"{DEFENDER}-{DEFENDER_DIGESTS['model_quantized.onnx'][:8]}"

    def score(self, texts: Sequence[str]) -> list[float]:
        """How surely each text is an injection, from 0 to 1, in the order given. Blocking; thread-safe.

        Raises:
            ModelUnverified: the installed files are not the ones that we pinned.
        """
        if not texts:
            return []
        session, tokenizer = self._model()
        return [self._score_one(text, session, tokenizer) for text in texts]

    def load(self) -> None:
        """The model is in memory. Raises ``ModelUnverified``."""
        self._model()

    def _model(self) -> tuple[onnxruntime.InferenceSession, Tokenizer]:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> tuple[onnxruntime.InferenceSession, Tokenizer]:
        import onnxruntime
        from tokenizers import Tokenizer

        self._files.verify()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # a plan is kept for every length seen
        options.log_severity_level = 3
        network = self._files.read("model_quantized.onnx")
        session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        tokenizer = Tokenizer.from_buffer(self._files.read("tokenizer.json"))
        tokenizer.no_truncation()  # its state is shared by threads: cutting is done below
        tokenizer.no_padding()
        return session, tokenizer

    @staticmethod
    def _score_one(text: str, session: onnxruntime.InferenceSession, tokenizer: Tokenizer) -> float:
        import numpy as np

        ids = tokenizer.encode(text).ids
        if len(ids) > MAX_TOKENS:
            ids = [*ids[: MAX_TOKENS - 1], ids[-1]]  # the last one is [SEP]
        if _says_nothing(ids[1:-1], tokenizer.token_to_id(_UNKNOWN)):
            return 0.0
        tokens = np.asarray([ids], np.int64)
        logits = session.run(None, {"input_ids": tokens, "attention_mask": np.ones_like(tokens)})[0]
        return 1.0 / (1.0 + math.exp(-float(logits[0][0]) / TEMPERATURE))


def _says_nothing(tokens: Sequence[int], unknown: int | None) -> bool:
    """Whether a run of one mark is all there is: a ruled line, for which the model's answer means nothing.

    Runs of the unknown token are left to the model, as characters that it does not know are a way to evade it.
    """
    if len(tokens) < 3:
        return False
    counts = Counter(tokens)
    token, most = counts.most_common(1)[0]
    return most / len(tokens) >= _ONE_TOKEN_SHARE and len(counts) <= _FEW_TOKENS and token != unknown
