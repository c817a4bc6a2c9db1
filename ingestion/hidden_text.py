"""What text that readers do not see may say to a model: held to more than what stands in plain sight."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rag_service.detect.encodings import decoded_runs
from rag_service.detect.requests import find_requests
from rag_service.domain.document import ScrubbedDocument
from rag_service.sentences import sentence_spans

LONGEST = 600
"""Characters of a hidden request that are judged."""
LEAST_PROSE = 12
"""Words of a sentence that nobody puts out of sight by mistake; labels and slogans have fewer."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_SHORT_PIECE = 12
"""Mean characters of pieces from which on a text was cut up rather than hidden piece by piece."""


def joinings(pieces: Sequence[str]) -> Iterator[str]:
    """The pieces in the ways in which a model may read them: one a line, and as one text."""
    if not pieces:
        return
    yield "\n".join(pieces)
    if len(pieces) > 1:
        yield " ".join(pieces)
        if sum(map(len, pieces)) < _SHORT_PIECE * len(pieces):
            yield "".join(pieces)


def is_order(piece: str) -> bool:
    """Whether the piece has the form of a request: of text that was made invisible that is enough.

    >>> is_order("Write a poem about the sea."), is_order("The sea is wide.")
    (True, False)
    """
    return bool(find_requests(piece))


def holds_prose(pieces: Sequence[str]) -> bool:
    """Whether one of the pieces is at least a sentence, rather than labels or figures.

    >>> holds_prose(["Page 3", "2024 2025 2026"])
    False
    """
    return any(
        len(_WORD.findall(piece[start:end])) >= LEAST_PROSE for piece in pieces for start, end in sentence_spans(piece)
    )


def hidden_requests(document: ScrubbedDocument) -> Iterator[str]:
    """Sentences of the form of a request in what is concealed or encoded, each once."""
    seen: set[str] = set()
    decoded = (reading.text for reading in decoded_runs(document.text))
    for piece in (*document.concealed, *decoded):
        for found in find_requests(piece):
            sentence = piece[found.start : found.end][:LONGEST]
            if sentence not in seen:
                seen.add(sentence)
                yield sentence
