"""Documents through the production path of ingestion, up to what it marks: validate, parse, scrub, screen, judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ingestion.judge import OFF_TOPIC, judged, requests_in
from ingestion.parse import parse
from ingestion.removal import KeyedPolicy
from ingestion.screen import CONCEALED_INSTRUCTION
from ingestion.stages import clean
from ingestion.validate import validate
from rag_service.detect import injection
from rag_service.detect.judge import Judge
from rag_service.detect.pii import PiiDetector
from rag_service.domain.document import Finding, ScreenedDocument, Upload
from rag_service.domain.errors import Refused

_MOST_BYTES = 2**27
_LEAD = 24
"""Characters of a planted string by which it is found again: what is scrubbed from it stands further on, if at all."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Which layers marked a document, or the string that was planted in it."""

    by_rules: bool
    by_judge: bool

    @property
    def is_marked(self) -> bool:
        return self.by_rules or self.by_judge


@dataclass(frozen=True, slots=True)
class Screening:
    """The stages with their models, in this process."""

    judge: Judge
    detector: PiiDetector

    def screened(self, name: str, content: bytes) -> ScreenedDocument | None:
        """The document as ingestion would seal it; none where it would be refused."""
        upload = Upload(name, content, name)
        try:
            parsed = parse(validate(upload, max_bytes=_MOST_BYTES))
        except Refused:
            return None
        document = clean(parsed, name, KeyedPolicy(), self.detector).document
        return judged(document, self.judge.judge(requests_in(document)))

    def file(self, path: Path) -> Seen:
        """What is marked anywhere in a file."""
        return self.text(path.name, path.read_bytes())

    def text(self, name: str, content: bytes) -> Seen:
        document = self.screened(name, content)
        if document is None:
            return Seen(by_rules=False, by_judge=False)
        hidden = bool({CONCEALED_INSTRUCTION, "instruction_in_title"} & set(document.concealments))
        seen = _seen(document.suspicions)
        return Seen(seen.by_rules or hidden, seen.by_judge)

    def planted(self, name: str, text: str, string: str, share: float) -> Seen:
        """What is marked of a string that stands on lines of its own at this share of the document's lines."""
        lines = text.splitlines()
        at = round(share * len(lines))
        whole = "\n".join([*lines[:at], "", string, "", *lines[at:]])
        document = self.screened(name, whole.encode())
        if document is None:
            return Seen(by_rules=False, by_judge=False)
        canonical = document.document.text
        lead = " ".join(string.split())[:_LEAD]
        start = canonical.find(lead)
        if start < 0:  # its first words were markup or personal data
            return _seen(document.suspicions)
        end = start + len(string)
        return _seen([one for one in document.suspicions if one.start < end and one.end > start])


def _seen(suspicions: Sequence[Finding]) -> Seen:
    kinds = {one.kind for one in suspicions}
    return Seen(injection.KIND in kinds, OFF_TOPIC in kinds)
