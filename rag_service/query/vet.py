"""Vet: passages that command, and those of documents that hide a command, are dropped before any model sees them."""

from __future__ import annotations

from dataclasses import dataclass

from rag_service.domain.answer import Flag, Passage
from rag_service.query.open_passages import Opened

_DROPPED = frozenset({"injected_instruction", "concealed_instruction", "instruction_in_title"})


@dataclass(frozen=True, slots=True)
class Vetted:
    passages: tuple[Passage, ...]
    flags: tuple[Flag, ...]


def vet(opened: Opened) -> Vetted:
    """The passages that nobody uses to command a model.

    Suspicions of other kinds, such as characters that were hidden and are gone, are flagged only. A flag names the
    document: the caller may read it.
    """
    kept = tuple(passage for passage in opened.passages if is_usable(passage))
    noticed = (
        Flag("vet", kind, "kept" if is_usable(passage) else "dropped", passage.document_id)
        for passage in opened.passages
        for kind in passage.suspicions
    )
    return Vetted(kept, opened.flags + tuple(dict.fromkeys(noticed)))


def is_usable(passage: Passage) -> bool:
    """Whether nothing in the passage, or hidden in its document, commands a model."""
    return not _DROPPED & set(passage.suspicions)
