"""`kill -9` at every stage, every write transaction and every write to the index: nothing accepted is ever lost.

After each kill the state is looked at as it is found; then a command that uploads nothing works through the queue; then
the user gives the same command again. Half of the points are taken, all with ``RAG_CRASH_EVERYWHERE=1``. `eval.crashes`
does the like at random moments with all processes.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rag_service.authentication import operate
from rag_service.domain.jobs import PENDING, JobState
from rag_service.settings import load_settings
from rag_service.wiring import open_store

Run = Callable[[Any], Any]
ROOT = Path(__file__).parents[2]
BEFORE = {
    "quays.md": "# Quays\n\nThe north quay closes at nine. Ask desk@harbour.example about the keys.\n",
    "cranes.md": "# Cranes\n\nCrane four lifts forty tonnes. It is inspected every spring by the insurer.\n",
}
AFTER = {
    "quays.md": "# Quays\n\nThe north quay closes at eleven, and the south quay at noon.\n",
    "cranes.md": BEFORE["cranes.md"],
    "pilots.txt": "A pilot boards at the outer buoy. Two are on call every night.\n",
    "empty.txt": " \n",
}
TELLING = {"quays.md": "eleven", "cranes.md": "forty tonnes", "pilots.txt": "outer buoy"}
"""What is in the live version of each document that there is to be in the end."""

AS_IT_SHOULD_END = {JobState.DONE, JobState.UNCHANGED, JobState.REFUSED}


@dataclass
class Rag:
    """``rag`` over one data folder, in children of a process that can kill them at a point."""

    process: subprocess.Popen[str]
    data: Path
    key: str
    files: Path
    log: Path = field(init=False)
    output: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log, self.output = self.files.parent / "points", self.files.parent / "output"

    def run(self, *arguments: str, kill: tuple[str, int] | None = None, **failures: int) -> int:
        """The exit status, or minus the number of the signal that ended it."""
        self.log.unlink(missing_ok=True)
        order = {
            "arguments": list(arguments),
            "environment": {"RAG_DATA_DIR": str(self.data), "RAG_MASTER_KEY": self.key, "RAG_THREADS": "1"},
            "log": str(self.log),
            "output": str(self.output),
            "kill": kill,
            "failures": {f"stage {name}": count for name, count in failures.items()},
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def points(self) -> list[tuple[str, str]]:
        """The points that the last run passed, with their facts, in order."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return [(name, fact) for name, _, fact in (line.partition("\t") for line in lines)]

    def write(self, files: dict[str, str]) -> None:
        self.files.mkdir(exist_ok=True)
        for name, text in files.items():
            (self.files / name).write_text(text, encoding="utf-8")

    @property
    def ingest(self) -> tuple[str, ...]:
        return ("ingest", str(self.files), "--tenant", "acme", "--allow", "everyone", "--json")


@pytest.fixture(scope="module")
def forks() -> Iterator[subprocess.Popen[str]]:
    """The process that children are forked from, with the models loaded."""
    environment = {**os.environ, "RAG_THREADS": "1"}
    command, pipe = [sys.executable, "-m", "tests.failpoints"], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        assert process.stdin is not None
        process.stdin.close()


@dataclass
class Found:
    """What SQL holds. ``documents`` are the words of each, by source; ``half`` are those that are not whole."""

    documents: dict[str, list[str]]
    half: list[str]
    jobs: dict[str, JobState]
    waiting: int


async def look(rag: Rag) -> Found:
    settings = load_settings(data_dir=rag.data, master_key=rag.key)
    async with open_store(settings) as store:
        tenant = await store.tenants.by_name("acme")
        metas = await store.documents.all(operate(tenant), tenant.keys)
        found = Found({}, [], {}, await store.outbox.lag())
        for meta in metas:
            points, access = await store.versions.points(operate(tenant), tenant.keys, meta.document_id)
            if len(points) != meta.chunks or not access:
                found.half.append(meta.source)
            words = " ".join(point.lexical_text for point in points)
            found.documents.setdefault(Path(meta.source).name, []).append(words)
        jobs = await store.jobs.jobs(operate(tenant), tenant.keys, list(JobState), 1000)
        found.jobs = {job.job_id: job.state for job in jobs}
    return found


def each_point(points: list[tuple[str, str]]) -> Iterator[tuple[str, int]]:
    """Every point that was passed, once; with ``RAG_CRASH_EVERYWHERE``, each time that it was.

    Where a stage begins, or a transaction, nothing has changed since the point before: those are left out.
    """
    passed: Counter[str] = Counter()
    everywhere = "RAG_CRASH_EVERYWHERE" in os.environ
    for name, _ in points:
        is_new = not name.endswith(" has begun") and not (name.startswith("stage ") and name.endswith(" begins"))
        if name != "accepted" and (everywhere or (is_new and not passed[name])):
            yield name, passed[name]
        passed[name] += 1


