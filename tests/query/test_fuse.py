"""Fusion reorders what the branches returned, and nothing else."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_service.domain.retrieval import Candidates, Hit
from rag_service.query.fuse import min_max_fusion

scores = st.floats(-10, 10, allow_nan=False).map(lambda value: round(value, 3))
hits = st.dictionaries(st.sampled_from("abcdefgh"), scores).map(
    lambda found: tuple(Hit(point, score) for point, score in found.items())
)


def test_a_sum_by_hand() -> None:
    candidates = Candidates(
        dense=(Hit("a", 0.9), Hit("b", 0.5), Hit("c", 0.1)), lexical=(Hit("c", 8.0), Hit("b", 6.0), Hit("d", 4.0))
    )
    # dense: a (.9-.1)/.8 = 1, b .5, c 0.  lexical: c (8-4)/4 = 1, b .5, d 0.
    expected = {"a": 0.5 * 1 + 0, "b": 0.5 * 0.5 + 0.5 * 0.5, "c": 0 + 0.5 * 1, "d": 0.0}
    fused = min_max_fusion(candidates, dense_weight=0.5)
    assert {hit.point_id: hit.score for hit in fused} == pytest.approx(expected)
    assert [hit.point_id for hit in fused] == ["a", "b", "c", "d"]


@given(hits, hits, st.randoms())
def test_the_order_of_the_lists_does_not_matter(
    dense: tuple[Hit, ...], lexical: tuple[Hit, ...], shuffle: random.Random
) -> None:
    other = [list(dense), list(lexical)]
    for one in other:
        shuffle.shuffle(one)
    assert min_max_fusion(Candidates(dense, lexical)) == min_max_fusion(Candidates(tuple(other[0]), tuple(other[1])))


@given(hits, hits)
def test_every_hit_is_there_once_with_a_score_from_0_to_1(dense: tuple[Hit, ...], lexical: tuple[Hit, ...]) -> None:
    fused = min_max_fusion(Candidates(dense, lexical))
    assert sorted(hit.point_id for hit in fused) == sorted({hit.point_id for hit in (*dense, *lexical)})
    assert all(0.0 <= hit.score <= 1.0 for hit in fused)
    assert [hit.score for hit in fused] == sorted((hit.score for hit in fused), reverse=True)


@given(hits, hits, st.floats(0.1, 10), st.floats(-5, 5))
def test_the_scale_of_a_branch_does_not_matter(
    dense: tuple[Hit, ...], lexical: tuple[Hit, ...], factor: float, shift: float
) -> None:
    scaled = tuple(Hit(hit.point_id, hit.score * factor + shift) for hit in dense)
    first = {hit.point_id: hit.score for hit in min_max_fusion(Candidates(dense, lexical))}
    second = {hit.point_id: hit.score for hit in min_max_fusion(Candidates(scaled, lexical))}
    assert second == pytest.approx(first, abs=1e-6)
