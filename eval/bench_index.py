"""``python -m eval.bench_index``: what the embedded index costs while it is kept up, and what that costs in recall.

Searches of one collection beside writes, before and while it is optimized, after which every point is
compared with what was written, and recall with exact search under access lists of different width; memory over many
small collections touched in turn.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from eval.clustered_points import SHARES, ClusteredPoints, clustered_points
from eval.measures.interval import percentile
from eval.served import resident_mib
from rag_service.adapters.qdrant_edge import QdrantEdgeIndex
from rag_service.domain.retrieval import SealedPoint

_SEED = 7
_DEPTH, _RECALL_AT = 100, 10
_WRITTEN_AT_ONCE, _WRITES_EVERY_S, _SEARCHES_EVERY_S = 16, 0.1, 0.01


@dataclass(slots=True)
class Phase:
    """Milliseconds a search, and what was written beside."""

    searches: list[float] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        found = {"p50": percentile(self.searches, 0.5), "p95": percentile(self.searches, 0.95)}
        found["max"] = max(self.searches)
        if self.writes:
            found |= {"write_p95": percentile(self.writes, 0.95), "write_max": max(self.writes)}
        return {name: round(value, 2) for name, value in found.items()} | {"searches": len(self.searches)}


class Load:
    """One client that searches, and one that changes, adds and deletes, remembering what must be there."""

    def __init__(self, index: QdrantEdgeIndex, made: ClusteredPoints, expected: dict[str, SealedPoint]) -> None:
        self._index = index
        self._made = made
        self.expected = expected
        self.written = 0

    async def run(self, phase: Phase, until: asyncio.Event, *, writes: bool = True) -> None:
        """Both go on until told to stop."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._search(phase, until))
            if writes:
                both.create_task(self._write(phase, until))

    async def _search(self, phase: Phase, until: asyncio.Event) -> None:
        while not until.is_set():
            query = self._made.query("all")
            began = time.perf_counter()
            found = await self._index.search(query, limit=_DEPTH)
            phase.searches.append(1000 * (time.perf_counter() - began))
            if len(found.dense) < min(_DEPTH, len(self.expected) // 2):
                raise RuntimeError("a search found less than there is")
            await asyncio.sleep(_SEARCHES_EVERY_S)

    async def _write(self, phase: Phase, until: asyncio.Event) -> None:
        """Every other write changes points that are there; one in four deletes some."""
        while not until.is_set():
            first = 10**7 if self.written % 2 else self.written * 7 % len(self.expected)
            points = self._made.points(range(first + self.written, first + self.written + _WRITTEN_AT_ONCE))
            began = time.perf_counter()
            await self._index.upsert(self._made.collection, points)
            phase.writes.append(1000 * (time.perf_counter() - began))
            self.expected.update({point.point_id: point for point in points})
            if self.written % 4 == 0:
                gone = [point.point_id for point in points[:4]]
                await self._index.delete(self._made.collection, gone)
                for point_id in gone:
                    self.expected.pop(point_id)
            self.written += 1
            await asyncio.sleep(_WRITES_EVERY_S)


async def while_optimizing(made: ClusteredPoints, root: Path, points: int, seconds: float) -> dict[str, Any]:
    """Search latency in quiet, beside writes, and beside writes while a graph is built; what got lost."""
    index = QdrantEdgeIndex(root, optimize_after=points // 2)
    try:
        given = made.points(range(points))
        for start in range(0, points, 1000):
            await index.upsert(made.collection, given[start : start + 1000])
        load = Load(index, made, {point.point_id: point for point in given})
        await _for_seconds(load, Phase(), seconds / 4, writes=False)
        quiet, normal, busy, after = Phase(), Phase(), Phase(), Phase()
        await _for_seconds(load, quiet, seconds, writes=False)
        await _for_seconds(load, normal, seconds)
        done, began = asyncio.Event(), time.perf_counter()
        going = asyncio.create_task(load.run(busy, done))
        await index.maintain()
        took = time.perf_counter() - began
        done.set()
        await going
        await _for_seconds(load, after, seconds)
        lost = await _differences(index, made.collection, load.expected)
        recall = await _recall(index, made, list(load.expected.values()), asked=200)
    finally:
        await index.close()
    return {
        "points": points,
        "optimized_in_s": round(took, 1),
        "quiet_ms": quiet.figures(),
        "normal_ms": normal.figures(),
        "optimizing_ms": busy.figures(),
        "optimized_ms": after.figures(),
        "p95_ratio": round(percentile(busy.searches, 0.95) / percentile(normal.searches, 0.95), 2),
        "p95_ratio_to_quiet": round(percentile(busy.searches, 0.95) / percentile(quiet.searches, 0.95), 2),
        "writes": {"batches": load.written, "points_each": _WRITTEN_AT_ONCE, "while_optimizing": len(busy.writes)},
        "lost_or_wrong": lost,
        "recall_at_10": recall,
    }


async def _for_seconds(load: Load, phase: Phase, seconds: float, *, writes: bool = True) -> None:
    done = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, done.set)
    await load.run(phase, done, writes=writes)


async def _differences(index: QdrantEdgeIndex, collection: str, expected: dict[str, SealedPoint]) -> int:
    """How many points are missing, too many, or not as they were written."""
    stored = await index.point_ids(collection)
    wrong = len(stored ^ expected.keys())
    ids = sorted(stored & expected.keys())
    for start in range(0, len(ids), 500):
        found = await index.read(collection, ids[start : start + 500])
        wrong += sum(not np.allclose(point.vector, expected[key].vector, atol=1e-6) for key, point in found.items())
    return wrong


async def _recall(
    index: QdrantEdgeIndex, made: ClusteredPoints, stored: Sequence[SealedPoint], asked: int
) -> dict[str, Any]:
    """Recall@10 against exact search, by the share of points that the asker may read."""
    import faiss

    found: dict[str, Any] = {"queries": asked}
    for group in SHARES:
        queries = [made.query(group) for _ in range(asked)]
        readable = [point for point in stored if not queries[0].access.isdisjoint(point.access)]
        exact = faiss.IndexFlatIP(len(queries[0].vector))
        exact.add(np.stack([point.vector for point in readable]))
        _, nearest = exact.search(np.stack([query.vector for query in queries]), _RECALL_AT)
        shares, spent = [], []
        for query, row in zip(queries, nearest, strict=True):
            truth = {readable[place].point_id for place in row if place >= 0}
            began = time.perf_counter()
            dense = (await index.search(replace(query, term_ids=[], term_weights=[]), limit=_RECALL_AT)).dense
            spent.append(1000 * (time.perf_counter() - began))
            shares.append(len(truth & {hit.point_id for hit in dense}) / len(truth))
        found[group] = {"recall": round(float(np.mean(shares)), 4), "p50_ms": round(percentile(spent, 0.5), 2)}
    return found


async def small_collections(
    made: ClusteredPoints, root: Path, count: int, chunks: int, open_at_most: Sequence[int]
) -> dict[str, Any]:
    """Resident memory after every collection was searched once, for each limit; and after idle ones were closed."""
    names = [f"{number:016x}" for number in range(count)]
    index = QdrantEdgeIndex(root)
    for name in names:
        await index.upsert(name, made.points(range(chunks)))
    await index.close()
    figures: dict[str, Any] = {"collections": count, "chunks_each": chunks, "rss_mib_before": _resident()}
    for limit in open_at_most:
        index = QdrantEdgeIndex(root, max_open=limit, idle_s=0.0)
        spent = []
        for name in names:
            began = time.perf_counter()
            await index.search(replace(made.query("all"), collection=name), limit=_RECALL_AT)
            spent.append(1000 * (time.perf_counter() - began))
        touched = {"open": _open_under(root), "rss_mib": _resident(), "touch_p50_ms": round(percentile(spent, 0.5), 1)}
        await index.maintain()
        touched |= {"open_after_idle": _open_under(root), "rss_mib_after_idle": _resident()}
        figures[f"max_open_{limit}"] = touched
        await index.close()
    return figures


def _resident() -> float:
    return round(resident_mib(os.getpid()), 1)


def _open_under(root: Path) -> int:
    """The collections of which this process holds a file open."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            links.append(descriptor.readlink())
        except OSError:
            continue
    return len({link.relative_to(root).parts[0] for link in links if link.is_relative_to(root)})


async def bench(
    points: int, dimension: int, seconds: float, collections: int, open_at_most: Sequence[int]
) -> dict[str, Any]:
    """The figures, as the JSON line has them."""
    with tempfile.TemporaryDirectory(prefix="rag-eval-") as folder:
        root = Path(folder)
        async with clustered_points(dimension, _SEED) as made:
            return {
                "maintenance": await while_optimizing(made, root / "one", points, seconds),
                "memory": await small_collections(made, root / "many", collections, 40, open_at_most),
            }


def main() -> None:
    parser = ArgumentParser(prog="python -m eval.bench_index", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each state is measured")
    parser.add_argument("--collections", type=int, default=500, help="small ones, touched in turn")
    parser.add_argument("--open", type=int, nargs="+", default=[32, 8], metavar="N", help="limits to compare")
    arguments = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    figures = asyncio.run(
        bench(arguments.points, arguments.dimension, arguments.seconds, arguments.collections, arguments.open)
    )
    kept = figures["maintenance"]
    shares = ", ".join(f"{token} {kept['recall_at_10'][token]['recall']}" for token in SHARES)
    sys.stderr.write(
        f"{kept['points']} points optimized in {kept['optimized_in_s']} s: "
        f"search p95 {kept['optimizing_ms']['p95']} ms, "
        f"{kept['p95_ratio']} times that before; {kept['lost_or_wrong']} lost or wrong; recall@10 {shares}\n"
    )
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
