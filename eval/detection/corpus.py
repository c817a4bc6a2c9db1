"""The data that detection is measured on, read where it lies, and split into a half to choose by and one to report.

A text belongs to a half by its SHA-256, a document by its name without ending: its five formats stay together.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHOOSE, REPORT = 0, 1
_LONGEST_FIELD = 10_000_000


@dataclass(frozen=True, slots=True)
class Example:
    """One text of a set: its category, its language, and whether it is an attack."""

    text: str
    category: str
    language: str
    is_attack: bool

    @property
    def half(self) -> int:
        return half_of(self.text)


def half_of(name: str) -> int:
    """``CHOOSE`` or ``REPORT``.

    >>> {half_of(str(number)) for number in range(8)} == {CHOOSE, REPORT}
    True
    """
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2


def bipia(attacks: Path) -> list[Example]:
    """The strings to plant: the text attacks, and the code attacks as ``code: …``."""
    found = []
    for file, prefix in (("text_attack_train.json", ""), ("code_attack_train.json", "code: ")):
        for category, texts in json.loads((attacks / "bipia" / file).read_text(encoding="utf-8")).items():
            found += [Example(text, prefix + category, "en", True) for text in texts]
    return found


def contexts(attacks: Path) -> dict[str, list[str]]:
    """The benign mails, tables and code that came with the strings, each once."""
    found: dict[str, list[str]] = {}
    for kind in ("email", "table", "code"):
        rows = _lines(attacks / "bipia" / kind / "train.jsonl")
        texts = ("\n".join(one["context"]) if kind == "code" else one["context"] for one in rows)
        found[kind] = sorted({text for text in texts if text.strip()})
    return found


def notinject(attacks: Path) -> list[Example]:
    """Harmless prompts that hold words that attacks like."""
    rows = json.loads((attacks / "notinject" / "NotInject_one.json").read_text(encoding="utf-8"))
    return [Example(row["prompt"], row["category"], "", False) for row in rows]


def bastion(attacks: Path) -> list[Example]:
    rows = _lines(attacks / "bastioncorpus" / "injections.jsonl")
    return [Example(row["text"], row["category"], row["lang"], row["label"] == "malicious") for row in rows]


def giskard(attacks: Path) -> list[Example]:
    csv.field_size_limit(_LONGEST_FIELD)
    with (attacks / "giskard" / "prompt_injections.csv").open(encoding="utf-8", newline="") as file:
        return [Example(row["prompt"], row["group"], row["language"], True) for row in csv.DictReader(file)]


def tenant_files(tenants: Path) -> list[Path]:
    """Every file of every tenant's ``documents``, in every format."""
    return sorted(path for path in tenants.glob("*/documents/**/*") if path.is_file())


def half_of_file(path: Path) -> int:
    return half_of(path.stem)


def _lines(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)