def some_of(points: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Two in a row of every four, as before and after a commit are neighbours; with ``RAG_CRASH_EVERYWHERE``, all."""
    everywhere = "RAG_CRASH_EVERYWHERE" in os.environ
    return [point for at, point in enumerate(points) if everywhere or at % 4 in {0, 3}]


@pytest.mark.slow
def test_an_ingest_that_is_killed_anywhere_loses_and_doubles_nothing(
    forks: subprocess.Popen[str], tmp_path: Path, run: Run
) -> None:
    rag = Rag(forks, tmp_path / "data", secrets.token_hex(32), tmp_path / "files")
    rag.write(BEFORE)
    assert rag.run("tenant", "create", "acme") == 0
    assert rag.run(*rag.ingest) == 0, rag.output.read_text(encoding="utf-8")
    shutil.copytree(rag.data, tmp_path / "before")
    rag.write(AFTER)
    assert rag.run(*rag.ingest, parse=1) == 1  # a file is empty; a stage fails once, and is tried again
    passed = rag.points()
    assert_every_part_was_passed({name for name, _ in passed})
    points = some_of(list(each_point(passed)))
    killed = 0
    for name, occurrence in points:
        shutil.rmtree(rag.data)
        shutil.copytree(tmp_path / "before", rag.data)
        if rag.run(*rag.ingest, kill=(name, occurrence), parse=1) != -9:
            continue  # a matter of timing: this run did not come there so often
        killed += 1
        accepted = {fact for point, fact in rag.points() if point == "accepted"}
        assert_nothing_is_lost(rag, accepted, run, f"killed where {name}, after {occurrence} times")
    assert killed >= 0.8 * len(points)


@pytest.mark.slow
def test_a_build_of_another_epoch_that_is_killed_at_some_point_goes_on_where_it_was(
    forks: subprocess.Popen[str], tmp_path: Path
) -> None:
    rag = Rag(forks, tmp_path / "data", secrets.token_hex(32), tmp_path / "files")
    rag.write(BEFORE)
    assert rag.run("tenant", "create", "acme") == 0
    assert rag.run(*rag.ingest) == 0, rag.output.read_text(encoding="utf-8")
    shutil.copytree(rag.data, tmp_path / "before")
    build = ("embedding", "build", "--tenant", "acme", "--json", "--new-key")
    assert rag.run(*build) == 0, rag.output.read_text(encoding="utf-8")
    killed = 0
    for name, occurrence in list(each_point(rag.points()))[::3]:  # each costs four commands
        shutil.rmtree(rag.data)
        shutil.copytree(tmp_path / "before", rag.data)
        killed += rag.run(*build, kill=(name, occurrence)) == -9
        assert rag.run(*build) == 0, f"{name}: {rag.output.read_text(encoding='utf-8')}"
        assert rag.run("doctor", "--deep", "--json") == 0, f"{name}: {rag.output.read_text(encoding='utf-8')}"
        assert rag.run("embedding", "status", "--tenant", "acme", "--json") == 0
        told = json.loads(rag.output.read_text(encoding="utf-8"))["epochs"]
        assert [(one["epoch"], one["state"], one["passages"]) for one in told] == [(1, "live", 2), (2, "ready", 2)], (
            name
        )
    assert killed >= 2


def assert_every_part_was_passed(names: set[str]) -> None:
    """The run that others are measured by went through all that an ingest can go through."""
    parts = {
        name.rsplit(" ", 1)[0].removesuffix(" is").removesuffix(" has").removesuffix(" is to be") for name in names
    }
    stages = {f"stage {name}" for name in ("accept", "parse", "scrub", "chunk", "embed", "seal")}
    queue = ("claim", "heartbeat", "release_all", "give_back", "end")
    transactions = {f"jobs.JobQueue.{name}" for name in queue}
    transactions |= {"uploads.Uploads.accept", "versions.Versions.switch", "outbox.Outbox.followed"}
    assert stages | transactions | {"index upsert", "index delete"} <= parts


def assert_nothing_is_lost(rag: Rag, accepted: set[str], run: Run, where: str) -> None:
    found = run(look(rag))
    assert accepted <= found.jobs.keys(), f"an accepted upload is lost: {where}"
    assert not found.half, f"a document is half visible: {where}"
    assert all(len(texts) == 1 for texts in found.documents.values()), f"a document is there twice: {where}"
    again = ("--tenant", "acme", "--allow", "everyone", "--json")
    nothing = rag.files.parent / "nothing"
    nothing.mkdir(exist_ok=True)
    for _ in range(5):  # a job whose stage failed waits a second before it is tried again
        if not PENDING & set(found.jobs.values()):
            break
        # What was accepted is worked through by a command that uploads nothing.
        assert rag.run("ingest", str(nothing), *again) == 0, rag.output.read_text(encoding="utf-8")
        found = run(look(rag))
    assert {found.jobs[job] for job in accepted} <= AS_IT_SHOULD_END | {JobState.STORED}, f"{where}: {found.jobs}"
    assert rag.run("ingest", str(rag.files), *again) == 1, rag.output.read_text(encoding="utf-8")
    assert rag.run("doctor", "--deep", "--json") == 0, f"{where}: {rag.output.read_text(encoding='utf-8')}"
    found = run(look(rag))
    assert set(found.jobs.values()) <= AS_IT_SHOULD_END, f"{where}: {found.jobs}"
    assert accepted <= found.jobs.keys(), where
    assert not found.half, where
    assert found.waiting == 0, where
    assert all(len(texts) == 1 for texts in found.documents.values()), where
    assert found.documents.keys() == TELLING.keys(), where
    for name, word in TELLING.items():
        assert word in found.documents[name][0], where
