"""``python -m eval.answers_fit DIR...``: the weights of the extractive answerer, fitted and judged.

Each DIR is a company: ``documents/**`` and ``queries.jsonl`` with ``metadata.supporting_facts``. Printed are the
weights of a fit to half of the questions, and the quality of answers for the other half, for each company by a fit
to the others alone, and for the half that was fitted.
"""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path

from eval.answers_fit.collect import collect, from_json, to_json
from eval.answers_fit.fit import fit, quality, shortlisted
from eval.answers_fit.remember import Remembering
from eval.served import temporary_installation
from rag_service.adapters.embedders import load_embedder
from rag_service.settings import load_settings


def main() -> None:
    parser = ArgumentParser(prog="python -m eval.answers_fit", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*", metavar="DIR", help="a company's folder")
    parser.add_argument("--cases", type=Path, help="a file that keeps what was found, and spares finding it again")
    arguments = parser.parse_args()
    if arguments.cases and arguments.cases.is_file():
        lines = arguments.cases.read_text(encoding="utf-8").splitlines()
        cases = [from_json(line) for line in lines]
    elif arguments.folders:
        with temporary_installation() as installation:
            cases = [case for folder in arguments.folders for case in asyncio.run(collect(folder, installation))]
        if arguments.cases:
            arguments.cases.write_text("".join(f"{to_json(case)}\n" for case in cases), encoding="utf-8")
    else:
        parser.error("name a company's folder, or a file of cases")
    embedder = Remembering(load_embedder(load_settings(threads=1)))
    fitted = fit([case for case in cases if case.is_for_fitting], embedder)
    report: dict[str, object] = {
        "weights": asdict(fitted),
        "shortlisted": shortlisted([case for case in cases if not case.is_for_fitting], fitted),
    }
    for name, half in (("fitted half", True), ("other half", False)):
        own = [case for case in cases if case.is_for_fitting is half]
        report[name] = asdict(quality(own, fitted, embedder))
    for tenant in dict.fromkeys(case.tenant for case in cases):
        rest = fit([case for case in cases if case.tenant != tenant], embedder)
        own = [case for case in cases if case.tenant == tenant]
        report[f"{tenant} by the others"] = asdict(quality(own, rest, embedder))
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
