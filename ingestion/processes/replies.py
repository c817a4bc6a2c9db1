"""Answers of children, read and checked: spans lie in their text, passages say what the text says, rows are vectors.

What else a child may have been made to say cannot be told from what a document might say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ingestion.chunk import Suspicions, heading_of
from ingestion.processes.wire import Chunks, Malformed, decode, decode_odds, decode_rows
from ingestion.stages import Cleaned
from rag_service.domain.document import Chunk, ParsedDocument, ScreenedDocument

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_KIND = re.compile("[a-z][a-z_]{1,39}")
_MOST_KINDS = 40


def parsed(body: bytes, blob: bytes) -> ParsedDocument:
    """Of its own words a parser has but kinds of active content, which are few and short. Raises ``Malformed``."""
    _nothing(blob)
    found = decode(ParsedDocument, body)
    if len(found.stripped) > _MOST_KINDS or not all(_KIND.fullmatch(kind) for kind in found.stripped):
        raise Malformed
    return found


def cleaned(body: bytes, blob: bytes) -> Cleaned:
    """Blocks are in order and apart, and findings lie in the text. Raises ``Malformed``."""
    _nothing(blob)
    found = decode(Cleaned, body)
    scrubbed = found.document.document
    _in_order(((block.start, block.end) for block in scrubbed.blocks), len(scrubbed.text))
    for finding in (*scrubbed.hiding, *found.document.suspicions, *found.document.requests):
        if not 0 <= finding.start <= finding.end <= len(scrubbed.text):
            raise Malformed
    return found


def chunks(document: ScreenedDocument, body: bytes, blob: bytes) -> list[Chunk]:
    """Passages are numbered, in order and apart, and each says of its span what the document does.

    Nothing in them is the child's own word but where it cut, as it has seen many tenants' texts. Raises ``Malformed``.
    """
    _nothing(blob)
    found = decode(Chunks, body).chunks
    text, suspicions = document.document.text, Suspicions(document.suspicions)
    places = {(None, None), *((block.page, block.section) for block in document.document.blocks)}
    _in_order(((one.start, one.end) for one in found), len(text))
    for ordinal, one in enumerate(found):
        if one.ordinal != ordinal or one.text != text[one.start : one.end]:
            raise Malformed
        if (one.page, one.section) not in places or one.heading != heading_of(document.document.title, one.section):
            raise Malformed
        if one.suspicions != suspicions.touching(one.start, one.end):
            raise Malformed
    return list(found)


def odds(count: int, body: bytes, blob: bytes) -> list[float]:
    _nothing(body)
    return decode_odds(blob, count=count)


def rows(count: int, dimension: int, body: bytes, blob: bytes) -> npt.NDArray[np.float32]:
    _nothing(body)
    return decode_rows(blob, rows=count, dimension=dimension)


def _in_order(spans: Iterable[tuple[int, int]], length: int) -> None:
    at = 0
    for start, end in spans:
        if not at <= start < end <= length:
            raise Malformed
        at = end


def _nothing(part: bytes) -> None:
    if part:
        raise Malformed
