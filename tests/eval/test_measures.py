"""Measures agree with arithmetic that can be read here, and intervals with what they promise."""

from __future__ import annotations

import random
from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.measures.interval import bootstrap_ci95, mean, paired_p_value, percentile
from eval.measures.retrieval import MEASURES, by_document, per_query

JUDGED = {"q": {"best": 2, "good": 1, "unseen": 1, "bad": 0}}
RANKING = {"q": ["bad", "good", "unjudged", "best"]}


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        ("nDCG@10", (1 / log2(3) + 2 / log2(5)) / (2 / log2(2) + 1 / log2(3) + 1 / log2(4))),
        ("R@10", 2 / 3),
        ("R@100", 2 / 3),
        ("RR@10", 1 / 2),
        ("AP", (1 / 2 + 2 / 4 + 0) / 3),
    ],
)
def test_a_measure_is_what_its_formula_says(measure: str, value: float) -> None:
    assert per_query(JUDGED, RANKING)[measure]["q"] == pytest.approx(value, abs=1e-6)


def test_only_the_first_ten_ranks_count_at_ten() -> None:
    ranking = {"q": [*(f"wrong{at}" for at in range(10)), "right"]}
    values = per_query({"q": {"right": 1}}, ranking)
    assert {name: values[name]["q"] for name in MEASURES} == pytest.approx(
        {"nDCG@10": 0, "R@10": 0, "R@100": 1, "RR@10": 0, "AP": 1 / 11}
    )


def test_ranks_beyond_ten_keep_the_order_of_the_ranking() -> None:
    documents = [f"d{at}" for at in range(300)]
    values = per_query({"q": {"d249": 1, "d99": 1}}, {"q": documents})
    assert values["R@100"]["q"] == 1 / 2
    assert values["AP"]["q"] == pytest.approx((1 / 100 + 2 / 250) / 2)


def test_a_query_without_a_ranking_counts_as_nothing_found() -> None:
    values = per_query({"q": {"right": 1}, "lost": {"right": 1}}, {"q": ["right"]})
    assert values["nDCG@10"] == {"q": 1.0, "lost": 0.0}


def test_a_document_stands_where_its_best_passage_stood() -> None:
    assert by_document(["a", "b", "a", "c", "b"]) == ["a", "b", "c"]


def test_an_interval_is_about_two_standard_errors_either_side() -> None:
    values = [0.0, 1.0] * 200  # standard error: 0.5 / sqrt(400) = 0.025
    low, high = bootstrap_ci95(values)
    assert low == pytest.approx(0.5 - 1.96 * 0.025, abs=0.006)
    assert high == pytest.approx(0.5 + 1.96 * 0.025, abs=0.006)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_an_interval_is_repeatable_and_lies_within_the_values(values: list[float]) -> None:
    low, high = bootstrap_ci95(values)
    assert (low, high) == bootstrap_ci95(values)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


def test_a_steady_gain_is_significant_and_noise_is_not() -> None:
    chance = random.Random(1)
    before = [chance.random() for _ in range(60)]
    assert paired_p_value([value + 0.05 for value in before], before) < 0.01
    assert paired_p_value([value + chance.choice((-0.05, 0.05)) for value in before], before) > 0.05


def test_mean_and_percentiles_interpolate() -> None:
    assert mean([1.0, 2.0, 6.0]) == 3.0
    assert [percentile([4.0, 1.0, 3.0, 2.0], share) for share in (0.0, 0.5, 1.0)] == [1.0, 2.5, 4.0]
    assert percentile([5.0], 0.95) == 5.0
