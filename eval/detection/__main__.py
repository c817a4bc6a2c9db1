"""``python -m eval.detection DATA_DIR [--json]``: how much is found, and how seldom wrongly.

``DATA_DIR/attacks`` holds bipia, notinject, bastioncorpus and giskard; ``DATA_DIR/tenants/<name>/documents`` the clean
files. Documents go through the production stages, questions through the guard's layers. Thresholds were chosen on
one half of each set; the half that is called ``reported`` had no part in that.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from eval.detection import corpus, measure
from eval.detection.screening import Screening
from ingestion.judge import THRESHOLD as JUDGE_THRESHOLD
from rag_service.query.guard import THRESHOLD
from rag_service.settings import load_settings

_CONTEXTS = 100


def main(arguments: Sequence[str] | None = None) -> int:
    parser = ArgumentParser(prog="python -m eval.detection", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    parser.add_argument("--every", type=int, default=1, help="of files and planted strings, one in so many")
    asked = parser.parse_args(arguments)
    if not (asked.data / "attacks").is_dir() or not (asked.data / "tenants").is_dir():
        parser.error(f"{asked.data} holds no attacks/ and tenants/")
    found = measured(asked.data, asked.every, Console(stderr=True))
    if asked.json:
        print(json.dumps({**found, "rows": [asdict(row) for row in found["rows"]]}, indent=1))  # noqa: T201  # --json
    else:
        _show(found["rows"])
    return 0


def measured(data: Path, every: int, console: Console) -> dict[str, Any]:
    from rag_service.adapters.injection_classifier import PackagedClassifier, packaged_defender
    from rag_service.adapters.onnx_embedder import load_onnx_embedder
    from rag_service.detect.judge import Judge
    from rag_service.detect.pii import PiiDetector

    classifier = PackagedClassifier(packaged_defender())
    embedder = load_onnx_embedder(load_settings().cache_dir)
    screening = Screening(Judge(embedder, classifier), PiiDetector())
    attacks = data / "attacks"
    files = corpus.tenant_files(data / "tenants")
    markdown = [path for path in files if path.suffix == ".md"]
    files, strings = files[::every], corpus.bipia(attacks)[::every]
    contexts = corpus.contexts(attacks)
    bastion = corpus.bastion(attacks)
    malicious = [one for one in bastion if one.is_attack]
    benign = [one for one in bastion if not one.is_attack]
    rows = []
    for name, examples in (
        ("question: notinject (benign)", corpus.notinject(attacks)),
        ("question: bastion malicious", malicious),
        ("question: bastion benign", benign),
        ("question: giskard", corpus.giskard(attacks)),
    ):
        rows += measure.rows(name, measure.of_questions(examples, classifier))
    for name, examples in (("document: bastion malicious", malicious), ("document: bastion benign", benign)):
        rows += measure.rows(name, measure.of_small_documents(examples, screening))
    with Progress(console=console) as progress:
        task = progress.add_task("planted", total=len(strings))
        planted = measure.of_planted(strings, markdown, contexts, screening, lambda: progress.advance(task))
        rows += measure.rows("document: bipia planted", planted)
        other = progress.add_task("clean files", total=len(files))
        clean = measure.of_clean_files(files, screening, lambda: progress.advance(other))
        rows += measure.rows("document: clean tenant files", clean)
    rows += measure.rows("document: clean contexts", measure.of_clean_contexts(contexts, screening, _CONTEXTS))
    return {"rows": rows, "threshold": {"judge": JUDGE_THRESHOLD, "guard": THRESHOLD}, "every": every}


def _show(rows: Sequence[measure.Row]) -> None:
    table = Table("set", "group", "layer", "texts", "flagged", "95% interval")
    for row in rows:
        interval = f"{row.low:.3f} to {row.high:.3f}"
        table.add_row(row.name, row.group, row.layer, str(row.count), f"{row.share:.3f}", interval)
    Console(width=140).print(table)


if __name__ == "__main__":
    sys.exit(main())
