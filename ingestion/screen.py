"""A scrubbed document with what it hides, and what it says to a model rather than to its reader, marked."""

from __future__ import annotations

from collections.abc import Iterator

from rag_service.detect import concealment, injection, judge_weights, requests
from rag_service.domain.document import Finding, ScreenedDocument, ScrubbedDocument

DETECTOR_VERSION = f"{injection.VERSION} {concealment.VERSION} {requests.VERSION} {judge_weights.VERSION}"
CONCEALED_INSTRUCTION = "concealed_instruction"
CONCEALED_TEXT = "concealed_text"
SUBSTANTIAL = 200
"""Characters of hidden text in a document from which on hiding is itself worth a look; templates hide a few words."""


def screen(document: ScrubbedDocument) -> ScreenedDocument:
    """Instructions to a model and hidden characters are marked where they stand; what is hidden is named by kind.

    Requests are only gathered: whom they are for is judged with the models (``ingestion.judge``).

    Nothing is removed here: the chunks that a suspicion touches are dropped when a question meets them.
    """
    suspicions = [*injection.find_injections(document.text), *document.hiding]
    return ScreenedDocument(
        document=document,
        suspicions=tuple(sorted(suspicions, key=_place)),
        concealments=tuple(sorted(set(_concealments(document)))),
        detector_version=DETECTOR_VERSION,
        requests=tuple(requests.find_requests(document.text)),
    )


def _place(finding: Finding) -> tuple[int, int, str]:
    return finding.start, finding.end, finding.kind


def _concealments(document: ScrubbedDocument) -> Iterator[str]:
    for finding in document.hiding:
        yield finding.kind
    if any(injection.is_injected(piece) for piece in document.concealed):
        yield CONCEALED_INSTRUCTION
    if sum(map(len, document.concealed)) >= SUBSTANTIAL:
        yield CONCEALED_TEXT
    # A title is shown with every citation and embedded with every chunk, and has no span of its own.
    if injection.is_injected(document.title):
        yield "instruction_in_title"
