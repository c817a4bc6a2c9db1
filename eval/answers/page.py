"""The report as one page that needs nothing else: no script, no font, no image from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from eval.answers.scores import MEASURES
from eval.html_report import STYLE, bar

_MEANINGS = {
    "key_sentence": "a sentence of a supporting fact stands in an answer of at most 120 words",
    "token_f1": "words shared with a supporting fact (SQuAD)",
    "citation_recall": "sentences that their quotes entail (ALCE, by rules)",
    "citation_precision": "citations that their sentence needs (ALCE, by rules)",
    "citation_right_document": "citations of a document that is judged right",
    "groundedness": "as the service reports it",
    "answered": "own questions that were answered",
    "refusal": 'other tenants\' questions that were answered "not found"',
}


def page(told: Mapping[str, Any]) -> str:
    """HTML of every answerer: each figure as a bar with its 95% interval, then by tenant and type, then times."""
    ingest = told["ingest"]
    sections = "\n".join(_section(name, one) for name, one in told["answerers"].items())
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Answers</title>'
        f"<style>{STYLE}</style></head>\n<body><h1>Answers</h1>\n"
        f"<p>{ingest['files']} files in {ingest['chunks']} chunks, "
        f"{sum(ingest['refused'].values())} refused.</p>\n{sections}\n</body></html>\n"
    )


def _section(answerer: str, one: Mapping[str, Any]) -> str:
    rows = "".join(_row(name, one["measures"][name], low, high) for name, (low, high) in one["ci95"].items())
    words = "no answer" if one["mean_words"] is None else f"{one['mean_words']:.0f} words an answer"
    return (
        f"<h2>{escape(answerer)}</h2>\n<p>{one['questions']} questions, {one['others_asked']} of other tenants; "
        f"{words}. {one['citations']} citations, of which {one['quotes_that_differ']} differ from their document and "
        f"{one['other_tenants']} are another tenant's.</p>\n"
        f"<table><tr><th>measure</th><th>value</th><th>95% interval</th><th></th></tr>{rows}</table>\n"
        f"<h3>By tenant and by type of question</h3>\n{_groups(one)}\n<h3>Milliseconds</h3>\n{_times(one)}"
    )


def _row(name: str, value: float, low: float, high: float) -> str:
    return (
        f'<tr><td title="{escape(_MEANINGS[name], quote=True)}">{name}</td><td class="figure">{value:.3f}</td>'
        f'<td class="figure">{low:.3f} to {high:.3f}</td><td>{bar(value, low, high)}</td></tr>'
    )


def _groups(one: Mapping[str, Any]) -> str:
    head = "".join(f"<th>{name}</th>" for name in MEASURES)
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{group['questions']}</td>{_figures(group['measures'])}</tr>"
        for part in ("by_tenant", "by_type")
        for name, group in one[part].items()
    )
    return f"<table><tr><th></th><th>questions</th>{head}</tr>{rows}</table>"


def _figures(measures: Mapping[str, float]) -> str:
    cells = (f"{measures[name]:.3f}" if name in measures else "" for name in MEASURES)
    return "".join(f'<td class="figure">{cell}</td>' for cell in cells)


def _times(one: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="figure">{time["p50"]:.2f}</td>'
        f'<td class="figure">{time["p95"]:.2f}</td></tr>'
        for name, time in one["latency_ms"].items()
    )
    return f"<table><tr><th>stage</th><th>p50</th><th>p95</th></tr>{rows}</table>"
