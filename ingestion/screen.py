"""A scrubbed document with what it hides, and what it says to a model rather than to its reader, marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ingestion import outliers
from ingestion.hidden_text import hidden_requests, holds_prose, is_order, joinings
from rag_service.detect import concealment, injection, judge_weights, mentions, mirrored, requests
from rag_service.domain.document import Finding, ScreenedDocument, ScrubbedDocument

SCREEN_VERSION = "screen-3"
DETECTOR_VERSION = (
    f"{SCREEN_VERSION} {injection.VERSION} {mentions.VERSION} {concealment.VERSION} {requests.VERSION} "
    f"{judge_weights.VERSION} {mirrored.VERSION} {outliers.VERSION}"
)
CONCEALED_INSTRUCTION = "concealed_instruction"
CONCEALED_TEXT = "concealed_text"
DISGUISED_TEXT = "disguised_text"
ENCODED_INSTRUCTION = "encoded_instruction"
INSTRUCTION_IN_TITLE = "instruction_in_title"
MENTIONED = 0.5
"""How sure an order is that the text only speaks of: its passage is marked, and the document not held for it."""
SUBSTANTIAL = 200
"""Characters of hidden text in a document from which on hiding is itself worth a look; templates hide a few words."""


def screen(document: ScrubbedDocument) -> ScreenedDocument:
    """Instructions to a model and hidden characters are marked where they stand; what is hidden is named by kind.

    Requests are only gathered: whom they are for is judged with the models (``ingestion.judge``).

    Nothing is removed here: the chunks that a suspicion touches are dropped when a question meets them.
    """
    orders, is_encoded = injection.orders_in(document.text)
    spoken_of = mentions.mentioned(document.text, [(one.start, one.end) for one in orders])
    orders = [
        replace(one, score=MENTIONED) if is_mention and not is_encoded else one
        for one, is_mention in zip(orders, spoken_of, strict=True)
    ]
    kinds = set(_concealments(document))
    kinds |= {ENCODED_INSTRUCTION} if is_encoded else set()
    return ScreenedDocument(
        document=document,
        suspicions=tuple(sorted([*orders, *document.hiding], key=_place)),
        concealments=tuple(sorted(kinds)),
        detector_version=DETECTOR_VERSION,
        requests=tuple(requests.find_requests(document.text)),
        hidden_requests=tuple(hidden_requests(document)),
        evidence=tuple(mirrored.find_mirrors(document.text)),
    )


def _place(finding: Finding) -> tuple[int, int, str]:
    return finding.start, finding.end, finding.kind


def _concealments(document: ScrubbedDocument) -> Iterator[str]:
    for finding in document.hiding:
        yield finding.kind
    hidden = (*document.concealed, *document.disguised)
    if _gives_orders(hidden) or any(map(is_order, document.disguised)):
        yield CONCEALED_INSTRUCTION
    if holds_prose(document.disguised):
        yield DISGUISED_TEXT
    if sum(map(len, hidden)) >= SUBSTANTIAL:
        yield CONCEALED_TEXT
    # A title is shown with every citation and embedded with every chunk, and has no span of its own.
    if injection.is_injected(document.title):
        yield INSTRUCTION_IN_TITLE


def _gives_orders(hidden: Sequence[str]) -> bool:
    return any(injection.is_injected(text) for text in joinings(hidden))
