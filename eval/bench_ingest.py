"""``python -m eval.bench_ingest DIR``: what `rag ingest` takes, beside the bare cost of its stages, in one run.

``DIR/<tenant>/documents/**`` holds each tenant's files. Bare cost: every stage called on every file in this process,
one after the other, on one thread. Perfectly spread, that would take its sum over the number of cores (two at most).
With ``--frameworks`` the same files go through LlamaIndex and Haystack too.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.bar import Bar
from eval.bare_stages import STAGES, BareStages, Cost, FileCost, total
from eval.frameworks.beside import beside
from eval.ingest_report import shown
from eval.process_memory import MemoryWatch
from eval.served import temporary_installation

MOST_CORES = 2


@dataclass(frozen=True, slots=True)
class Measured:
    """What `rag ingest` took, start of its processes included. ``refused`` are the files that it refused.

    ``others_cpu_s`` is what everything else on the machine took of the processor meanwhile.
    """

    seconds: float
    cpu_s: float
    chunks: int
    refused: frozenset[Path]
    peaks: Sequence[Mapping[str, Any]]
    together_mib: float
    others_cpu_s: float = 0.0


def files_of(folder: Path) -> dict[str, list[Path]]:
    """The files under each tenant's ``documents``, in order."""
    tenants = sorted(one for one in folder.iterdir() if (one / "documents").is_dir())
    return {
        one.name: sorted(path.resolve() for path in (one / "documents").rglob("*") if path.is_file()) for one in tenants
    }


