"""The models that are configured beside that of new tenants, each in workers of its own, started when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, Protocol, TypeVar

import structlog

from rag_service.domain.errors import EmbeddingMismatch, RagError

_log = structlog.get_logger()


class OfModel(Protocol):
    """What embeds with one model."""

    @property
    def fingerprint(self) -> str: ...

    def close(self) -> None: ...


T = TypeVar("T", bound=OfModel)


class FurtherModels(Generic[T]):
    """Found by the fingerprint of their verified files. Blocking; thread-safe."""

    def __init__(self, openers: Sequence[Callable[[], T]]) -> None:
        self._openers = openers
        self._started: dict[int, T] = {}
        self._fingerprints: dict[int, str] = {}
        self._choosing = Lock()

    def of(self, embedding: str, default: str) -> T:
        """What embeds with the model of this fingerprint. Others that had to be loaded to tell are closed again.

        Raises ``EmbeddingMismatch``.
        """
        with self._choosing:
            for number in range(len(self._openers)):
                if self._fingerprints.get(number, embedding) == embedding and self._is(number, embedding):
                    return self._started[number]
        raise EmbeddingMismatch(embedding, default)

    def close(self) -> None:
        """Nothing is left running."""
        for one in self._started.values():
            one.close()

    def _is(self, number: int, embedding: str) -> bool:
        if number in self._started:
            return True
        opened = self._openers[number]()
        try:
            self._fingerprints[number] = opened.fingerprint
        except RagError as problem:  # a folder that is gone keeps no other tenant from its model
            _log.error("embedding_model_unusable", problem=str(problem))
        if self._fingerprints.get(number) != embedding:
            opened.close()
            return False
        self._started[number] = opened
        return True
