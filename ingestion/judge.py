"""A screened document in which requests that are none for its readers are marked.

What a request is worth is told by models, in a process that holds no document; where the line is drawn, here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ingestion.screen import CONCEALED_INSTRUCTION
from rag_service.detect.judge import AROUND, RequestInPlace, in_place
from rag_service.detect.requests import LONGEST
from rag_service.domain.document import Finding, ScreenedDocument

OFF_TOPIC = "off_topic_request"
THRESHOLD = 0.7
"""The largest, in steps of 0.05, that finds 0.90 of the strings planted for choosing: see ``docs/evaluation.md``."""
HIDDEN_THRESHOLD = 0.5
"""Of what readers do not see less is needed. Comments and descriptions of pictures ask for things, too."""


def requests_in(document: ScreenedDocument) -> list[RequestInPlace]:
    """What the models are asked about: the document's requests in order, then those of its hidden text.

    Around a hidden one stands what readers see first: it belongs there if it speaks of the same.
    """
    scrubbed = document.document
    around = scrubbed.text[: 2 * AROUND].strip()
    shown = [in_place(scrubbed.text, scrubbed.title, request, LONGEST) for request in document.requests]
    return shown + [RequestInPlace(text, around, scrubbed.title) for text in document.hidden_requests]


def judged(document: ScreenedDocument, odds: Sequence[float]) -> ScreenedDocument:
    """The document with those of its requests marked that are surely none for its readers. None is left to judge."""
    shown, hidden = odds[: len(document.requests)], odds[len(document.requests) :]
    found = [
        Finding(OFF_TOPIC, request.start, request.end, round(chance, 4))
        for request, chance in zip(document.requests, shown, strict=True)
        if chance >= THRESHOLD
    ]
    marked = sorted((*document.suspicions, *found), key=lambda one: (one.start, one.end, one.kind))
    kinds = set(document.concealments)
    if any(chance >= HIDDEN_THRESHOLD for _, chance in zip(document.hidden_requests, hidden, strict=True)):
        kinds.add(CONCEALED_INSTRUCTION)
    return replace(
        document, suspicions=tuple(marked), concealments=tuple(sorted(kinds)), requests=(), hidden_requests=()
    )
