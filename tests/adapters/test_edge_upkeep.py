"""Upkeep of embedded shards: nothing written is lost by it, wherever it is interrupted."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rag_service.adapters import edge_upkeep
from rag_service.adapters.edge_files import Extent, copy_sparsely, extent
from rag_service.adapters.memory_index import MemoryIndex
from rag_service.adapters.qdrant_edge import QdrantEdgeIndex
from rag_service.domain.retrieval import SealedPoint
from tests.adapters.test_qdrant_edge import open_files_under
from tests.contracts.chunk_index import COLLECTION, OTHER, assert_equal, groups
from tests.contracts.test_chunk_index import assert_same, random_point, random_query

ROOT = Path(__file__).resolve().parents[2]
SIZE = 600


def made_points(numbers: range, seed: int = 1) -> list[SealedPoint]:
    rng = np.random.default_rng(seed)
    return [random_point(rng, number) for number in numbers]


def open_index(root: Path, optimize_after: int = SIZE // 2, **options: float) -> QdrantEdgeIndex:
    return QdrantEdgeIndex(root, optimize_after=optimize_after, **options)  # type: ignore[arg-type]


async def child_of(index: QdrantEdgeIndex, upkeep: asyncio.Task[None]) -> asyncio.subprocess.Process:
    """The process that optimizes, once it was started."""
    while (child := index._upkeep._child) is None:
        assert not upkeep.done()
        await asyncio.sleep(0.01)
    return child


async def assert_holds(index: QdrantEdgeIndex, given: dict[str, SealedPoint], collection: str = COLLECTION) -> None:
    stored = await index.read(collection, sorted(await index.point_ids(collection)))
    assert stored.keys() == given.keys()
    for point_id, point in given.items():
        assert_equal(stored[point_id], point)


def unfinished(root: Path) -> list[str]:
    return [path.name for path in root.iterdir() if path.name.startswith(".")]


def test_an_optimized_collection_has_a_graph_and_answers_as_exactly_as_before(tmp_path: Path) -> None:
    async def journey() -> None:
        memory, edge = MemoryIndex(), open_index(tmp_path)
        for index in (memory, edge):
            await index.upsert(COLLECTION, made_points(range(SIZE)))
            await index.delete(COLLECTION, [point.point_id for point in made_points(range(50))])
        await edge.maintain()
        assert extent(tmp_path / COLLECTION) == Extent(places=SIZE - 50, ungraphed=0)
        assert unfinished(tmp_path) == []
        rng = np.random.default_rng(3)
        for _ in range(30):
            query = random_query(rng)
            expected, found = await memory.search(query, limit=20), await edge.search(query, limit=20)
            assert_same(expected.dense, found.dense)
            assert_same(expected.lexical, found.lexical)
        await edge.close()

    asyncio.run(journey())


def test_what_is_written_and_deleted_during_an_optimization_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAG_MASTER_KEY", "not-for-the-child")

    async def journey() -> None:
        index = open_index(tmp_path)
        expected = {point.point_id: point for point in made_points(range(SIZE))}
        await index.upsert(COLLECTION, list(expected.values()))
        upkeep = asyncio.create_task(index.maintain())
        child = await child_of(index, upkeep)
        environment = await asyncio.to_thread(Path(f"/proc/{child.pid}/environ").read_bytes)
        assert b"PYTHONPATH" in environment
        assert b"not-for-the-child" not in environment
        changed = made_points(range(100, 200), seed=2)
        added = made_points(range(1000, 2300), seed=2)
        gone = [point.point_id for point in made_points(range(180, 300))]
        added_and_gone = [point.point_id for point in added[:40]]
        await index.upsert(COLLECTION, changed)
        await index.delete(COLLECTION, gone)
        await index.upsert(COLLECTION, added)
        await index.delete(COLLECTION, added_and_gone)
        query = replace(random_query(np.random.default_rng(5)), documents=None, sources=None)
        assert len((await index.search(query, limit=10)).dense) == 10
        assert not upkeep.done()
        await upkeep
        expected |= {point.point_id: point for point in (*changed, *added)}
        expected = {key: point for key, point in expected.items() if key not in {*gone, *added_and_gone}}
        assert extent(tmp_path / COLLECTION).places > extent(tmp_path / COLLECTION).ungraphed > 0
        await assert_holds(index, expected)
        last = made_points(range(5000, 5010))
        await index.upsert(COLLECTION, last)
        await index.close()
        index = open_index(tmp_path)
        await assert_holds(index, expected | {point.point_id: point for point in last})
        await index.close()

    asyncio.run(journey())


OPTIMIZE_AND_DIE = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.adapters.test_edge_upkeep import COLLECTION, SIZE, child_of, made_points, open_index

async def main() -> None:
    index = open_index(Path(sys.argv[1]))
    await index.upsert(COLLECTION, made_points(range(SIZE)))
    upkeep = asyncio.create_task(index.maintain())
    child = await child_of(index, upkeep)
    while os.getpriority(os.PRIO_PROCESS, child.pid) != 19:
        await asyncio.sleep(0.01)
    os.kill(child.pid, signal.SIGSTOP)  # it is at work, and cannot end by itself
    await index.upsert(COLLECTION, made_points(range(1000, 1100)))
    await index.delete(COLLECTION, [point.point_id for point in made_points(range(100))])
    print(child.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_kill_9_during_an_optimization_loses_nothing_and_leaves_no_process(tmp_path: Path) -> None:
    died = run_and_die(OPTIMIZE_AND_DIE, str(tmp_path))
    child = Path(f"/proc/{int(died)}/stat")
    deadline = time.monotonic() + 20
    while child.exists() and child.read_text().rsplit(")", 1)[1].split()[0] != "Z":
        assert time.monotonic() < deadline, "the process that optimizes outlived its parent"
        time.sleep(0.05)
    assert unfinished(tmp_path) != []

    async def after() -> None:
        index = open_index(tmp_path)
        points = [*made_points(range(SIZE))[100:], *made_points(range(1000, 1100))]
        await assert_holds(index, {point.point_id: point for point in points})
        assert unfinished(tmp_path) == []
        await index.maintain()
        assert extent(tmp_path / COLLECTION).ungraphed == 0
        await assert_holds(index, {point.point_id: point for point in points})
        await index.close()

    asyncio.run(after())


def run_and_die(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", script, *arguments]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True, timeout=120)
    assert child.returncode == -signal.SIGKILL, child.stderr
    return child.stdout


REPLACE_AND_DIE = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.adapters.test_edge_upkeep import COLLECTION, groups, made_points, open_index

async def main() -> None:
    index = open_index(Path(sys.argv[1]))
    await index.upsert(COLLECTION, made_points(range(5)))
    rename, left = Path.rename, int(sys.argv[2])

    def rename_and_die(path, target):
        nonlocal left
        left -= 1
        if left == 0 and sys.argv[3] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = rename(path, target)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    Path.rename = rename_and_die
    await index.replace(COLLECTION, groups(*made_points(range(3, 9))))

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("rename", "when", "left"),
    [
        (1, "before", range(5)),
        (1, "after", range(5)),
        (2, "before", range(5)),
        (2, "after", range(3, 9)),
        (3, "before", range(3, 9)),
        (3, "after", range(3, 9)),
    ],
)
def test_kill_9_during_a_swap_leaves_one_or_the_other_whole(
    tmp_path: Path, rename: int, when: str, left: range
) -> None:
    run_and_die(REPLACE_AND_DIE, str(tmp_path), str(rename), when)

    async def after() -> None:
        index = open_index(tmp_path)
        assert await index.collections() == {COLLECTION}
        expected = {point.point_id for point in made_points(left)}
        assert await index.point_ids(COLLECTION) == expected
        assert unfinished(tmp_path) == []
        await index.close()

    asyncio.run(after())


def test_a_failing_process_changes_nothing_and_is_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def journey() -> None:
        index = open_index(tmp_path)
        points = made_points(range(SIZE))
        await index.upsert(COLLECTION, points)
        segments = set((tmp_path / COLLECTION / "segments").iterdir())
        with monkeypatch.context() as broken:
            broken.setattr(edge_upkeep.sys, "executable", "/bin/false")
            await index.maintain()
        assert set((tmp_path / COLLECTION / "segments").iterdir()) == segments
        assert unfinished(tmp_path) == []
        await index.upsert(COLLECTION, points[:10])
        await assert_holds(index, {point.point_id: point for point in points})
        await index.maintain()  # too early
        assert set((tmp_path / COLLECTION / "segments").iterdir()) == segments
        index._upkeep._failures[COLLECTION] = (1, time.monotonic())
        await index.maintain()
        assert extent(tmp_path / COLLECTION).ungraphed == 0
        await index.close()

    asyncio.run(journey())


@pytest.mark.parametrize("change", ["drop", "replace", "cancel", "close"])
def test_an_optimization_that_is_overtaken_leaves_the_collection_alone(tmp_path: Path, change: str) -> None:
    async def journey() -> None:
        index = open_index(tmp_path)
        points = made_points(range(SIZE))
        expected = {point.point_id: point for point in points}
        await index.upsert(COLLECTION, points)
        upkeep = asyncio.create_task(index.maintain())
        child = await child_of(index, upkeep)
        if change == "drop":
            await index.drop(COLLECTION)
            expected = {}
        elif change == "replace":
            others = made_points(range(SIZE), seed=9)  # as many, under the same ids
            expected = {point.point_id: point for point in others}
            await index.replace(COLLECTION, groups(*others, size=200))
        elif change == "cancel":
            upkeep.cancel()
        else:
            await index.close()
        await asyncio.wait([upkeep])
        assert child.returncode is not None
        assert unfinished(tmp_path) == []
        if change == "close":
            index = open_index(tmp_path)
        await assert_holds(index, expected)
        more = made_points(range(2000, 2005))
        await index.upsert(COLLECTION, more)
        await assert_holds(index, expected | {point.point_id: point for point in more})
        await index.close()

    asyncio.run(journey())


def test_writes_wait_for_the_copy_and_searches_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def copy_slowly(source: Path, target: Path) -> None:
        begun.set()
        assert go_on.wait(60)
        copy_sparsely(source, target)

    monkeypatch.setattr(edge_upkeep, "copy_sparsely", copy_slowly)

    async def journey() -> None:
        index = open_index(tmp_path)
        points = made_points(range(SIZE))
        await index.upsert(COLLECTION, points)
        upkeep = asyncio.create_task(index.maintain())
        assert await asyncio.to_thread(begun.wait, 60)
        written = asyncio.create_task(index.upsert(COLLECTION, made_points(range(1000, 1001))))
        deleted = asyncio.create_task(index.delete(COLLECTION, [points[0].point_id]))
        await index.upsert(OTHER, points[:3])
        assert await index.point_ids(COLLECTION) == {point.point_id for point in points}
        assert not written.done()
        assert not deleted.done()
        go_on.set()
        await asyncio.gather(upkeep, written, deleted)
        expected = [*points[1:], *made_points(range(1000, 1001))]
        await assert_holds(index, {point.point_id: point for point in expected})
        await index.close()

    asyncio.run(journey())


def test_upkeep_while_upkeep_goes_on_is_no_second_one(tmp_path: Path) -> None:
    async def journey() -> None:
        index = open_index(tmp_path)
        await index.upsert(COLLECTION, made_points(range(SIZE)))
        upkeep = asyncio.create_task(index.maintain())
        child = await child_of(index, upkeep)
        await index.maintain()
        assert not upkeep.done()
        assert index._upkeep._child is child
        await upkeep
        assert extent(tmp_path / COLLECTION).ungraphed == 0
        await index.close()

    asyncio.run(journey())


def test_small_collections_are_left_alone_and_dead_points_are_not(tmp_path: Path) -> None:
    async def journey() -> None:
        index = open_index(tmp_path, optimize_after=10_000, vacuum_after=100)
        points = made_points(range(400))
        for collection in (COLLECTION, OTHER):
            await index.upsert(collection, points)
        await index.delete(COLLECTION, [point.point_id for point in points[:90]])
        await index.maintain()
        assert {extent(tmp_path / name).places for name in (COLLECTION, OTHER)} == {400}
        await index.delete(COLLECTION, [point.point_id for point in points[90:200]])
        await index.maintain()
        assert extent(tmp_path / COLLECTION).places == 200
        assert extent(tmp_path / OTHER) == Extent(places=400, ungraphed=400)
        await assert_holds(index, {point.point_id: point for point in points[200:]})
        await index.close()

    asyncio.run(journey())


@pytest.fixture
def index_and_names(tmp_path: Path) -> Iterator[tuple[QdrantEdgeIndex, list[str]]]:
    index = open_index(tmp_path, idle_s=3600.0)
    names = [f"{n:016x}" for n in range(10)]
    for name in names:
        asyncio.run(index.upsert(name, made_points(range(3))))
    yield index, names
    asyncio.run(index.close())


def test_idle_collections_are_closed_and_answer_when_they_are_asked_again(
    tmp_path: Path, index_and_names: tuple[QdrantEdgeIndex, list[str]]
) -> None:
    index, names = index_and_names
    asyncio.run(index.maintain())
    assert open_files_under(tmp_path) == set(names)
    for shard in list(index._shards._open.values())[:9]:
        shard.used_at -= 3601
    asyncio.run(index.maintain())
    assert open_files_under(tmp_path) == {names[9]}
    for name in names:
        assert len(asyncio.run(index.point_ids(name))) == 3
    assert open_files_under(tmp_path) == set(names)


def test_a_sparse_copy_is_the_same_and_takes_no_more_space(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "a" / "b").mkdir(parents=True)
    target.mkdir()
    with (source / "a" / "b" / "file").open("wb") as file:
        file.write(os.urandom(1000))
        file.seek(30_000_000)
        file.write(os.urandom(1000))
        file.truncate(33_554_432)
    (source / "a" / "empty").touch()
    copy_sparsely(source, target)
    made = target / "a" / "b" / "file"
    assert made.read_bytes() == (source / "a" / "b" / "file").read_bytes()
    assert made.stat().st_blocks * 512 < 1_500_000
    assert (target / "a" / "empty").stat().st_size == 0
