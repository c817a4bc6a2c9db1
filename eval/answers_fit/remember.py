"""An embedder that embeds each text once: the fits to different parts of the questions compare the same units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rag_service.ports import Embedder


class Remembering:
    """``ports.Embedder`` over another one. What it remembers is never let go: it lasts for one fit."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: dict[str, npt.NDArray[np.float32]] = {}
        self.fingerprint = embedder.fingerprint
        self.dimension = embedder.dimension
        self.max_tokens = embedder.max_tokens

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """As the other one does."""
        unknown = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if unknown:
            self._vectors |= zip(unknown, self._embedder.embed(unknown), strict=True)
        return np.stack([self._vectors[text] for text in texts])

    def token_starts(self, text: str) -> list[int]:
        """As the other one tells."""
        return self._embedder.token_starts(text)
