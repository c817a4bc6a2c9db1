"""What came of a hostile folder: each file in one list, and why; whether anything broke; what it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingestion.processes.profile import StageProfile

_BROKEN = ("internal_error", "gave_up", "unavailable", "seal_broken", "embedding_mismatch")


@dataclass(frozen=True, slots=True)
class Run:
    """``files`` are those that were there; ``outcome`` is what `rag ingest --json` printed. Memory in MiB."""

    files: Sequence[str]
    outcome: Mapping[str, Sequence[Mapping[str, Any]]]
    seconds: float
    load: tuple[float, float]
    peaks: Mapping[str, float]
    own_peak: float
    profile: Mapping[str, StageProfile]
    slowest: Sequence[Mapping[str, Any]]
    answers: bool


def report_of(run: Run) -> dict[str, Any]:
    """The report. A member of an archive stands for itself, and is no file of the folder.

    >>> lists_of({"documents": [{"path": "a"}, {"path": "b"}], "refused": [{"path": "b"}]})
    Counter({'b': 2, 'a': 1})
    """
    lists = lists_of(run.outcome)
    reasons = Counter(str(one["reason"]) for one in run.outcome["refused"])
    broken = {reason: count for reason, count in reasons.items() if _is_broken(reason)}
    return {
        "files": len(run.files),
        "in_no_list": [name for name in run.files if name not in lists],
        "in_two_lists": [name for name in run.files if lists[name] > 1],
        "outcomes": {name: len(entries) for name, entries in run.outcome.items() if isinstance(entries, list)},
        "refused_by_reason": dict(reasons.most_common()),
        "crashes_and_hangs": broken,
        "broken_files": [one["path"] for one in run.outcome["refused"] if _is_broken(str(one["reason"]))],
        "answers_afterwards": run.answers,
        "seconds": round(run.seconds, 1),
        "load_average": [round(one, 1) for one in run.load],
        "peak_mib": {**{kind: round(one) for kind, one in run.peaks.items()}, "this process": round(run.own_peak)},
        "cpu_s": {stage: round(one.cpu_s, 1) for stage, one in run.profile.items()},
        "slowest": list(run.slowest),
    }


def lists_of(outcome: Mapping[str, Sequence[Mapping[str, Any]]]) -> Counter[str]:
    """In how many lists each path stands."""
    return Counter(path for name in outcome for path in {str(one["path"]) for one in outcome[name]})


def passed(report: Mapping[str, Any]) -> bool:
    """Every file has one outcome, nothing broke, and the service answers."""
    bad = report["in_no_list"] or report["in_two_lists"] or report["crashes_and_hangs"]
    return not bad and bool(report["answers_afterwards"])


def told(report: Mapping[str, Any]) -> str:
    """The report for people."""
    lines = [f"{report['files']} files in {report['seconds']} s, load {report['load_average']}"]
    lines += [f"{name:12} {count}" for name, count in report["outcomes"].items()]
    lines += [f"  {reason:26} {count}" for reason, count in report["refused_by_reason"].items()]
    lines.append(f"in no list {len(report['in_no_list'])}, in two {len(report['in_two_lists'])}")
    lines.append(f"crashes and hangs: {report['crashes_and_hangs'] or 'none'} {report['broken_files'] or ''}")
    lines.append(f"answers afterwards: {'yes' if report['answers_afterwards'] else 'NO'}")
    lines.append("peak MiB: " + ", ".join(f"{kind} {peak}" for kind, peak in report["peak_mib"].items()))
    lines.append("CPU s: " + ", ".join(f"{stage} {spent}" for stage, spent in report["cpu_s"].items()))
    lines += [f"{one['seconds']:8.1f} s  {one['stage']:7} {one['file']}" for one in report["slowest"]]
    return "\n".join(lines)


def _is_broken(reason: str) -> bool:
    return reason in _BROKEN or reason.endswith("_failed")
