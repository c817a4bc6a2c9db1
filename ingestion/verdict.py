"""Whether a screened document goes live or waits for a reviewer, and for which reasons.

The one place where findings become a decision: a pure function of what the detectors found, so that stored findings can
be judged anew. What is held is the whole document: who hides an order in a file does not deserve that the rest of it is
believed either.
"""

from __future__ import annotations

from collections.abc import Iterator

from ingestion import outliers
from ingestion.judge import OFF_TOPIC
from ingestion.screen import MENTIONED
from rag_service.detect import injection, mirrored
from rag_service.domain.document import Finding, ScreenedDocument
from rag_service.domain.verdict import REASONS, CrossFindings, Verdict

__all__ = ["HELD_ODDS", "REASONS", "RULE_VERSION", "CrossFindings", "Verdict", "verdict"]

RULE_VERSION = "verdict-3"
_OF_CONCEALMENT = {
    "concealed_instruction": "concealed_instruction",
    "encoded_instruction": "encoded_instruction",
    "instruction_in_title": "instruction_in_title",
    "disguised_text": "disguised_text",
    "tag_characters": "hidden_characters",
}
HELD_ODDS = 0.9
"""How surely a request must be none for the document's readers to hold the document; less surely, only its passage is
left out of answers. With less, one ordinary README in twelve waited for a reviewer: see ``docs/evaluation.md``."""

OUT_OF_PLACE_ODDS = 0.85
"""The same in a passage that is out of place. With .75, one description of a Python package in forty was held more."""


def verdict(document: ScreenedDocument, across: CrossFindings | None) -> Verdict:
    """What is decided about a judged document; ``across`` is ``None`` where it was not compared with others.

    Raises:
        ValueError: requests of the document were not judged yet.
    """
    if document.requests or document.hidden_requests:
        raise ValueError("a document is judged before a verdict is reached")
    found = {*_of_itself(document), *(across.reasons if across else ())}
    versions = (RULE_VERSION, document.detector_version, *([across.detector_version] if across else []))
    return Verdict(tuple(reason for reason in REASONS if reason in found), " ".join(versions))


def is_of_today(judged_by: str) -> bool:
    """Whether a verdict of this version, without what other documents say, was reached by the rule of today."""
    return judged_by.partition(" ")[0] == RULE_VERSION


def _of_itself(document: ScreenedDocument) -> Iterator[str]:
    if document.document.awaits_reader:
        yield "unsearched_language"
    for kind in document.concealments:
        if kind in _OF_CONCEALMENT:
            yield _OF_CONCEALMENT[kind]
    for finding in document.suspicions:
        if finding.kind == injection.KIND and finding.score > MENTIONED:
            yield "injected_instruction"
        elif finding.kind == OFF_TOPIC and (finding.score >= HELD_ODDS or _has_evidence(document, finding)):
            yield "off_topic_request"


def _has_evidence(document: ScreenedDocument, request: Finding) -> bool:
    """Whether the text mirrors a question, or a request that is nearly sure stands where a passage is out of place."""
    kinds = {one.kind for one in document.evidence if one.start < request.end and request.start < one.end}
    is_out_of_place = outliers.KIND in kinds and request.score >= OUT_OF_PLACE_ODDS
    return is_out_of_place or any(one.kind == mirrored.MIRRORED for one in document.evidence)
