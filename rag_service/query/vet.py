"""Vet: which of the passages that were found may be used. What commands a model, or floods it with one claim, may not.

A verdict of ingestion drops a passage by itself. All else are signs, and only together do they drop or demote: honest
documents repeat questions (a FAQ page), come from one author, or in one moment (a folder that was ingested).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag_service.domain.answer import Flag, Passage
from rag_service.query.disagreement import disagreeing
from rag_service.query.floods import first_of_another
from rag_service.query.open_passages import Opened
from rag_service.query.suspicion import DROP, Signs, follows, worst_flood
from rag_service.query.wordings import Wording, wordings_of

_DROPPED = frozenset({"injected_instruction", "off_topic_request", "concealed_instruction", "instruction_in_title"})
_COMPARED = 30
"""Passages that are compared at a time; once a flood is gone, those behind it move up."""
_MOST_FLOODS = 6


@dataclass(frozen=True, slots=True)
class Vetted:
    """What may be used, best first and what was demoted last. ``is_flooded``: a flood was dropped or demoted."""

    passages: tuple[Passage, ...]
    flags: tuple[Flag, ...]
    is_flooded: bool = False


def vet(question: str, opened: Opened, *, limit: int) -> Vetted:
    """At most ``limit`` of the opened passages, each as it was.

    A flood is dropped, or where less speaks against it, its best passage alone is kept, below all others. Where nothing
    else is left, the best passage is kept, and flagged. A flag names a document that the caller may read, for only
    such are ever compared.
    """
    usable = [passage for passage in opened.passages if is_usable(passage)]
    flags = [
        Flag("vet", kind, "kept" if is_usable(passage) else "dropped", passage.document_id)
        for passage in opened.passages
        for kind in passage.suspicions
    ]
    last: list[Passage] = []
    removed: list[Passage] = []
    wordings = _compared(question, usable)
    for _ in range(_MOST_FLOODS):
        if (found := worst_flood(question, wordings)) is None:
            break
        flood, signs = found
        is_dropped = signs.points >= DROP
        flooding = (*flood.members, *(one for one in flood.others if follows(one, flood)))
        spared = first_of_another(question, flood.members)
        members = [passage for one in flooding for passage in (one.passage, *one.copies) if passage is not spared]
        if not is_dropped:
            last.append(members[0])
        removed += members
        gone = {passage.chunk_id for passage in members}
        usable = [passage for passage in usable if passage.chunk_id not in gone]
        flags += _flags(members, signs, "dropped" if is_dropped else "demoted")
        wordings = [one for one in wordings if one not in flooding]
        if len(usable) >= _COMPARED:
            wordings = _compared(question, usable)
    flags += [Flag("vet", "sources_disagree", "kept", one.document_id) for one in disagreeing(question, wordings)]
    flags += [
        Flag("vet", "mirrors_question", "kept", one.passage.document_id)
        for one in wordings
        if one.is_mirror and one.is_bare
    ]
    kept = (usable + last)[:limit]
    if not kept and removed:
        kept = [max(removed, key=lambda passage: (passage.score, passage.chunk_id))]
        flags.append(Flag("vet", "suspected_poisoning", "kept", kept[0].document_id))
    return Vetted(tuple(kept), opened.flags + tuple(dict.fromkeys(flags)), is_flooded=bool(removed))


def is_usable(passage: Passage) -> bool:
    """Whether nothing in the passage, or hidden in its document, commands a model."""
    return not _DROPPED & set(passage.suspicions)


def _compared(question: str, usable: list[Passage]) -> list[Wording]:
    """In an order of their own, so that what is decided does not depend on that of equals."""
    ordered = sorted(usable, key=lambda passage: (-passage.score, passage.chunk_id))
    return wordings_of(question, ordered[:_COMPARED])


def _flags(members: Sequence[Passage], signs: Signs, action: str) -> list[Flag]:
    """Coarse on purpose: which sign weighed how much would teach an attacker."""
    kinds = ["suspected_poisoning"]
    kinds += ["mirrors_question"] if signs.mirrored else []
    kinds += ["source_concentration"] if signs.alone else []
    documents = dict.fromkeys(passage.document_id for passage in members)
    return [Flag("vet", kind, action, document) for document in documents for kind in kinds]
