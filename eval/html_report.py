"""A report as one page that needs nothing else: no script, no font, no image from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from eval.measures.retrieval import MEASURES
from eval.report import RunDocument

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24 }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left }
td.figure { font-variant-numeric: tabular-nums } h2 { margin-top: 2rem } p { color: #57606a }
rect.value { fill: #3b6ea8 } rect.ground { fill: #e6eaef } line { stroke: #1b1f24; stroke-width: 2 }
"""
_WIDTH, _HEIGHT, _BINS = 360, 18, 10


def page(runs: Sequence[RunDocument]) -> str:
    """HTML of all runs: each figure as a bar with its 95% interval, and how nDCG@10 is spread over the queries."""
    sections = "\n".join(_section(run) for run in runs)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Retrieval quality</title>'
        f"<style>{STYLE}</style></head>\n<body><h1>Retrieval quality</h1>\n{sections}\n</body></html>\n"
    )


def _section(run: RunDocument) -> str:
    ingest, latency = run["ingest"], run["latency_ms"]
    refused = ", ".join(f"{count} {reason}" for reason, count in ingest["refused"].items()) or "none"
    rows = "".join(_row(name, run["measures"][name], *run["ci95"][name]) for name in MEASURES)
    return (
        f"<h2>{escape(run['dataset'])} ({escape(run['split'])})</h2>\n"
        f"<p>{run['queries']} judged queries, {run['queries_without_judgement']} without judgement skipped, "
        f"{run['queries_refused']} refused. {ingest['documents']} documents in {ingest['chunks']} chunks, "
        f"{ingest['documents_per_s']} documents/s; refused: {escape(refused)}. "
        f"Search: p50 {latency['p50']} ms, p95 {latency['p95']} ms, one at a time after warm-up.</p>\n"
        f"<table><tr><th>measure</th><th>value</th><th>95% interval</th><th></th></tr>{rows}</table>\n"
        f"<h3>nDCG@10 by query</h3>\n{_histogram(list(run['per_query']['nDCG@10'].values()))}"
    )


def _row(name: str, value: float, low: float, high: float) -> str:
    return (
        f'<tr><td>{escape(name)}</td><td class="figure">{value:.3f}</td>'
        f'<td class="figure">{low:.3f} to {high:.3f}</td><td>{bar(value, low, high)}</td></tr>'
    )


def bar(value: float, low: float, high: float) -> str:
    """A share as a bar, with its interval as a line; ``STYLE`` colours it."""
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="{value:.3f}">'
        f'<rect class="ground" width="{_WIDTH}" height="{_HEIGHT}"/>'
        f'<rect class="value" width="{value * _WIDTH:.1f}" height="{_HEIGHT}"/>'
        f'<line x1="{low * _WIDTH:.1f}" x2="{high * _WIDTH:.1f}" y1="{_HEIGHT / 2}" y2="{_HEIGHT / 2}"/></svg>'
    )


def _histogram(values: Sequence[float]) -> str:
    """Queries by tenths of nDCG@10; the last holds 1.0 too."""
    counts = [0] * _BINS
    for value in values:
        counts[min(int(value * _BINS), _BINS - 1)] += 1
    most, step = max(counts), 40
    bars = "".join(
        f'<rect class="value" x="{at * step + 4}" y="{100 - 90 * count / most:.1f}" width="{step - 8}" '
        f'height="{90 * count / most:.1f}"><title>{count} queries from {at / _BINS:.1f}</title></rect>'
        f'<text x="{at * step + 8}" y="116" font-size="11">{at / _BINS:.1f}</text>'
        for at, count in enumerate(counts)
    )
    return f'<svg width="{_BINS * step}" height="122" role="img" aria-label="histogram">{bars}</svg>'
