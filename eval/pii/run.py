"""Labelled texts through the detector that scrubs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.pii.kinds import judged_as, kinds_of
from eval.pii.labelled import LabelledText, Span, read_labelled
from eval.pii.report import document
from eval.pii.score import score
from rag_service.detect.entities import ENTITIES
from rag_service.detect.pii import PiiDetector
from rag_service.detect.policy import PiiPolicy

if TYPE_CHECKING:
    from eval.bar import Bar

_TIMED_CHARACTERS = 40_000


def run_pii(files: Iterable[Path], chosen: Mapping[str, str], bar: Bar) -> list[dict[str, Any]]:
    """The figures of each file, with all kinds looked for, whatever any tenant's policy.

    Raises:
        DatasetError: a file is missing or does not fit its format, before the first is measured.
    """
    read = [(path, read_labelled(path)) for path in files]
    detector = PiiDetector()
    return [_measure(path, texts, chosen, detector, bar) for path, texts in read]


def _measure(
    path: Path, texts: Sequence[LabelledText], chosen: Mapping[str, str], detector: PiiDetector, bar: Bar
) -> dict[str, Any]:
    every = frozenset(ENTITIES)
    kinds = kinds_of(sorted({span.kind for text in texts for span in text.spans}), chosen)
    same = judged_as(kinds)
    found = []
    bar.begin(path.name, len(texts))
    for text in texts:
        found.append(
            [Span(same.get(one.kind, one.kind), one.start, one.end) for one in detector.detect(text.text, every)]
        )
        bar.advance()
    return document(path, score(texts, found, kinds), kinds, _speed([text.text for text in texts]))


def _speed(texts: Sequence[str]) -> dict[str, float]:
    """Characters per second of processor time under each policy, on the first texts as one document."""
    sample = "\n\n".join(texts)[:_TIMED_CHARACTERS]
    from threadpoolctl import threadpool_limits

    speed: dict[str, float] = {}
    for policy in PiiPolicy:
        detector = PiiDetector()  # one that has seen none of the texts, as it remembers what it found in each
        detector.detect("Ann Example, ann@example.com", policy.entities)  # what is loaded at first use is not counted
        with threadpool_limits(1):  # as in the processes that scrub
            before = time.process_time()
            detector.detect(sample, policy.entities)
            speed[policy.value] = round(len(sample) / max(time.process_time() - before, 1e-6))
    return speed