def sample(files: Mapping[str, Sequence[Path]], most: int) -> dict[str, list[Path]]:
    """At most that many of the files: as near as can be the same number of each tenant and format, spread evenly."""
    groups: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for tenant, paths in files.items():
        for path in paths:
            groups[tenant, path.suffix.lower()].append(path)
    each = -(-most // max(1, len(groups)))
    spread = [(rank, tenant, path) for (tenant, _), of_one in groups.items() for rank, path in _spaced(of_one, each)]
    taken = sorted(spread, key=lambda one: one[0])[:most]
    return {tenant: sorted(path for _, owner, path in taken if owner == tenant) for tenant in files}


def _spaced(paths: Sequence[Path], most: int) -> Iterator[tuple[int, Path]]:
    count = min(most, len(paths))
    for rank in range(count):
        yield rank, paths[rank * len(paths) // count]


def measure_bare(files: Mapping[str, Sequence[Path]]) -> tuple[Cost, list[FileCost]]:
    """What loading the models costs, and what each file costs once they are loaded."""
    paths = [path for of_one in files.values() for path in of_one]
    stages = BareStages()
    stages.warm(paths)
    costs = []
    with Bar() as bar:
        bar.begin("bare stages", len(paths))
        for path in paths:
            costs.append(stages.cost(path))
            bar.advance()
    return stages.load, costs


def measure_ingest(files: Mapping[str, Sequence[Path]]) -> Measured:
    """`rag ingest` on the files, one command a tenant, into a data folder that is new."""
    chunks, refused = 0, set[Path]()
    with temporary_installation() as installation:
        for tenant in files:
            installation.rag("tenant", "create", tenant)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began, busy = time.perf_counter(), _busy_s()
        with MemoryWatch() as memory:
            for tenant, paths in files.items():
                if paths:
                    names = list(map(str, paths))
                    told = installation.rag("ingest", *names, "--tenant", tenant, "--allow", "everyone", accept=(0, 1))
                    chunks += sum(one["chunks"] for one in told["documents"])
                    refused |= {Path(one["path"]) for one in told["refused"]}
        seconds, busy = time.perf_counter() - began, _busy_s() - busy
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    others = max(0.0, busy - cpu)
    return Measured(seconds, cpu, chunks, frozenset(refused), memory.peaks(), memory.together_mib, others)


def _busy_s() -> float:
    """Seconds in which a core of this machine was not idle, summed over the cores, since it started."""
    times = list(map(int, Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]))
    return (sum(times) - times[3] - times[4]) / os.sysconf("SC_CLK_TCK")


def bench(folder: Path, most: int | None = None, frameworks: Path | None = None) -> dict[str, Any]:
    """The figures, as the JSON line has them."""
    files = files_of(folder)
    files = sample(files, most) if most is not None else files
    load, costs = measure_bare(files)
    measured = measure_ingest(files)
    cores = min(MOST_CORES, os.cpu_count() or 1)
    figures = figures_of(load, costs, measured, cores)
    if frameworks:
        figures["beside"] = [
            compared("all", costs, measured, frameworks),
            _compared_on(".md", files, costs, frameworks),
        ]
    return figures


def figures_of(load: Cost, costs: Sequence[FileCost], measured: Measured, cores: int) -> dict[str, Any]:
    """``ratio`` is the command's time over the bare cost spread on the cores; ``cpu_ratio`` is work over work.

    Other load on the machine lengthens the one more than the other, so ``cpu_ratio`` tells what the machine could do.
    """
    whole = total(one.whole for one in costs)
    refused = {one.path for one in costs if one.refused}
    if refused != measured.refused:
        raise RuntimeError(f"{len(refused ^ measured.refused)} files were refused by the stages or the command alone")
    return {
        "files": len(costs),
        "refused": len(refused),
        "bare": {
            "load_s": round(load.wall, 2),
            "stages": {stage: _rounded(_stage(costs, stage)) for stage in STAGES},
            "formats": _formats(costs),
            "sum": _rounded(whole),
            "cores": cores,
            "spread_s": round(whole.wall / cores, 2),
            "chunks": sum(one.chunks for one in costs),
        },
        "ingest": {
            "s": round(measured.seconds, 2),
            "cpu_s": round(measured.cpu_s, 2),
            "others_cpu_s": round(measured.others_cpu_s, 2),
            "files_per_s": round(len(costs) / measured.seconds, 2),
            "chunks": measured.chunks,
            "processes": list(measured.peaks),
            "together_mib": round(measured.together_mib, 1),
        },
        "ratio": round(measured.seconds / (whole.wall / cores), 3),
        "cpu_ratio": round(measured.cpu_s / whole.cpu, 3),
    }


def compared(name: str, costs: Sequence[FileCost], measured: Measured, frameworks: Path) -> dict[str, Any]:
    """Ours and each framework's throughput on these files, and on those of them that the framework reads.

    Where it reads fewer files, our time is taken in the proportion of what those files cost the bare stages.
    """
    read = len(costs) - len(measured.refused)
    tokens = sum(one.tokens for one in costs)
    ours = {
        "name": "rag ingest",
        "files": read,
        "skipped": len(measured.refused),
        "s": round(measured.seconds, 2),
        "cpu_s": round(measured.cpu_s, 2),
        "files_per_s": round(read / measured.seconds, 2),
        "chunks": measured.chunks,
        "tokens": tokens,
        "tokens_per_s": round(tokens / measured.seconds),
        "unread_share": round(1 - tokens / max(1, sum(one.tokens + one.cut for one in costs)), 3),
    }
    theirs = beside(frameworks, [one.path for one in costs])
    for one in theirs:
        one["times_ours"] = round(one["s"] / _ours_on(set(one.pop("read")), costs, measured), 2)
    return {"files": name, "ours": ours, "theirs": theirs}


def _ours_on(read: Collection[str], costs: Sequence[FileCost], measured: Measured) -> float:
    part = total(one.whole for one in costs if str(one.path) in read).wall
    return measured.seconds * part / total(one.whole for one in costs).wall


def _compared_on(
    suffix: str, files: Mapping[str, Sequence[Path]], costs: Sequence[FileCost], frameworks: Path
) -> dict[str, Any]:
    of_format = {tenant: [path for path in paths if path.suffix == suffix] for tenant, paths in files.items()}
    measured = measure_ingest(of_format)
    return compared(suffix, [one for one in costs if one.path.suffix == suffix], measured, frameworks)


def _formats(costs: Sequence[FileCost]) -> dict[str, dict[str, Any]]:
    """For each format the number of files, and milliseconds of the processor a file and stage."""
    of_format: dict[str, list[FileCost]] = defaultdict(list)
    for one in costs:
        of_format[one.path.suffix.lower()].append(one)
    return {
        suffix: {
            "files": len(ones),
            "cpu_ms": {stage: round(1000 * _stage(ones, stage).cpu / len(ones), 1) for stage in STAGES},
        }
        for suffix, ones in sorted(of_format.items())
    }


def _stage(costs: Sequence[FileCost], stage: str) -> Cost:
    return total(one.stages[stage] for one in costs if stage in one.stages)


def _rounded(cost: Cost) -> dict[str, float]:
    return {"wall_s": round(cost.wall, 3), "cpu_s": round(cost.cpu, 3)}


def main() -> None:
    parser = ArgumentParser(prog="python -m eval.bench_ingest", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR", help="one folder a tenant, with its files in documents/")
    parser.add_argument("--files", type=int, metavar="N", help="only so many files, of each tenant and format alike")
    parser.add_argument(
        "--frameworks", type=Path, metavar="PYTHON", help="an interpreter that has eval/frameworks/requirements.txt"
    )
    arguments = parser.parse_args()
    if not any(files_of(arguments.folder).values()):
        parser.error(f"{arguments.folder} holds no tenant's documents")
    figures = bench(arguments.folder, arguments.files, arguments.frameworks)
    sys.stderr.write(shown(figures))
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
