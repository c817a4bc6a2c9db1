"""What is held of files, by the stages of ingestion up to the verdict on the document by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

from eval.detection.corpus import half_of
from eval.detection.screening import Screening
from ingestion.verdict import verdict
from rag_service.ports import Embedder

REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Case:
    """A file to be screened: ``kind`` is what it is counted under, ``name`` decides to which half it belongs."""

    kind: str
    name: str
    file: str
    content: bytes

    @property
    def half(self) -> int:
        return half_of(self.name)


@lru_cache(maxsize=1)
def embedder() -> Embedder:
    """The packaged model."""
    from rag_service.adapters.onnx_embedder import load_onnx_embedder
    from rag_service.settings import load_settings

    return load_onnx_embedder(load_settings().cache_dir)


@lru_cache(maxsize=1)
def screening() -> Screening:
    """The production stages in this process, loaded with the first call."""
    from rag_service.adapters.injection_classifier import PackagedClassifier, packaged_defender
    from rag_service.detect.judge import Judge
    from rag_service.detect.pii import PiiDetector

    return Screening(Judge(embedder(), PackagedClassifier(packaged_defender())), PiiDetector())


def reasons(case: Case) -> tuple[str, ...]:
    """Why the file would be held; ``refused`` where it would not be taken at all, nothing where it would go live."""
    document = screening().screened(case.file, case.content)
    return (REFUSED,) if document is None else verdict(document, None).reasons


def reasons_of(cases: Sequence[Case], workers: int) -> list[tuple[str, ...]]:
    """In the order of the cases. ``workers`` processes share the work."""
    if workers < 2:  # one is this process
        return [reasons(case) for case in cases]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(reasons, cases, chunksize=8))


def digest(text: str) -> int:
    """A number that is the text's own, for draws that do not depend on order."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)
