"""``python -m eval.hostile [DIR...]``: one `rag ingest` over hostile files, and what came of each."""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import ArgumentParser
from pathlib import Path

import structlog

from eval.hostile.bombs import write_bombs
from eval.hostile.report import passed, report_of, told
from eval.hostile.run import run


def main() -> None:
    parser = ArgumentParser(prog="python -m eval.hostile", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*", metavar="DIR", help="ingested beside the bombs")
    parser.add_argument("--no-bombs", action="store_true", help="only the folders")
    parser.add_argument("--write", type=Path, metavar="DIR", help="only write the bombs there")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    given = parser.parse_args()
    if given.write:
        count = sum(1 for _ in write_bombs(given.write))
        print(f"{count} bombs in {given.write}")  # noqa: T201  # its answer
        return
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    report = report_of(asyncio.run(run(given.folders, bombs=not given.no_bombs)))
    print(json.dumps(report, indent=2) if given.json else told(report))  # noqa: T201  # its answer
    sys.exit(0 if passed(report) else 1)


if __name__ == "__main__":
    main()
