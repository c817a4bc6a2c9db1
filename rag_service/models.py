"""The models of a process: loaded when first used, verified, chosen for a tenant by what made its vectors."""

from __future__ import annotations

from functools import cached_property
from threading import Lock

import structlog

from rag_service.adapters.embedders import PACKAGED, configured, load_embedder, with_model
from rag_service.adapters.injection_classifier import PackagedClassifier, packaged_defender
from rag_service.detect.pii import PiiDetector
from rag_service.detect.recognizers import load_recognizers
from rag_service.domain.errors import EmbeddingMismatch, RagError
from rag_service.ports import Embedder
from rag_service.settings import Settings

_log = structlog.get_logger()


class Models:
    """What is heavy to load, loaded when first used. Several services in one process may share it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._recognizers = load_recognizers(settings.recognizers)[1]  # a mistake in the file is told at the start
        self._loading = Lock()
        self._further: list[Embedder] = []
        self._not_loaded = list(configured(settings)[1:])

    @cached_property
    def embedder(self) -> Embedder:
        """That of new tenants."""
        return load_embedder(self._settings)

    @cached_property
    def packaged(self) -> Embedder:
        """What the weights and thresholds for answers were fitted with, whatever a tenant's index was made with."""
        if self._settings.embedding_model == PACKAGED:
            return self.embedder
        return load_embedder(with_model(self._settings, f"{PACKAGED}:onnx"))

    def embedder_of(self, fingerprint: str) -> Embedder:
        """The configured model of this fingerprint, which its verified files have: no row of SQL names a file.

        Blocking where it must be loaded first. Raises ``EmbeddingMismatch`` where none of them is it.
        """
        if self.embedder.fingerprint == fingerprint:
            return self.embedder
        with self._loading:
            while True:
                for one in self._further:
                    if one.fingerprint == fingerprint:
                        return one
                if not self._not_loaded:
                    raise EmbeddingMismatch(fingerprint, self.embedder.fingerprint)
                self._load(self._not_loaded.pop(0))

    @cached_property
    def detector(self) -> PiiDetector:
        return PiiDetector(self._recognizers)

    @cached_property
    def classifier(self) -> PackagedClassifier:
        """Not in memory until it is first asked, or told to load."""
        return PackagedClassifier(packaged_defender())

    def _load(self, settings: Settings) -> None:
        """It is there, or is passed over: one folder that is gone must not keep other tenants from their models."""
        try:
            self._further.append(load_embedder(settings))
        except RagError as problem:
            _log.error("embedding_model_unusable", model=settings.embedding_model, problem=str(problem))
