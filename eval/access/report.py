"""The outcome of a run, for scripts and for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

from eval.access.judge import Finding
from eval.access.timing import Compared
from eval.measures.interval import upper_bound_95
from rag_service.commands.options import table

_SHOWN = 50
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left }
"""


@dataclass
class Tally:
    """What was probed so far, and what was found."""

    probes: Counter[str] = field(default_factory=Counter)
    leaking: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def add(self, route: str, findings: Sequence[Finding], probes: int = 1) -> None:
        """A probe leaks once, however much it was told."""
        self.probes[route] += probes
        self.leaking[route] += min(probes, sum(one.is_leak for one in findings))
        self.findings += findings

    @property
    def errors(self) -> list[Finding]:
        return [one for one in self.findings if not one.is_leak]


@dataclass(frozen=True)
class Outcome:
    """A whole run. ``timing`` is empty where a run is too small for it."""

    tally: Tally
    timing: Sequence[Compared]
    database: str
    seconds: float
    fault: str | None = None

    @property
    def gross(self) -> list[Compared]:
        return [one for one in self.timing if one.is_gross]

    @property
    def passed(self) -> bool:
        """No leak, nothing that failed, no time that tells."""
        return not self.tally.findings and not self.gross


def document(outcome: Outcome) -> dict[str, Any]:
    """The outcome as JSON."""
    tally = outcome.tally
    probes, leaks = tally.probes.total(), tally.leaking.total()
    found: dict[str, Any] = {
        "probes": probes,
        "leaks": leaks,
        "upper_bound_95": upper_bound_95(leaks, probes),
        "by_route": {
            route: {"probes": count, "leaks": tally.leaking[route]} for route, count in sorted(tally.probes.items())
        },
        "errors": len(tally.errors),
        "findings": [asdict(one) for one in tally.findings[:_SHOWN]],
        "timing": [{**asdict(one), "gross": one.is_gross} for one in outcome.timing],
        "database": outcome.database,
        "seconds": round(outcome.seconds, 1),
        "passed": outcome.passed,
    }
    return found | ({"fault": outcome.fault} if outcome.fault else {})


def readable(told: Mapping[str, Any]) -> str:
    """Lines for a terminal."""
    rows = [("route", "probes", "leaks")]
    rows += [(route, str(one["probes"]), str(one["leaks"])) for route, one in told["by_route"].items()]
    lines = [table(rows, "none"), ""]
    lines += [_line(one) for one in told["findings"]]
    lines += [
        f"{one['route']}: {one['present_ms']} ms where something {one['kind']} is, {one['absent_ms']} ms where nothing "
        f"is ({one['interval_ms'][0]:+.2f} to {one['interval_ms'][1]:+.2f} ms, p = {one['p_value']:.2f})"
        + (", GROSS" if one["gross"] else "")
        for one in told["timing"]
    ]
    lines.append(
        f"{told['leaks']} leaks and {told['errors']} errors in {told['probes']} probes on {told['database']}, "
        f"{told['seconds']} s: with 95% confidence, fewer than {told['upper_bound_95']:.2g} of such probes leak."
    )
    return "\n".join(lines)


def _line(finding: Mapping[str, Any]) -> str:
    return str(Finding(**finding))


def page(told: Mapping[str, Any]) -> str:
    """The same as one self-contained page."""
    rows = "".join(
        f"<tr><td>{escape(route)}</td><td>{one['probes']}</td><td>{one['leaks']}</td></tr>"
        for route, one in told["by_route"].items()
    )
    times = "".join(
        f"<tr><td>{escape(one['route'])}</td><td>{one['kind']}</td><td>{one['absent_ms']}</td><td>{one['present_ms']}</td>"
        f"<td>{one['interval_ms'][0]:+.3f} to {one['interval_ms'][1]:+.3f}</td><td>{one['p_value']:.3f}</td></tr>"
        for one in told["timing"]
    )
    found = "".join(f"<li>{escape(_line(one))}</li>" for one in told["findings"])
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Access</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{told['leaks']} leaks in {told['probes']} probes</h1>\n"
        f"<p>{escape(told['database'])}, {told['seconds']} s, {told['errors']} errors. With 95% confidence, fewer than "
        f"{told['upper_bound_95']:.2g} of such probes leak.</p>\n<ul>{found}</ul>\n"
        f"<table><tr><th>route</th><th>probes</th><th>leaks</th></tr>{rows}</table>\n"
        "<h2>Refused in the same time</h2>\n<table><tr><th>route</th><th>what is there</th><th>absent, ms</th>"
        f"<th>present, ms</th><th>95% interval</th><th>p</th></tr>{times}</table>\n</body></html>\n"
    )
