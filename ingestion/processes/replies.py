"""Answers of children, read and checked: spans lie in their text, passages say what the text says, rows are vectors.

What else a child may have been made to say cannot be told from what a document might say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ingestion.chunk import Suspicions, heading_of
from ingestion.containers.limits import UnpackLimits
from ingestion.containers.walk import Unpacked
from ingestion.inspection.names import check_name
from ingestion.processes.wire import Chunks, Malformed, UnpackReply, decode, decode_odds, decode_rows, is_sentence
from ingestion.stages import Cleaned
from rag_service.detect.pseudonyms import is_stand_in
from rag_service.domain.document import Chunk, ParsedDocument, ScreenedDocument, ScrubbedDocument
from rag_service.domain.errors import Refused

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_KIND = re.compile("[a-z][a-z_]{1,39}")
_MOST_KINDS = 40
_MOST_PATH = 2**14
"""Characters of the way to a member, through all that it lies in."""


def parsed(body: bytes, blob: bytes) -> ParsedDocument:
    """Of its own words a parser has but kinds of active content, which are few and short. Raises ``Malformed``."""
    _nothing(blob)
    found = decode(ParsedDocument, body)
    if len(found.stripped) > _MOST_KINDS or not all(_KIND.fullmatch(kind) for kind in found.stripped):
        raise Malformed
    return found


def unpacked(limits: UnpackLimits, first: int, packed: int, body: bytes, blob: bytes) -> Unpacked | None:
    """Members are no more, no larger and called nothing else than they may be. Raises ``Malformed``.

    What lies in them is for a parser to say.
    """
    found = decode(UnpackReply, body)
    if found.contents is None:
        _nothing(blob)
        return None
    members = found.contents.members
    if len(members) + len(found.contents.refused) > 2 * limits.members or not 0 <= found.handed <= len(members) - first:
        raise Malformed
    if not all(0 <= one.size <= limits.member for one in members):
        raise Malformed
    if sum(one.size for one in members) > limits.expanded + packed:
        raise Malformed
    for one in members:
        _check_path(one.path, one.name)
    for told in found.contents.refused:
        if not (told.path.isprintable() and len(told.path) <= _MOST_PATH and is_sentence(told.reason, told.detail)):
            raise Malformed
    if len({one.path for one in members}) < len(members):
        raise Malformed
    contents, at = [], 0
    for one in members[first : first + found.handed]:
        contents.append(blob[at : at + one.size])
        at += one.size
    if at != len(blob):
        raise Malformed
    return Unpacked(found.contents, tuple(contents))


def _check_path(path: str, name: str) -> None:
    try:
        for part in path.split("!"):
            check_name(part)
    except Refused:
        raise Malformed from None
    if not path.endswith(name) or not name or len(path) > _MOST_PATH:
        raise Malformed


def cleaned(body: bytes, blob: bytes) -> Cleaned:
    """Blocks are in order and apart, findings lie in the text, and values belong to stand-ins. Raises ``Malformed``."""
    _nothing(blob)
    found = decode(Cleaned, body)
    scrubbed = found.document.document
    _in_order(((block.start, block.end) for block in scrubbed.blocks), len(scrubbed.text))
    for finding in (*scrubbed.hiding, *found.document.suspicions, *found.document.requests):
        if not 0 <= finding.start <= finding.end <= len(scrubbed.text):
            raise Malformed
    _in_order(((one.start, one.end) for one in found.values), len(scrubbed.text))
    if not all(is_stand_in(scrubbed.text[one.start : one.end]) for one in found.values):
        raise Malformed
    return found


def screened(document: ScrubbedDocument, body: bytes, blob: bytes) -> ScreenedDocument:
    """It is the document that was asked about, and findings lie in its text. Raises ``Malformed``."""
    _nothing(blob)
    found = decode(ScreenedDocument, body)
    for finding in (*found.suspicions, *found.requests):
        if not 0 <= finding.start <= finding.end <= len(document.text):
            raise Malformed
    return replace(found, document=document)


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
