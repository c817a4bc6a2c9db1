"""Small test collections, written where a test wants them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

DOCUMENTS = {
    "kettle": ("Kettles", "A kettle boils a litre of water in three minutes. Descale it with vinegar every month."),
    "tyre": (
        "Bicycle tyres",
        "Pump a bicycle tyre to four bar. A soft tyre wears out early and punctures more often.",
    ),
    "bread": ("Sourdough", "Feed the starter with flour twice a day. The loaf rises overnight and bakes for an hour."),
    "roof": ("Roof gutters", "Clear leaves out of the gutters in autumn, or rain will run down the outer walls."),
    "cat": ("Cats", "A cat sleeps for fifteen hours a day and hunts at dawn. It washes itself after each meal."),
    "radio": ("Radio licences", "Amateur radio operators need a licence. The examination covers circuits and the law."),
}
QUERIES = {
    "q1": "How often should a kettle be descaled?",
    "q2": "What pressure does a bicycle tyre need?",
    "q3": "When do gutters have to be cleared of leaves?",
    "q4": "Do radio operators need a licence?",
    "q5": "Who was king of France in 1700?",
}
JUDGEMENTS = {"q1": {"kettle": 1}, "q2": {"tyre": 1}, "q3": {"roof": 1}, "q4": {"radio": 1}}


def write_collection(
    folder: Path,
    documents: Mapping[str, tuple[str, str]] = DOCUMENTS,
    queries: Mapping[str, str] = QUERIES,
    judgements: Mapping[str, Mapping[str, int]] = JUDGEMENTS,
    split: str = "test",
) -> Path:
    """The folder holds the collection in the BEIR layout."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    corpus = [{"_id": name, "title": title, "text": text} for name, (title, text) in documents.items()]
    _write_lines(folder / "corpus.jsonl", corpus)
    _write_lines(folder / "queries.jsonl", [{"_id": name, "text": text} for name, text in queries.items()])
    rows = [f"{query}\t{document}\t{grade}" for query, found in judgements.items() for document, grade in found.items()]
    text = "\n".join(["query-id\tcorpus-id\tscore", *rows]) + "\n"
    (folder / "qrels" / f"{split}.tsv").write_text(text, encoding="utf-8")
    return folder


def _write_lines(path: Path, records: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
