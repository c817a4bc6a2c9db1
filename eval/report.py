"""A run for scripts and for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eval.experiment import Run
from eval.measures.interval import bootstrap_ci95, mean, percentile
from eval.measures.retrieval import MEASURES
from rag_service.commands.options import table

RunDocument = Mapping[str, Any]


def run_document(run: Run) -> dict[str, Any]:
    """The run as JSON. ``per_query`` is kept so that a later run can be compared with it, query by query."""
    values = {name: list(run.values[name].values()) for name in MEASURES}
    return {
        "dataset": run.dataset.name,
        "split": run.dataset.split,
        "queries": len(run.dataset.queries),
        "queries_without_judgement": run.dataset.unjudged,
        "queries_refused": run.refused_queries,
        "measures": {name: round(mean(found), 4) for name, found in values.items()},
        "ci95": {name: [round(end, 4) for end in bootstrap_ci95(found)] for name, found in values.items()},
        "latency_ms": {
            "p50": round(percentile(run.latencies_ms, 0.50), 2),
            "p95": round(percentile(run.latencies_ms, 0.95), 2),
            "searches": len(run.latencies_ms),
        },
        "ingest": {
            "documents_per_s": round(run.ingest.documents_per_s, 2),
            "chunks": run.ingest.chunks,
            "documents": run.ingest.documents,
            "refused": dict(run.ingest.refused),
        },
        "per_query": {name: {query: round(value, 4) for query, value in run.values[name].items()} for name in MEASURES},
    }


def summary(run: RunDocument) -> dict[str, Any]:
    """The run without its values by query."""
    return {name: value for name, value in run.items() if name != "per_query"}


def as_one_document(runs: Sequence[RunDocument]) -> dict[str, Any]:
    """One run as it is; several under ``runs``."""
    return dict(runs[0]) if len(runs) == 1 else {"runs": [dict(run) for run in runs]}


def readable(runs: Sequence[RunDocument]) -> str:
    """The runs as a table, and a line a run on what else was measured."""
    rows: list[tuple[str, ...]] = [("dataset", "queries", *MEASURES, "p50 ms", "p95 ms")]
    notes = []
    for run in runs:
        figures = (f"{run['measures'][name]:.3f}" for name in MEASURES)
        latency, ingest = run["latency_ms"], run["ingest"]
        name = f"{run['dataset']}/{run['split']}"
        rows.append((name, str(run["queries"]), *figures, f"{latency['p50']:.1f}", f"{latency['p95']:.1f}"))
        intervals = (f"{low:.3f}-{high:.3f}" for low, high in (run["ci95"][name] for name in MEASURES))
        rows.append(("  95% interval", "", *intervals, "", ""))
        notes.append(f"{name}: {_ingest_note(ingest)}; {_query_note(run)}")
    return "\n".join([table(rows, ""), "", *notes])


def _ingest_note(ingest: Mapping[str, Any]) -> str:
    refused = ", ".join(f"{count} refused as {reason}" for reason, count in ingest["refused"].items())
    parts = [
        f"{ingest['documents']} documents in {ingest['chunks']} chunks",
        f"{ingest['documents_per_s']:.1f} documents/s",
    ]
    return ", ".join([*parts, *([refused] if refused else ["none refused"])])


def _query_note(run: RunDocument) -> str:
    skipped = f"{run['queries_without_judgement']} queries without judgement skipped"
    refused = f", {run['queries_refused']} refused by the guard" if run["queries_refused"] else ""
    timed = f"{run['latency_ms']['searches']} searches timed one at a time, with limit 10, after warm-up"
    return f"{skipped}{refused}; {timed}"
