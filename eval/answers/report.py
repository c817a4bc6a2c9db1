"""A run's outcome, for scripts and for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eval.answers.asked import Asked
from eval.answers.run import Outcomes
from eval.answers.scores import MEASURES, Score, agreement, by, latency, score, summary
from rag_service.commands.options import table

MUST_BE_ZERO = ("quotes_that_differ", "other_tenants")


def document(outcomes: Outcomes) -> dict[str, Any]:
    """The outcome as JSON, by answerer. ``per_query`` holds each question's values and answer."""
    return {
        "ingest": {
            "files": outcomes.taken.files,
            "chunks": outcomes.taken.chunks,
            "refused": dict(outcomes.taken.refused),
        },
        "answerers": {name: _answerer([score(one) for one in asked]) for name, asked in outcomes.asked.items()},
    }


def without_queries(told: Mapping[str, Any]) -> dict[str, Any]:
    """The document without what is said of each question."""
    shortened = {
        answerer: {name: value for name, value in one.items() if name != "per_query"}
        for answerer, one in told["answerers"].items()
    }
    return {**told, "answerers": shortened}


def as_runs(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Each answerer as a run that the gates can judge."""
    return [{"dataset": name, "measures": one["measures"]} for name, one in told["answerers"].items()]


def faults(told: Mapping[str, Any]) -> list[str]:
    """What must never be, whatever the baseline says."""
    return [
        f"{answerer}: {one[count]} {count}"
        for answerer, one in told["answerers"].items()
        for count in MUST_BE_ZERO
        if one[count]
    ]


def readable(told: Mapping[str, Any]) -> str:
    """Tables for a terminal."""
    ingest = told["ingest"]
    refused = ", ".join(f"{count} refused as {reason}" for reason, count in ingest["refused"].items()) or "none refused"
    lines = [f"{ingest['files']} files in {ingest['chunks']} chunks, {refused}", ""]
    for answerer, one in told["answerers"].items():
        rows: list[tuple[str, ...]] = [(answerer, "questions", "others'", *MEASURES, "words")]
        rows.append(_row("all", one))
        intervals = ("-".join(f"{end:.3f}" for end in one["ci95"].get(name, ())) for name in MEASURES)
        rows.append(("  95% interval", "", "", *intervals, ""))
        rows += [_row(name, group) for part in ("by_tenant", "by_type") for name, group in one[part].items()]
        times = ", ".join(f"{name} {time['p50']:.1f} / {time['p95']:.1f}" for name, time in one["latency_ms"].items())
        compared = one["groundedness_and_judge"]
        lines += [
            table(rows, ""),
            f"answered by {', '.join(f'{model} ({count})' for model, count in one['answered_by'].items()) or 'none'}",
            *(f"{decision}: {count}" for decision, count in one["decisions"].items()),
            f"{one['citations']} citations",
            f"{one['quotes_that_differ']} quotes differ, {one['other_tenants']} citations are of other tenants.",
            f"Groundedness is {compared['mean_difference']} from the judge on average.",
            f"ms at p50 / p95: {times}",
            "",
        ]
    return "\n".join(lines)


def _answerer(scores: Sequence[Score]) -> dict[str, Any]:
    return {
        **summary(scores),
        "groundedness_and_judge": agreement(scores),
        "latency_ms": latency(scores),
        "by_tenant": by(scores, lambda one: one.asked.tenant),
        "by_type": by(scores, lambda one: one.asked.question.kind),
        "per_query": [_query(one) for one in scores],
    }


def _query(one: Score) -> dict[str, Any]:
    asked: Asked = one.asked
    return {
        "tenant": asked.tenant,
        "question_id": asked.question.question_id,
        "type": asked.question.kind,
        "own": asked.is_own,
        "found": asked.found,
        "values": {name: round(value, 4) for name, value in one.values.items()},
        "words": one.words,
        "total_ms": round(asked.total_ms, 2),
        "answer": asked.answer,
        "citations": [{"marker": cited.marker, "document": cited.document} for cited in asked.citations],
    }


def _row(name: str, one: Mapping[str, Any]) -> tuple[str, ...]:
    figures = (f"{one['measures'][measure]:.3f}" if measure in one["measures"] else "" for measure in MEASURES)
    words = "" if one["mean_words"] is None else f"{one['mean_words']:.0f}"
    return (name, str(one["questions"]), str(one["others_asked"]), *figures, words)
