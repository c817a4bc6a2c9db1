"""What only the embedded engine can get wrong: files, crashes, names, damaged folders."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rag_service.adapters.qdrant_edge import QdrantEdgeIndex
from rag_service.domain.errors import IndexUnavailable
from tests.contracts.chunk_index import COLLECTION, OTHER, numbers, point, question, search

ROOT = Path(__file__).resolve().parents[2]

WRITE_AND_DIE = """
import asyncio, os, signal, sys
from pathlib import Path
from rag_service.adapters.qdrant_edge import QdrantEdgeIndex
from tests.contracts.chunk_index import COLLECTION, DIMENSION, point

async def main() -> None:
    index = QdrantEdgeIndex(Path(sys.argv[1]))
    await index.upsert(COLLECTION, [point(n) for n in range(300)])
    await index.delete(COLLECTION, [point(n).point_id for n in range(100)])
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def open_index(root: Path, **options: int) -> QdrantEdgeIndex:
    return QdrantEdgeIndex(root, **options)


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITE_AND_DIE, str(tmp_path)]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)  # our own script
    assert child.returncode == -signal.SIGKILL, child.stderr
    index = open_index(tmp_path)
    assert asyncio.run(index.point_ids(COLLECTION)) == {point(n).point_id for n in range(100, 300)}
    assert len(search(index, question("ann"), limit=500).lexical) == 200
    asyncio.run(index.close())


