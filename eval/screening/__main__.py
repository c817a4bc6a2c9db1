"""``python -m eval.screening DATA_DIR [--json] [--strings N] [--clean-every N]``: what is held for review, and wrongly.

``DATA_DIR/attacks`` holds bipia and poisonedrag, ``DATA_DIR/tenants/<name>/documents`` clean files. Strings are planted
in the clean files in every way that ``eval.screening.files`` knows; floods are told among honest documents. Clean files
are brought by one uploader in order, each compared with those before it. A string
belongs to the choosing or the reported half by its SHA-256 (``eval.detection.corpus``).
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval.detection import corpus
from eval.detection.measure import HALVES, Row, Verdict, rows
from eval.screening.files import PLANTERS
from eval.screening.held import REFUSED, Case, Seen, digest, in_turn, seen_of
from eval.screening.worlds import flood_rows

_PLACES = 40
"""Clean files of a format that strings are planted in."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = ArgumentParser(prog="python -m eval.screening", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of lines")
    parser.add_argument("--strings", type=int, default=60, help="strings planted in each way")
    parser.add_argument("--clean-every", type=int, default=1, help="of clean files, one in so many")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", choices=["planted", "clean", "floods"], help="one part of the whole")
    asked = parser.parse_args(arguments)
    if not (asked.data / "attacks").is_dir() or not (asked.data / "tenants").is_dir():
        parser.error(f"{asked.data} holds no attacks/ and tenants/")
    found: list[Row] = []
    why: dict[str, Counter[str]] = defaultdict(Counter)
    signs: dict[str, Counter[str]] = defaultdict(Counter)
    parts = [asked.only] if asked.only else ["clean", "planted", "floods"]
    if "clean" in parts:
        cases = list(clean(asked.data, asked.clean_every))
        files = in_turn(seen_of(cases, asked.workers))
        found += rows("clean files held", _told(cases, files, why, signs))
    if "planted" in parts:
        cases = list(planted(asked.data, asked.strings))
        found += rows("planted strings held", _told(cases, seen_of(cases, asked.workers), why, signs))
    if "floods" in parts:
        found += flood_rows(asked.data)
    told: dict[str, Any] = {
        "rows": [asdict(row) for row in found],
        "reasons": {name: dict(one) for name, one in why.items()},
        "evidence": {name: dict(one) for name, one in signs.items()},
    }
    if asked.json:
        print(json.dumps(told, indent=1))  # noqa: T201  # --json
    else:
        for row in found:
            print(f"{row.name:24} {row.group:34} {row.count:5} {row.share:.3f} ({row.low:.3f}-{row.high:.3f})")  # noqa: T201
        for name, counts in why.items():
            print(name, dict(counts), dict(signs[name]))  # noqa: T201
    return 0


def clean(data: Path, every: int) -> Iterator[Case]:
    for path in corpus.tenant_files(data / "tenants")[::every]:
        yield Case(path.suffix[1:], path.stem, path.name, path.read_bytes())


def planted(data: Path, count: int) -> Iterator[Case]:
    """As many strings for each way, each in a file that its digest draws."""
    strings = sorted((one.text for one in corpus.bipia(data / "attacks")), key=digest)
    files = corpus.tenant_files(data / "tenants")
    for ending, ways in PLANTERS.items():
        places = sorted((one for one in files if one.suffix == f".{ending}"), key=lambda one: digest(one.name))[
            :_PLACES
        ]
        for number, (way, plant) in enumerate(ways.items()):
            for at in range(count):
                text = strings[(number * count + at * 7) % len(strings)]
                path = places[digest(text) % _PLACES % len(places)]
                yield Case(f"{ending} {way}", text, path.name, plant(path.read_bytes(), text))


def _told(
    cases: Sequence[Case], files: Sequence[Seen], why: dict[str, Counter[str]], signs: dict[str, Counter[str]]
) -> Iterator[Verdict]:
    for case, one in zip(cases, files, strict=True):
        found = one.reasons
        why[case.kind].update(found or ["none"])
        signs[case.kind].update(one.evidence)
        group = "visible" if case.kind.endswith("visible") else "hidden"
        groups = ["all", HALVES[case.half], case.kind]
        if " " in case.kind:
            groups = [group, f"{group}, {HALVES[case.half]}", case.kind]
        yield Verdict(tuple(groups), {"held": bool(found) and found != (REFUSED,)})


if __name__ == "__main__":
    sys.exit(main())
