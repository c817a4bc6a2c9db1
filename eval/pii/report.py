"""What a run over labelled texts found, as a document, as text and as a page."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from eval.html_report import STYLE, bar
from eval.measures.found_and_missed import Tally, figures, intervals
from eval.pii.score import MATCHING, Scores

_FIGURES = ("precision", "recall", "f1", "f2")
_MOST_CONFUSIONS = 20


def document(path: Path, scores: Scores, kinds: Mapping[str, str | None], speed: Mapping[str, float]) -> dict[str, Any]:
    """The figures of one file. The first four are token-level with kinds; ``matching`` says what counts."""
    tokens, any_type, spans = (sum(part, Tally()) for part in (scores.tokens, scores.any_type, scores.spans))
    by_type = {
        kind: {
            **figures(scores.tokens_by_kind.get(kind, Tally())),
            "tokens": _there(scores.tokens_by_kind.get(kind, Tally())),
            "exact_span": figures(scores.spans_by_kind.get(kind, Tally())),
            "spans": _there(scores.spans_by_kind.get(kind, Tally())),
        }
        for kind in sorted({kind for kind in kinds.values() if kind})
    }
    return {
        "dataset": path.name,
        "texts": len(scores.tokens),
        **figures(tokens),
        "ci95": intervals(scores.tokens),
        "any_type": {**figures(any_type), "ci95": intervals(scores.any_type)},
        "exact_span": {**figures(spans), "ci95": intervals(scores.spans)},
        "by_type": by_type,
        "labels": {label: {"kind": kind, "spans": scores.labels[label]} for label, kind in sorted(kinds.items())},
        "not_looked_for": {label: scores.labels[label] for label, kind in sorted(kinds.items()) if kind is None},
        "also_found": dict(scores.also_found.most_common()),
        "taken_for": [
            {"label": label or None, "found": kind or None, "tokens": count}
            for (label, kind), count in scores.taken_for.most_common(_MOST_CONFUSIONS)
        ],
        "characters_per_cpu_second": dict(speed),
        "matching": MATCHING,
    }


def _there(tally: Tally) -> int:
    return tally.right + tally.missed


def readable(told: Mapping[str, Any]) -> str:
    """The figures of one file in lines."""
    lines = [f"{told['dataset']}: {told['texts']} texts"]
    for label, one in told["labels"].items():
        lines.append(f"  label {label} -> {one['kind'] or '(not looked for)'}: {one['spans']} spans")
    lines += ["", f"  {'':24}{'precision':>10}{'recall':>10}{'F1':>10}{'F2':>10}"]
    for name, part in (("tokens", told), ("tokens, any type", told["any_type"]), ("exact spans", told["exact_span"])):
        lines.append(f"  {name:24}" + "".join(f"{part[figure]:10.3f}" for figure in _FIGURES))
        spans = ((part["ci95"][figure]) for figure in _FIGURES)
        lines.append(f"  {'  95% from, to':24}" + "".join(f" {low:.2f}-{high:.2f}" for low, high in spans))
    lines += ["", f"  {'tokens by kind':24}{'precision':>10}{'recall':>10}{'F1':>10}{'F2':>10}{'tokens':>8}  exact F1"]
    for kind, part in told["by_type"].items():
        row = "".join(f"{part[figure]:10.3f}" for figure in _FIGURES)
        lines.append(f"  {kind:24}{row}{part['tokens']:8}{part['exact_span']['f1']:10.3f}")
    also = ", ".join(f"{kind} {count}" for kind, count in told["also_found"].items())
    speed = ", ".join(f"{name} {value:,.0f}" for name, value in told["characters_per_cpu_second"].items())
    lines += ["", f"  found, but labelled nowhere in this file: {also or 'nothing'}"]
    lines += [f"  characters per CPU second: {speed}"] if speed else []
    return "\n".join([*lines, "", f"  {told['matching']}"])


def page(runs: list[dict[str, Any]]) -> str:
    """All files as one self-contained page."""
    sections = "\n".join(_section(told) for told in runs)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Personal data</title>'
        f"<style>{STYLE}</style></head>\n<body><h1>Personal data</h1>\n{sections}\n"
        f"<p>{escape(MATCHING)}</p></body></html>\n"
    )


def _section(told: Mapping[str, Any]) -> str:
    parts = (("tokens", told), ("tokens, any type", told["any_type"]), ("exact spans", told["exact_span"]))
    main = "".join(
        f'<tr><td>{name}, {figure}</td><td class="figure">{part[figure]:.3f}</td><td class="figure">{low:.3f} to '
        f"{high:.3f}</td><td>{bar(part[figure], low, high)}</td></tr>"
        for name, part in parts
        for figure in _FIGURES
        for low, high in (part["ci95"][figure],)
    )
    kinds = "".join(
        f"<tr><td>{escape(kind)}</td>"
        + "".join(f'<td class="figure">{part[figure]:.3f}</td>' for figure in _FIGURES)
        + f'<td class="figure">{part["exact_span"]["f1"]:.3f}</td><td class="figure">{part["tokens"]}</td></tr>'
        for kind, part in told["by_type"].items()
    )
    head = "".join(f"<th>{name}</th>" for name in ("kind", *_FIGURES, "exact-span F1", "tokens"))
    skipped = ", ".join(f"{escape(label)} ({count})" for label, count in told["not_looked_for"].items())
    return (
        f"<h2>{escape(told['dataset'])}</h2>\n<p>{told['texts']} texts. Labels that are not looked for: "
        f"{skipped or 'none'}.</p>\n"
        f"<table><tr><th>measure</th><th>value</th><th>95% interval</th><th></th></tr>{main}</table>\n"
        f"<table><tr>{head}</tr>{kinds}</table>"
    )
