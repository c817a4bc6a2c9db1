"""Vectors that cost little, for measuring what does not depend on what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag_service.domain.document import Vector
    from rag_service.ports import Embedder

_KEPT = 0.8
_FEWEST = 64


class MixedEmbedder:
    """Embeds every N-th text; the others get unit vectors near those, clustered as real ones are.

    It carries the fingerprint of the embedder it borrows from, so that questions can be asked with that one. What it
    makes is good for timing, and for nothing else.
    """

    def __init__(self, embedder: Embedder, every: int) -> None:
        import numpy as np

        self._embedder = embedder
        self._every = every
        self._chance = np.random.default_rng(0)
        self._known: list[Vector] = []
        self._seen = 0
        self._lock = Lock()

    @property
    def fingerprint(self) -> str:
        return self._embedder.fingerprint

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def max_tokens(self) -> int:
        return self._embedder.max_tokens

    def token_starts(self, text: str) -> list[int]:
        return self._embedder.token_starts(text)

    def embed(self, texts: Sequence[str]) -> Vector:
        """Shape (len(texts), dimension), rows of unit length."""
        import numpy as np

        with self._lock:
            return np.stack([self._one(text) for text in texts])

    def _one(self, text: str) -> Vector:
        import numpy as np

        self._seen += 1
        if len(self._known) < _FEWEST or self._seen % self._every == 0:
            self._known.append(self._embedder.embed([text])[0])
            return self._known[-1]
        near, far = self._chance.integers(len(self._known), size=2)
        mixed: Vector = (_KEPT * self._known[near] + (1 - _KEPT) * self._known[far]).astype(np.float32)
        mixed += self._chance.normal(0, 0.02, mixed.shape).astype(np.float32)
        return (mixed / np.linalg.norm(mixed)).astype(np.float32)
