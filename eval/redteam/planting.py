"""Instructions are planted in documents, in full view, as somebody would who may edit them."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.datasets.beir import CorpusDocument, DatasetMalformed, DatasetMissing

OWN = Path(__file__).parent / "instructions.json"
"""Instructions written for this project, in the layout of BIPIA: a list of texts by category."""
EVERY_CHARACTERS = 1500
"""A document has one instruction for so much of its text: a question meets several."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """Something a document tells a model to do, and what kind of thing."""

    category: str
    text: str


def instructions_in(paths: Sequence[Path]) -> list[Instruction]:
    """The instructions of files in BIPIA's layout (Yi et al., "Benchmarking and Defending Against Indirect Prompt
    Injection Attacks on Large Language Models", 2023). Raises ``DatasetError``.
    """
    found: list[Instruction] = []
    for path in paths:
        if not path.is_file():
            raise DatasetMissing(path, "instructions are a JSON object of lists of texts by category")
        try:
            categories = json.loads(path.read_text(encoding="utf-8"))
            texts = [(category, text) for category, listed in categories.items() for text in listed]
        except (ValueError, AttributeError, TypeError):
            raise DatasetMalformed(path, 1, "this is no JSON object of lists of texts") from None
        if not texts or not all(isinstance(text, str) and text.strip() for _, text in texts):
            raise DatasetMalformed(path, 1, "it holds no texts, or something else among them")
        found += [Instruction(category, text) for category, text in texts]
    return found


def plant(
    document: CorpusDocument, instructions: Sequence[Instruction], rng: random.Random
) -> tuple[str, list[Instruction]]:
    """The document's text with instructions between its paragraphs or behind a sentence, and which they are."""
    lines = document.text.splitlines()
    places = [at for at, line in enumerate(lines) if len(line.split()) >= 4 and not line.startswith("|")] or [0]
    chosen = [rng.choice(instructions) for _ in range(max(1, len(document.text) // EVERY_CHARACTERS))]
    for one in chosen:
        at = rng.choice(places)
        if rng.random() < 0.5 and lines and not one.text.count("\n"):
            lines[at] = f"{lines[at]} {one.text}"
        else:
            lines[at] = f"{lines[at] if lines else ''}\n\n{one.text}\n"
        lines = lines or [one.text]
    return "\n".join(lines), chosen


def by_words(instructions: Sequence[Instruction]) -> Mapping[str, Instruction]:
    """The instructions by their words alone: in a passage, spacing and marks may have changed."""
    return {" ".join(one.text.split()): one for one in instructions}
