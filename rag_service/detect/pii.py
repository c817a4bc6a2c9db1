"""Personal identifiers in a text: patterns with checksums and context words always, names where the policy asks.

Values are looked for in what a reader or model would make of the text, so that invisible characters and full-width
digits hide nothing; spans are in the text as given.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

from rag_service.detect import credentials
from rag_service.detect.concealment import reveal_with_offsets
from rag_service.detect.dates_and_ages import find_ages, find_dates
from rag_service.detect.disguise import find_disguised, undisguised
from rag_service.detect.entities import CREDENTIAL, CUSTOM, ENTITIES, IDENTIFIERS, NEEDS_LANGUAGE
from rag_service.detect.hosts import find_links
from rag_service.detect.named_entities import NamedEntities
from rag_service.detect.numbers import find_cards, find_licences
from rag_service.detect.organizations import find_organizations
from rag_service.detect.person_cues import find_cued_names, find_titles
from rag_service.detect.phones import find_phones, with_extension
from rag_service.detect.pii_patterns import (
    PHONE_THRESHOLD,
    THRESHOLD,
    PatternEngine,
    build_pattern_engine,
)
from rag_service.detect.places import find_peoples, find_places
from rag_service.detect.plausible import is_plausible
from rag_service.detect.recognizers import Recognizer
from rag_service.detect.settle import layered, united
from rag_service.detect.street_addresses import find_postal_codes, find_streets
from rag_service.detect.towns import find_towns
from rag_service.detect.windows import windows
from rag_service.domain.document import Finding

VERSION = "pii-3"

_WORTH_A_LOOK = re.compile(
    r"@|\d(?:[^\w\n]{0,3}\d){5}|[^\W\d_]\d{3}|\d{4}[^\W\d_]|[0-9A-Fa-f]{1,4}:[0-9A-Fa-f:]{1,40}|"
    r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d"
    r"|[A-Za-z]{6}[\dL-V]{2}[A-Za-z][\dL-V]{2}|[A-Za-z]{2} ?\d\d ?\d|[A-Za-z0-9]{25}"
)
_RULES: tuple[tuple[str, Callable[[str], Iterable[Finding]]], ...] = (
    ("street_address", find_streets),
    ("postal_code", find_postal_codes),
    ("date_time", find_dates),
    ("age", find_ages),
    ("url", find_links),
    ("title", find_titles),
    ("person", find_cued_names),
    ("location", find_places),
    ("location", find_towns),
    ("nrp", find_peoples),
    ("organization", find_organizations),
)
_NUMBERS: tuple[tuple[str, Callable[[str], Iterable[Finding]]], ...] = (
    ("credit_card", find_cards),
    ("us_driver_license", find_licences),
    ("phone_number", find_phones),
)
_FROM_MODELS = NEEDS_LANGUAGE | {"street_address", "postal_code"}
_VERSION_BEFORE = re.compile(r"(?:\b(?:version|release|section|build|clause|v|§)\.?\s?|\.)$", re.IGNORECASE)


class PiiDetector:
    """Finds what a policy removes. Build one a process; what is heavy is loaded at first use. Thread-safe."""

    def __init__(self, recognizers: Iterable[Recognizer] = ()) -> None:
        self._recognizers = tuple(recognizers)
        self._lock = threading.Lock()
        self._entities = NamedEntities()

    @cached_property
    def _patterns(self) -> PatternEngine:
        # Presidio logs what it finds at levels that a root logger may print.
        logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
        return build_pattern_engine()

    def detect(self, text: str, kinds: frozenset[str], *, language: str | None = None) -> list[Finding]:  # noqa: ARG002  # one model so far
        """What of these kinds the text holds, in order and without overlap.

        ``kinds`` are keys of ``ENTITIES``. ``language`` is the text's, where it is known (ISO 639-1).

        Raises:
            ValueError: a kind that nothing looks for.
        """
        if unknown := kinds - ENTITIES.keys():
            raise ValueError(f"there is no kind of personal data called {', '.join(sorted(unknown))}")
        revealed = reveal_with_offsets(text)
        plain = undisguised(revealed.text)
        found = list(credentials.find_credentials(plain.text)) if CREDENTIAL in kinds else []
        if kinds & IDENTIFIERS - {CREDENTIAL, CUSTOM}:
            found += (finding for finding in self._identifiers(plain.text) if finding.kind in kinds)
            found += (one for kind, find in _NUMBERS if kind in kinds for one in find(plain.text))
            found += (one for one in find_disguised(plain.text) if one.kind in kinds)
        found = [with_extension(plain.text, one) if one.kind == "phone_number" else one for one in found]
        found += (one for added in self._recognizers if added.kind in kinds for one in added.find(plain.text))
        settled = united(found)
        if kinds - IDENTIFIERS:
            named = (finding for finding in self._named(plain.text, kinds) if finding.kind in kinds)
            settled = layered(plain.text, settled, named)
        return [
            Finding(one.kind, *revealed.original(plain.offsets[one.start], plain.offsets[one.end]), one.score)
            for one in settled
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

    def _named(self, text: str, kinds: frozenset[str]) -> Iterator[Finding]:
        """What is told by words and models: more than was asked for, and overlapping."""
        for kind, find in _RULES:
            if kind in kinds:
                yield from find(text)
        if kinds & _FROM_MODELS:
            yield from self._entities.find(text, kinds)


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
    if not in_context and not is_plausible(kind, text, result.start, result.end):
        return False
    if kind == "IP_ADDRESS" and not in_context:
        # Four numbers with dots are as often a version or a section.
        return not _VERSION_BEFORE.search(text[max(0, result.start - 12) : result.start])
    return bool(result.score >= (PHONE_THRESHOLD if kind == "PHONE_NUMBER" else THRESHOLD))
