"""A screened document in which requests that are none for its readers are marked.

What a request is worth is told by models, in a process that holds no document; where the line is drawn, here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag_service.detect.judge import RequestInPlace, in_place
from rag_service.detect.requests import LONGEST
from rag_service.domain.document import Finding, ScreenedDocument

OFF_TOPIC = "off_topic_request"
THRESHOLD = 0.7
"""The largest, in steps of 0.05, that finds 0.90 of the strings planted for choosing: see ``docs/evaluation.md``."""


def requests_in(document: ScreenedDocument) -> list[RequestInPlace]:
    """What the models are asked about, in the order of the document's requests."""
    scrubbed = document.document
    return [in_place(scrubbed.text, scrubbed.title, request, LONGEST) for request in document.requests]


def judged(document: ScreenedDocument, odds: Sequence[float]) -> ScreenedDocument:
    """The document with those of its requests marked that are surely none for its readers. None is left to judge."""
    found = [
        Finding(OFF_TOPIC, request.start, request.end, round(chance, 4))
        for request, chance in zip(document.requests, odds, strict=True)
        if chance >= THRESHOLD
    ]
    marked = sorted((*document.suspicions, *found), key=lambda one: (one.start, one.end, one.kind))
    return replace(document, suspicions=tuple(marked), requests=())
