"""What scrubbing took out of a version's text, sealed beside it, and put back for whoever may see it.

A value belongs to a place in the text, not to a stand-in: one that somebody typed stands for nothing, wherever it was
copied from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from rag_service.detect.pseudonyms import is_stand_in
from rag_service.domain.document import RemovedValue
from rag_service.domain.errors import SealBroken


@dataclass(frozen=True, slots=True)
class Restored:
    """A version's text as before scrubbing, as far as that can be undone; ``values`` counts what was put back."""

    version: int
    text: str = field(repr=False)
    values: int


def sealable(values: Sequence[RemovedValue]) -> bytes:
    """The values and their places, for sealing."""
    return json.dumps([[one.start, one.end, one.value] for one in values]).encode()


def restored(text: str, plain: bytes, *, expected: int) -> tuple[str, int]:
    """The text with the values in their places, and how many there are.

    Raises:
        SealBroken: where they do not belong to this text, or are not as many as ``expected``.
    """
    pieces: list[str] = []
    at = 0
    places = json.loads(plain)
    if len(places) != expected:
        raise SealBroken
    for start, end, value in places:
        if not at <= start < end <= len(text) or not is_stand_in(text[start:end]):
            raise SealBroken
        pieces += (text[at:start], value)
        at = end
    return "".join((*pieces, text[at:])), len(places)
