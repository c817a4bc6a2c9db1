"""What each stage of ingestion costs by itself: one file after the other, one thread, no process, queue or store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ingestion.chunk import chunk
from ingestion.embed import embedded_text
from ingestion.judge import judged, requests_in
from ingestion.parse import parse
from ingestion.removal import KeyedPolicy
from ingestion.seal import Tag, seal
from ingestion.stages import clean
from ingestion.validate import validate
from rag_service.adapters.embedders import load_embedder
from rag_service.adapters.injection_classifier import PackagedClassifier, packaged_defender
from rag_service.crypto.keys import KeyVault, TenantKeys
from rag_service.crypto.sealing import new_key
from rag_service.detect.judge import Judge
from rag_service.detect.pii import PiiDetector
from rag_service.domain.document import EmbeddedChunk, Upload
from rag_service.domain.errors import Refused
from rag_service.domain.identity import EVERYONE, TenantId
from rag_service.domain.jobs import UploadRequest
from rag_service.ports import Embedder
from rag_service.settings import load_settings

STAGES = ("parse", "scrub", "judge", "chunk", "embed", "seal")
"""``parse`` validates too, and ``scrub`` screens, as their processes do in production."""

_MARKS = 2
"""Tokens that mark the beginning and the end of an input."""

_TENANT, _DOCUMENT = TenantId("bench"), "bench"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on the clock, and of the processor."""

    wall: float = 0.0
    cpu: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall + other.wall, self.cpu + other.cpu)


@dataclass(slots=True)
class FileCost:
    """What one file cost in each stage that it reached.

    ``tokens`` are those that the model read, ``cut`` those that it did not, as they stood beyond its longest input.
    ``refused`` is the reason, where the file became no document.
    """

    path: Path
    stages: dict[str, Cost] = field(default_factory=dict)
    chunks: int = 0
    tokens: int = 0
    cut: int = 0
    refused: str | None = None

    @property
    def whole(self) -> Cost:
        return total(self.stages.values())


def total(costs: Iterable[Cost]) -> Cost:
    """The sum of the costs.

    >>> total([Cost(1.0, 0.5), Cost(2.0, 0.25)])
    Cost(wall=3.0, cpu=0.75)
    """
    return sum(costs, Cost())


class BareStages:
    """The stages as functions of this process, their models loaded and warm; ``load`` is what that took."""

    def __init__(self) -> None:
        self.load = Cost()
        self._settings = load_settings(threads=1)
        self._policy = KeyedPolicy()
        vault = KeyVault(new_key())
        self._keys: TenantKeys = vault.open_tenant_keys(_TENANT, vault.new_tenant_keys(_TENANT))
        began = _now()
        self._embedder: Embedder = load_embedder(self._settings)
        self._detector = PiiDetector()
        classifier = PackagedClassifier(packaged_defender())
        self._judge = Judge(self._embedder, classifier)
        self._embedder.embed(["warm"])
        classifier.load()
        self._detector.identifier_values("warm@example.com")
        self.load = _since(began)

    def warm(self, paths: Sequence[Path]) -> None:
        """The parsers of these files' formats are loaded, and counted as loading."""
        began = _now()
        for path in {path.suffix: path for path in paths}.values():
            self.cost(path)
        self.load += _since(began)

    def cost(self, path: Path) -> FileCost:
        """What the file costs, up to its refusal if it is refused. Reading it is not counted."""
        upload = Upload(name=path.name, content=path.read_bytes(), source=str(path))
        found = FileCost(path)
        try:
            self._walk(upload, found)
        except Refused as refusal:
            found.refused = refusal.reason
        return found

    def _walk(self, upload: Upload, found: FileCost) -> None:
        most = self._settings.max_upload_mb * 2**20
        parsed = _timed(found, "parse", lambda: parse(validate(upload, max_bytes=most)))
        cleaned = _timed(found, "scrub", lambda: clean(parsed, upload.source, self._policy, self._detector))
        requests = requests_in(cleaned.document)
        document = judged(cleaned.document, _timed(found, "judge", lambda: self._judge.judge(requests)))
        chunks = _timed(found, "chunk", lambda: chunk(document, self._embedder.token_starts))
        texts = sorted({embedded_text(one) for one in chunks})
        vectors = dict(zip(texts, _timed(found, "embed", lambda: self._embedder.embed(texts)), strict=True))
        embedded = [EmbeddedChunk(one, vectors[embedded_text(one)]) for one in chunks]
        request = UploadRequest(upload.name, upload.source, "operator", None, (str(EVERYONE),))
        tag = Tag(_DOCUMENT, 1, upload, request, cleaned.source, "", [EVERYONE])
        _timed(found, "seal", lambda: seal(document, embedded, tag, self._keys))
        found.chunks = len(chunks)
        lengths = [len(self._embedder.token_starts(one)) + _MARKS for one in texts]
        found.tokens = sum(min(length, self._embedder.max_tokens) for length in lengths)
        found.cut = sum(lengths) - found.tokens


def _timed(found: FileCost, stage: str, work: Callable[[], T]) -> T:
    began = _now()
    try:
        return work()
    finally:
        found.stages[stage] = _since(began)


def _now() -> Cost:
    return Cost(time.perf_counter(), time.process_time())


def _since(began: Cost) -> Cost:
    now = _now()
    return Cost(now.wall - began.wall, now.cpu - began.cpu)
