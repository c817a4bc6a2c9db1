"""What is found and what is wrongly flagged, set by set and layer by layer, each with a 95% interval."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.detection.corpus import CHOOSE, REPORT, Example, half_of, half_of_file
from eval.detection.screening import Screening, Seen
from eval.measures.interval import bootstrap_ci95, mean
from rag_service.detect import injection
from rag_service.ports import InjectionClassifier
from rag_service.query.guard import THRESHOLD

HALVES = {CHOOSE: "choosing", REPORT: "reported"}
_POSITIONS = (0.0, 0.5, 1.0)
_ENDINGS = {"email": "txt", "table": "md", "code": "md"}
_SEED = 17


@dataclass(frozen=True, slots=True)
class Row:
    """``share`` of ``count`` texts of a group were flagged by this layer (and those before it)."""

    name: str
    group: str
    layer: str
    count: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """One text: the groups that it counts in, and the layers that flagged it."""

    groups: tuple[str, ...]
    layers: Mapping[str, bool]


def rows(name: str, verdicts: Iterable[Verdict]) -> list[Row]:
    """A row for each group and layer.

    >>> [(row.group, row.share) for row in rows("x", [Verdict(("all",), {"rules": True}), Verdict(("all",), {"rules": False})])]
    [('all', 0.5)]
    """  # noqa: E501  # one line reads best
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for verdict in verdicts:
        for group in verdict.groups:
            for layer, flagged in verdict.layers.items():
                found[group, layer].append(float(flagged))
    return [_row(name, group, layer, values) for (group, layer), values in found.items()]


def _row(name: str, group: str, layer: str, values: Sequence[float]) -> Row:
    low, high = bootstrap_ci95(values)
    return Row(name, group, layer, len(values), round(mean(values), 4), round(low, 4), round(high, 4))


def of_questions(examples: Sequence[Example], classifier: InjectionClassifier) -> Iterator[Verdict]:
    """What the guard flags as an order, by its rules and with the classifier."""
    for example in examples:
        by_rules = bool(injection.rules_met(example.text))
        pieces = [example.text[at : at + 900] for at in range(0, len(example.text), 900)][:8]
        flagged = by_rules or max(classifier.score(pieces), default=0.0) >= THRESHOLD
        groups = ["all", HALVES[example.half], example.category]
        groups += [f"language {example.language}"] if example.language else []
        yield Verdict(tuple(groups), {"rules": by_rules, "rules+classifier": flagged})


def of_small_documents(examples: Sequence[Example], screening: Screening) -> Iterator[Verdict]:
    """What the screening marks where each text is a document by itself."""
    for example in examples:
        groups = ("all", HALVES[example.half], example.category)
        yield Verdict(groups, _layers(screening.text("note.txt", example.text.encode(errors="replace"))))


def of_clean_files(files: Sequence[Path], screening: Screening, told: Callable[[], None]) -> Iterator[Verdict]:
    """Which files are flagged although nobody planted anything in them."""
    for path in files:
        groups = ("all", HALVES[half_of_file(path)], path.suffix[1:])
        yield Verdict(groups, _layers(screening.file(path)))
        told()


def of_clean_contexts(contexts: Mapping[str, Sequence[str]], screening: Screening, most: int) -> Iterator[Verdict]:
    """Which of the benign mails, tables and code are flagged as they are, of each kind a sample."""
    draw = random.Random(_SEED)  # noqa: S311  # a sample, not a secret
    for kind, texts in contexts.items():
        for text in draw.sample(texts, min(most, len(texts))):
            seen = screening.text(f"{kind}.{_ENDINGS[kind]}", text.encode())
            yield Verdict((kind, HALVES[half_of(text)]), _layers(seen))


def of_planted(
    strings: Sequence[Example],
    files: Sequence[Path],
    contexts: Mapping[str, Sequence[str]],
    screening: Screening,
    told: Callable[[], None],
) -> Iterator[Verdict]:
    """Each string at the start, middle and end of tenants' Markdown documents, and in a mail, a table and code."""
    draw = random.Random(_SEED)  # noqa: S311  # places, not secrets
    for example in strings:
        kind = "code" if example.category.startswith("code: ") else "text"
        half = HALVES[example.half]
        places = [("tenant", f"{path.stem}.md", path.read_text(encoding="utf-8")) for path in draw.sample(files, 3)]
        places += [(one, f"{one}.{_ENDINGS[one]}", draw.choice(texts)) for one, texts in contexts.items()]
        for (where, name, text), position in zip(places, (*_POSITIONS, *draw.sample(_POSITIONS, 3)), strict=True):
            seen = screening.planted(name, text, example.text, position)
            place = f"in {where} documents"
            groups = (kind, f"{kind}, {half}", f"{kind}, {place}", f"{kind}, {place}, {half}", example.category)
            yield Verdict(groups, _layers(seen))
        told()


def _layers(seen: Seen) -> dict[str, bool]:
    return {"rules": seen.by_rules, "rules+judge": seen.is_marked}