def test_what_was_written_is_there_after_close_and_open(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    asyncio.run(index.upsert(COLLECTION, [point(1), point(2)]))
    before = search(index, question("ann"))
    asyncio.run(index.close())
    again = open_index(tmp_path)
    assert search(again, question("ann")) == before
    asyncio.run(again.close())


def test_reading_makes_no_files(tmp_path: Path) -> None:
    index = open_index(tmp_path / "index")
    search(index, question("ann"))
    asyncio.run(index.delete(COLLECTION, [point(1).point_id]))
    asyncio.run(index.drop(COLLECTION))
    asyncio.run(index.close())
    assert not (tmp_path / "index").exists()


def test_folders_are_for_their_owner_alone(tmp_path: Path) -> None:
    index = open_index(tmp_path / "index")
    asyncio.run(index.upsert(COLLECTION, [point(1)]))
    for folder in (tmp_path / "index", tmp_path / "index" / COLLECTION):
        assert folder.stat().st_mode & 0o777 == 0o700
    asyncio.run(index.close())


def test_drop_removes_the_folder(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    asyncio.run(index.upsert(COLLECTION, [point(1)]))
    asyncio.run(index.drop(COLLECTION))
    assert list(tmp_path.iterdir()) == []
    asyncio.run(index.close())


@pytest.mark.parametrize(
    "name", ["", "../../etc", "abc", "C0FFEE00C0FFEE00", "c0ffee00/c0ffee", "c0ffee00c0ffee00\n", "g" * 16, "a" * 65]
)
def test_a_collection_has_a_hex_name(tmp_path: Path, name: str) -> None:
    index = open_index(tmp_path)
    for call in (
        lambda: index.upsert(name, [point(1)]),
        lambda: index.delete(name, []),
        lambda: index.search(question("ann", collection=name), limit=1),
        lambda: index.point_ids(name),
        lambda: index.drop(name),
    ):
        with pytest.raises(ValueError, match="hex digits"):
            asyncio.run(call())
    assert list(tmp_path.iterdir()) == []
    asyncio.run(index.close())


def test_more_collections_than_may_be_open_all_answer(tmp_path: Path) -> None:
    index = open_index(tmp_path, max_open=2)
    names = [f"{n:016x}" for n in range(5)]
    for n, name in enumerate(names):
        asyncio.run(index.upsert(name, [point(n)]))
    for _ in range(2):
        for n, name in enumerate(names):
            assert numbers(search(index, question("ann", collection=name)).dense) == [n]
            assert len(open_files_under(tmp_path)) <= 2
            assert name in open_files_under(tmp_path)
    asyncio.run(index.close())
    assert open_files_under(tmp_path) == set()


def open_files_under(root: Path) -> set[str]:
    """The collections of which this process holds a file open."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            links.append(descriptor.readlink())
        except OSError:
            continue
    return {link.relative_to(root).parts[0] for link in links if link.is_relative_to(root)}


def test_the_remains_of_an_interrupted_creation_are_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / f".new-{COLLECTION}" / "segments").mkdir(parents=True)
    (tmp_path / f".new-{COLLECTION}" / "segments" / "junk").write_bytes(b"junk")
    index = open_index(tmp_path)
    assert search(index, question("ann")).dense == ()
    asyncio.run(index.upsert(COLLECTION, [point(1)]))
    assert numbers(search(index, question("ann")).dense) == [1]
    assert [path.name for path in tmp_path.iterdir()] == [COLLECTION]
    asyncio.run(index.close())


@pytest.mark.parametrize("lost", [".", "segments", "segments/*/segment.json", "segments/*/vector_storage-dense"])
def test_a_damaged_folder_is_unavailable_and_never_empty(tmp_path: Path, lost: str) -> None:
    index = open_index(tmp_path)
    asyncio.run(index.upsert(COLLECTION, [point(1)]))
    asyncio.run(index.close())
    for path in (tmp_path / COLLECTION).glob(lost) if lost != "." else (tmp_path / COLLECTION).iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    index = open_index(tmp_path)
    for call in (
        lambda: index.search(question("ann"), limit=1),
        lambda: index.point_ids(COLLECTION),
        lambda: index.upsert(COLLECTION, [point(1)]),
    ):
        with pytest.raises(IndexUnavailable):
            asyncio.run(call())
    asyncio.run(index.upsert(OTHER, [point(1)]))
    asyncio.run(index.drop(COLLECTION))
    assert [path.name for path in tmp_path.iterdir()] == [OTHER]
    asyncio.run(index.close())


def test_points_of_another_dimension_than_their_collections_are_refused(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    asyncio.run(index.upsert(COLLECTION, [point(1)]))
    for opened in (index, open_index(tmp_path)):
        with pytest.raises(IndexUnavailable, match="dimensions"):
            asyncio.run(opened.upsert(COLLECTION, [point(2, vector=(0.6, 0.8))]))
        assert asyncio.run(opened.point_ids(COLLECTION)) == {point(1).point_id}
        asyncio.run(opened.close())


def test_errors_quote_nothing(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    asyncio.run(index.upsert(COLLECTION, [point(1)]))
    with pytest.raises(IndexUnavailable) as refused:
        asyncio.run(index.delete(COLLECTION, ["not-a-uuid"]))
    assert "not-a-uuid" not in str(refused.value)
    assert refused.value.__suppress_context__
    asyncio.run(index.close())


def test_a_closed_index_is_unavailable(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    asyncio.run(index.close())
    asyncio.run(index.close())
    with pytest.raises(IndexUnavailable):
        search(index, question("ann"))


def test_an_upsert_of_several_batches_is_whole(tmp_path: Path) -> None:
    index = open_index(tmp_path)
    points = [point(n) for n in range(2500)]
    asyncio.run(index.upsert(COLLECTION, points))
    assert len(asyncio.run(index.point_ids(COLLECTION))) == 2500
    asyncio.run(index.close())


def test_a_disk_without_room_is_told_before_the_engine_dies_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = open_index(tmp_path)
    asyncio.run(index.upsert(COLLECTION, [point(1)]))
    with monkeypatch.context() as patched:
        patched.setattr("rag_service.adapters.edge_folders.NEEDED_BYTES", 2**62)  # more than any disk has
        for collection in (COLLECTION, OTHER):
            with pytest.raises(IndexUnavailable, match="free on the disk"):
                asyncio.run(index.upsert(collection, [point(2)]))
        assert len(search(index, question("ann")).dense) == 1
        assert [path.name for path in tmp_path.iterdir()] == [COLLECTION]
    asyncio.run(index.upsert(COLLECTION, [point(2)]))
    assert len(search(index, question("ann")).dense) == 2
    asyncio.run(index.close())
