"""Vet: passages that instruct, or that hide something, are dropped before any model sees them."""

from __future__ import annotations

from dataclasses import dataclass

from rag_service.domain.answer import Flag, Passage
from rag_service.query.open_passages import Opened


@dataclass(frozen=True, slots=True)
class Vetted:
    passages: tuple[Passage, ...]
    flags: tuple[Flag, ...]


def vet(opened: Opened) -> Vetted:
    """The passages without a suspicion. The caller may read the others too, so each is named in a flag."""
    kept = tuple(passage for passage in opened.passages if not passage.suspicions)
    dropped = (
        Flag("vet", kind, "dropped", passage.document_id)
        for passage in opened.passages
        for kind in passage.suspicions
    )
    return Vetted(kept, opened.flags + tuple(dict.fromkeys(dropped)))
