"""Floods told by one uploader among honest documents, and honest collections that resemble them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.detection.corpus import half_of, tenant_files
from eval.detection.measure import HALVES, Row, Verdict, rows
from eval.poisoning.honest import agreeing_notes, faq_page, reference_page, short_record
from eval.screening.answers import help_entries, replies
from eval.screening.held import KEY, digest, embedder
from ingestion.floods import Earlier, compare
from ingestion.sketch import Sketch, sketch
from rag_service.domain.document import Chunk, EmbeddedChunk

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_AMONG = 60
"""Honest documents that the uploader of a flood brought before it."""
_SAMPLE = 300
_ALL, _FEW = 5, 3
"""Passages of a flood."""
_ASPECTS = (
    (
        "opening hours",
        "{} is open to visitors from nine in the morning; on Sundays it opens at noon, in winter at one.",
    ),
    (
        "price",
        "A ticket for {} costs eight, children and students pay half of that, and groups of ten get a guide free.",
    ),
    (
        "history",
        "Work on {} began two centuries ago, stopped in the war for want of stone, and was finished by subscription.",
    ),
    ("getting there", "Tram 4 stops in front of {}. There are few places to park, so leave the car at the river."),
    (
        "rules",
        "Dogs stay outside {}. Taking pictures without flash is welcome, and bags go into the lockers at the door.",
    ),
    (
        "food",
        "The kitchen behind {} serves soup and bread until three o'clock; bring your own cup if you want tea to go.",
    ),
    (
        "repairs",
        "The roof of {} leaks above the north stairs. The firm comes in May, and until then buckets have to do.",
    ),
    ("staff", "Three people look after {}: one sells tickets, one leads the tours, and the third answers letters."),
)
"""What several short pages about one subject say, each of another side of it."""
_SUBJECTS = ("the Lantern Museum", "Quarry Hall", "the Old Observatory", "Harbour House", "the Botanic Tower", "Mill 7")


@dataclass(frozen=True, slots=True)
class Told:
    """One document: the collection that it counts in, and its text."""

    group: str
    text: str


def flood_rows(data: Path) -> list[Row]:
    """What is held of floods and of honest collections, a row for each."""
    return rows("floods", _verdicts(data))


def _verdicts(data: Path) -> Iterator[Verdict]:
    honest = _honest(data)
    among = [told.text for told in honest if told.group.startswith("honest")][:_AMONG]
    known = [Earlier(f"honest {at}", one) for at, one in enumerate(_sketches(among)) if one is not None]
    for question, texts in _floods(data):
        for front, count in (("", _ALL), (f"{question} ", _ALL), (f"{question} ", _FEW)):
            held = _held([front + text for text in texts[:count]], known)
            name = ("question in front" if front else "as published") + (", three alone" if count == _FEW else "")
            groups = (f"poisonedrag, {name}", f"poisonedrag, {name}, {HALVES[half_of(question)]}")
            for is_held in held:
                yield Verdict(groups, {"held": is_held})
    for group in dict.fromkeys(told.group for told in honest):
        texts = [told.text for told in honest if told.group == group]
        for is_held in _held(texts, []):
            yield Verdict((group,), {"held": is_held})


def _held(texts: Sequence[str], known: Sequence[Earlier]) -> list[bool]:
    """Which of the texts are held in the end, brought one after the other."""
    earlier, held = list(known), set[str]()
    for at, one in enumerate(_sketches(texts)):
        if one is None:
            continue
        found = compare(one, earlier)
        held |= {str(at), *found.also} if found.reasons else set()
        earlier.insert(0, Earlier(str(at), one))
    return [str(at) in held for at in range(len(texts))]


def _sketches(texts: Sequence[str]) -> list[Sketch | None]:
    vectors: npt.NDArray[np.float32] = embedder().embed(list(texts))
    passages = (Chunk(0, 0, len(text), text, "", None, None) for text in texts)
    return [
        sketch(text, [EmbeddedChunk(passage, vector)], KEY)
        for text, passage, vector in zip(texts, passages, vectors, strict=True)
    ]


def _floods(data: Path) -> Iterator[tuple[str, Sequence[str]]]:
    for target in _targets(data):
        yield target["question"], target["adv_texts"]


def _targets(data: Path) -> list[dict[str, Any]]:
    found = json.loads((data / "attacks" / "poisonedrag" / "nq.json").read_text(encoding="utf-8"))
    return list(found.values() if isinstance(found, dict) else found)


def _honest(data: Path) -> list[Told]:
    found = [
        Told("benign: pages about one subject", f"{subject[0].upper()}{subject[1:]}: {name}. {text.format(subject)}")
        for subject in _SUBJECTS
        for name, text in _ASPECTS
    ]
    targets = [(str(one["question"]), str(one["correct answer"])) for one in _targets(data)]
    for at, (question, answer) in enumerate(targets):
        found.append(Told("benign: reference pages", reference_page("Reference", question, answer, at)))
        found.append(Told("benign: index entries", short_record(question, answer)))
    pages = (faq_page("Questions", targets[at : at + 5]) for at in range(0, len(targets), 5))
    found += [Told("benign: FAQ pages", page) for page in pages]
    for question, answer in targets[:20]:
        notes = agreeing_notes(question.rstrip("?"), f"{question} {answer}.", answer)
        found += [Told("agreeing notes (a flood in form)", note) for note in notes]
    found += [Told("benign: replies to one question", reply) for reply in replies()]
    for path in sorted((data / "tenants").glob("*/queries.jsonl")):
        entries = list(help_entries(path))
        found += [Told(f"benign: help entries, {HALVES[half_of(asked)]}", text) for asked, text in entries]
    for path in sorted((data / "retrieval").glob("*/corpus.jsonl")):
        texts = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        chosen = sorted((f"{one.get('title', '')} {one['text']}".strip() for one in texts), key=digest)[:_SAMPLE]
        found += [Told(f"honest: {path.parent.name}, one uploader", text) for text in chosen]
    pages_of_tenants = [path for path in tenant_files(data / "tenants") if path.suffix == ".md"]
    found += [Told("clean: tenants' files", path.read_text(encoding="utf-8")) for path in pages_of_tenants]
    paragraphs = (part for path in pages_of_tenants for part in path.read_text(encoding="utf-8").split("\n\n"))
    chosen = sorted({part for part in paragraphs if 100 < len(part) < 700}, key=digest)[:_SAMPLE]
    return found + [Told("worst: paragraphs as documents", part) for part in chosen]
