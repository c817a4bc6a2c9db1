"""Embeds with the packaged MiniLM as int8 ONNX, about 60 MB beyond the interpreter, without torch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from rag_service.adapters.model_files import ModelFiles, packaged_minilm, sha256
from rag_service.adapters.prepare_onnx import NETWORK, RECORD, fingerprint, origin
from rag_service.domain.errors import ModelUnavailable, ModelUnverified

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

MAX_TOKENS = 256
DIMENSION = 384


class OnnxEmbedder:
    """``ports.Embedder``. A text's vector depends on that text alone.

    Texts run one by one: activations are quantised with one scale a run, so in a batch a vector would change with
    its neighbours, and padding would be computed for nothing. Throughput is that of batches of eight, at 80 MB less.
    Parallelism is over texts; a single text (a question) runs in the caller's thread and never queues behind a batch.
    """

    def __init__(self, network: bytes, tokenizer: bytes, *, fingerprint: str, threads: int = 1) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # a plan is kept for every length seen
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_buffer(tokenizer)
        # The state of a Tokenizer is shared by threads: cutting is done in _embed_one, so that nothing ever sets it.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="embed") if threads > 1 else None
        self._fingerprint = fingerprint

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def dimension(self) -> int:
        return DIMENSION

    @property
    def max_tokens(self) -> int:
        return MAX_TOKENS

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Shape (len(texts), 384), rows of unit length, in the order given. Blocking; thread-safe."""
        import numpy as np

        if self._pool is None or len(texts) == 1:
            rows = [self._embed_one(text) for text in texts]
        else:
            rows = list(self._pool.map(self._embed_one, texts))
        return np.stack(rows) if rows else np.zeros((0, DIMENSION), np.float32)

    def token_starts(self, text: str) -> list[int]:
        """The code-point offset at which each token begins; equal ones where one character makes several tokens."""
        return [start for start, _ in self._tokenizer.encode(text, add_special_tokens=False).offsets]

    def _embed_one(self, text: str) -> npt.NDArray[np.float32]:
        import numpy as np

        ids = self._tokenizer.encode(text).ids
        if len(ids) > MAX_TOKENS:
            ids = [*ids[: MAX_TOKENS - 1], ids[-1]]  # the last one is [SEP]
        tokens = np.asarray([ids], np.int64)
        feed = {"input_ids": tokens, "attention_mask": np.ones_like(tokens)}
        vector: npt.NDArray[np.float32] = self._session.run(None, feed)[0][0].mean(axis=0)
        return vector / np.linalg.norm(vector)


def load_onnx_embedder(cache_dir: Path, *, threads: int = 1) -> OnnxEmbedder:
    """The packaged model, ready. The first call on a machine prepares it, which takes about 20 seconds.

    Raises:
        ModelUnverified: an installed or prepared file is missing or altered. Prepared files are not made again by
            themselves, because an altered one deserves a look.
        ModelUnavailable: the preparation failed.
    """
    model = packaged_minilm()
    tokenizer = model.read("tokenizer.json")
    name = fingerprint(model)
    folder = cache_dir / "models" / name
    if not folder.exists():
        _prepare_aside(model, folder)
    return OnnxEmbedder(_verified_network(model, folder), tokenizer, fingerprint=name, threads=threads)


def _verified_network(model: ModelFiles, folder: Path) -> bytes:
    """The bytes of the prepared network, equal to its record, from a folder that only its owner can write."""
    remedy = f"(if you trust the machine, delete {folder}, and it is prepared again)"
    status = folder.stat()
    if status.st_mode & 0o022 or status.st_uid not in {os.geteuid(), 0}:
        raise ModelUnverified(model.name, f"{folder}, which other users can write, {remedy}")
    try:
        record = json.loads((folder / RECORD).read_bytes())
        network = (folder / NETWORK).read_bytes()
    except (OSError, ValueError):
        raise ModelUnverified(model.name, f"{folder / NETWORK} or its {RECORD} {remedy}") from None
    made_of = {"sha256": sha256(network), **origin(model)}
    if not isinstance(record, dict) or {name: record.get(name) for name in made_of} != made_of:
        raise ModelUnverified(model.name, f"{folder / NETWORK} {remedy}")
    return network


def _prepare_aside(model: ModelFiles, folder: Path) -> None:
    """``folder`` exists and is complete. Of two processes that prepare at once, the first to finish wins."""
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = Path(tempfile.mkdtemp(prefix=".preparing-", dir=folder.parent))  # mode 0700
    try:
        # -P keeps the working folder off the child's path; the child needs only this package and its libraries.
        package_root = str(Path(__file__).resolve().parents[2])
        offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1"}
        path = os.pathsep.join(filter(None, (package_root, os.environ.get("PYTHONPATH"))))
        done = subprocess.run(  # noqa: S603  # this interpreter, our own module, a folder we named
            [sys.executable, "-P", "-m", "rag_service.adapters.prepare_onnx", str(aside)],
            env={**os.environ, **offline, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last_line = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise ModelUnavailable(model.name, f"its preparation failed: {last_line}")
        try:
            aside.rename(folder)
        except OSError:
            if not folder.exists():
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
