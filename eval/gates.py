"""Floors under the figures: a change that falls through one fails."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.measures.interval import paired_p_value
from eval.measures.retrieval import MEASURES
from eval.report import RunDocument
from rag_service.domain.errors import RagError

Floors = Mapping[str, Mapping[str, float]]

MARGIN = 0.03
"""How far below a measured figure its floor is written. The rounding of int8 kernels differs between processors and can
move a query or two; of the 44 queries of the smallest set one weighs 0.023."""


@dataclass
class BaselineUnusable(RagError):
    """A file of floors, or of an earlier run, is absent or cannot judge what was measured."""

    path: Path
    detail: str

    def __str__(self) -> str:
        return f"{self.path}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A figure below its floor."""

    dataset: str
    measure: str
    value: float
    floor: float

    def __str__(self) -> str:
        return f"{self.dataset}: {self.measure} is {self.value:.4f}, below its floor {self.floor:.4f}"


@dataclass(frozen=True, slots=True)
class Difference:
    """How a measure moved since an earlier run, over the queries of both; ``p_value`` by paired randomisation."""

    dataset: str
    measure: str
    difference: float
    p_value: float
    queries: int


def read_floors(path: Path, measures: Sequence[str] = MEASURES) -> Floors:
    """The floors by dataset and measure, which is one of ``measures``. Raises ``BaselineUnusable``."""
    document = _read(path)
    floors = document.get("floors")
    if not isinstance(floors, dict) or not all(isinstance(found, dict) and found for found in floors.values()):
        raise BaselineUnusable(path, 'it must hold {"floors": {DATASET: {MEASURE: floor}}}')
    for found in floors.values():
        for name, floor in found.items():
            if name not in measures or isinstance(floor, bool) or not isinstance(floor, int | float):
                raise BaselineUnusable(path, f"a floor is a number under one of {', '.join(measures)}")
    return floors


def shortfalls(runs: Sequence[RunDocument], floors: Floors, path: Path) -> list[Shortfall]:
    """The figures below their floors. A dataset without floors is an error: a gate that is not there never fails."""
    found = []
    for run in runs:
        name = run["dataset"]
        if name not in floors:
            raise BaselineUnusable(path, f"it has no floor for {name}")
        found += [
            Shortfall(name, measure, run["measures"].get(measure, 0.0), floor)
            for measure, floor in floors[name].items()
            if run["measures"].get(measure, 0.0) < floor
        ]
    return found


def write_floors(path: Path, runs: Sequence[RunDocument], measures: Sequence[str] = MEASURES) -> None:
    """The file holds floors a little below what was measured; those of other datasets stay."""
    floors = {name: dict(found) for name, found in read_floors(path, measures).items()} if path.exists() else {}
    for run in runs:
        floors[run["dataset"]] = {
            name: round(max(run["measures"][name] - MARGIN, 0.0), 3) for name in measures if name in run["measures"]
        }
    path.write_text(json.dumps({"floors": dict(sorted(floors.items()))}, indent=2) + "\n", encoding="utf-8")


def differences(runs: Sequence[RunDocument], path: Path) -> list[Difference]:
    """How each run differs from the run of the same dataset that ``--output`` wrote to ``path``.

    Raises ``BaselineUnusable`` where the file holds no such run, or one with no query in common.
    """
    document = _read(path)
    earlier = {run["dataset"]: run["per_query"] for run in document.get("runs", [document]) if "per_query" in run}
    found = []
    for run in runs:
        before = earlier.get(run["dataset"])
        shared = sorted(set(run["per_query"][MEASURES[0]]) & set(before[MEASURES[0]])) if before else []
        if before is None or not shared:
            raise BaselineUnusable(path, f"it holds no run of {run['dataset']}, as --output writes one")
        for name in MEASURES:
            ours = [run["per_query"][name][query] for query in shared]
            theirs = [before[name][query] for query in shared]
            moved = (sum(ours) - sum(theirs)) / len(shared)
            found.append(Difference(run["dataset"], name, round(moved, 4), paired_p_value(ours, theirs), len(shared)))
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise BaselineUnusable(path, f"it cannot be read: {error.strerror}") from None
    except ValueError:
        raise BaselineUnusable(path, "it is no JSON") from None
    if not isinstance(document, dict):
        raise BaselineUnusable(path, "it is no JSON object")
    return document
