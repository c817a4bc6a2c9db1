"""What is held of files, by the stages of ingestion up to the verdict: each by itself, or beside others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

from eval.detection.corpus import half_of
from eval.detection.screening import Screening
from ingestion.chunk import chunk
from ingestion.embed import embedded_text
from ingestion.floods import Earlier, compare
from ingestion.outliers import with_outliers
from ingestion.sketch import Sketch, sketch
from ingestion.verdict import verdict
from rag_service.domain.document import EmbeddedChunk
from rag_service.ports import Embedder

REFUSED = "refused"
KEY = b"a key for measuring, not a secret"


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


@dataclass(frozen=True, slots=True)
class Seen:
    """Why a file would be held by itself, what else speaks against it, and its sketch where it is compared."""

    reasons: tuple[str, ...]
    evidence: tuple[str, ...] = ()
    sketch: Sketch | None = None


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


def seen(case: Case) -> Seen:
    """The file by itself; its reason is ``refused`` where it would not be taken at all."""
    document = screening().screened(case.file, case.content)
    if document is None:
        return Seen((REFUSED,))
    model = embedder()
    chunks = chunk(document, model.token_starts)
    vectors = model.embed([embedded_text(one) for one in chunks]) if chunks else ()
    passages = [EmbeddedChunk(one, vector) for one, vector in zip(chunks, vectors, strict=True)]
    document = with_outliers(document, passages)
    decided = verdict(document, None)
    drawn = None if decided.holds else sketch(document.document.text, passages, KEY)
    return Seen(decided.reasons, tuple(sorted({one.kind for one in document.evidence})), drawn)


def seen_of(cases: Sequence[Case], workers: int) -> list[Seen]:
    """In the order of the cases. ``workers`` processes share the work."""
    if workers < 2:  # one is this process
        return [seen(case) for case in cases]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(seen, cases, chunksize=8))


def in_turn(files: Sequence[Seen]) -> list[Seen]:
    """The same with what they show beside each other, brought by one uploader in this order."""
    known: list[Earlier] = []
    reasons = [set(one.reasons) for one in files]
    evidence = [set(one.evidence) for one in files]
    for at, one in enumerate(files):
        if one.sketch is None:
            continue
        found = compare(one.sketch, known)
        evidence[at].update(found.evidence)
        for held in (str(at), *found.also) if found.reasons else ():
            reasons[int(held)].update(found.reasons)
        known.insert(0, Earlier(str(at), one.sketch))
    return [Seen(tuple(sorted(why)), tuple(sorted(also))) for why, also in zip(reasons, evidence, strict=True)]


def digest(text: str) -> int:
    """A number that is the text's own, for draws that do not depend on order."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)
