"""The index bench on collections small enough for a test."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from eval.bench_index import bench
from eval.clustered_points import clustered_points, point_id


@pytest.mark.slow
def test_a_bench_optimizes_beside_searches_and_writes_and_finds_everything_again() -> None:
    figures = asyncio.run(bench(points=600, dimension=16, seconds=0.5, collections=3, open_at_most=[3, 1]))
    kept = figures["maintenance"]
    assert kept["lost_or_wrong"] == 0
    assert kept["optimizing_ms"]["searches"] > 0
    assert kept["writes"]["batches"] >= kept["writes"]["while_optimizing"] > 0
    assert kept["p95_ratio"] == pytest.approx(kept["optimizing_ms"]["p95"] / kept["normal_ms"]["p95"], abs=0.02)
    for group in ("all", "tenth", "hundredth"):
        assert kept["recall_at_10"][group]["recall"] >= 0.99
    memory = figures["memory"]
    assert [memory[f"max_open_{limit}"]["open"] for limit in (3, 1)] == [3, 1]
    assert [memory[f"max_open_{limit}"]["open_after_idle"] for limit in (3, 1)] == [0, 0]


def test_made_up_points_are_clustered_unit_vectors_that_every_tenth_and_hundredth_share() -> None:
    async def make() -> None:
        async with clustered_points(16, seed=1) as made:
            points = made.points(range(1000))
            vectors = np.stack([point.vector for point in points])
            assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(1000), abs=1e-5)
            nearest = np.sort(vectors @ vectors.T, axis=1)[:, -2]
            assert np.median(nearest) > 0.7
            for group, share in (("all", 1), ("tenth", 10), ("hundredth", 100)):
                asked = made.query(group).access
                readable = [point.point_id for point in points if not asked.isdisjoint(point.access)]
                assert readable == [point_id(number) for number in range(0, 1000, share)]

    asyncio.run(make())
