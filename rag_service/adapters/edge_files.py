"""What is done to a shard's files from outside the engine. Nothing here holds the interpreter's lock for long."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag_service.adapters.edge_requests import DENSE
from rag_service.domain.errors import IndexUnavailable

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = 1 << 18
_HOLE = bytes(_BLOCK)


@dataclass(frozen=True, slots=True)
class Extent:
    """How many places for points a shard's files have, dead ones included, and how many of them are in no graph."""

    places: int
    ungraphed: int


def extent(folder: Path) -> Extent:
    """Read from the segments' files as they were last flushed: the engine does not tell."""
    places = ungraphed = 0
    for description in folder.glob("segments/*/segment.json"):
        versions = [
            path.stat().st_size // 8
            for name in ("id_tracker.versions", "mutable_id_tracker.versions")
            if (path := description.with_name(name)).exists()
        ]
        index = json.loads(description.read_bytes())["config"]["vector_data"][DENSE]["index"]
        places += sum(versions)
        ungraphed += 0 if index["type"] == "hnsw" else sum(versions)
    return Extent(places, ungraphed)


def stored_dimension(folder: Path) -> int:
    """Of a shard's vectors, as its segments say: each collection has its own. Raises ``IndexUnavailable``."""
    try:
        description = next(folder.glob("segments/*/segment.json"))
        return int(json.loads(description.read_bytes())["config"]["vector_data"][DENSE]["size"])
    except (StopIteration, OSError, ValueError, KeyError, TypeError):
        raise IndexUnavailable("a collection has lost its files and must be rebuilt") from None


def copy_sparsely(source: Path, target: Path) -> None:
    """``target``, an empty folder, holds what ``source`` holds; blocks of zeros take no space."""
    for folder, names, files in os.walk(source):
        beneath = target / os.path.relpath(folder, source)
        for name in names:
            (beneath / name).mkdir(mode=0o700)
        for name in files:
            _copy_file(os.path.join(folder, name), beneath / name)  # noqa: PTH118  # os.walk gives strings


def _copy_file(source: str, target: Path) -> None:
    with open(source, "rb", buffering=0) as given, target.open("xb", buffering=0) as made:  # noqa: PTH123  # a string
        while block := given.read(_BLOCK):
            if block == _HOLE:
                made.seek(_BLOCK, os.SEEK_CUR)
            else:
                made.write(block)
        made.truncate(given.tell())


def sync_tree(folder: Path) -> None:
    """Every file and folder outlasts a loss of power."""
    for path in (folder, *folder.rglob("*")):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_ahead(folder: Path) -> None:
    """What the engine reads at once when it loads an optimized shard is in memory.

    It would else wait for the disk with the interpreter's lock held: seconds for a large shard on a slow one.
    """
    for pattern in ("vector_storage-*/quantized.data", "vector_index-*/links*.bin"):
        for path in folder.glob(f"segments/*/{pattern}"):
            with path.open("rb", buffering=0) as file:
                while file.read(_BLOCK):
                    pass
