"""A gate fails when a figure is below its floor, and when it could not judge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval.gates import BaselineUnusable, differences, read_floors, shortfalls, write_floors
from eval.measures.retrieval import MEASURES


def run_with(value: float, dataset: str = "things") -> dict[str, Any]:
    queries = {f"q{at}": value for at in range(30)}
    return {
        "dataset": dataset,
        "measures": dict.fromkeys(MEASURES, value),
        "per_query": {name: dict(queries) for name in MEASURES},
    }


def floors_file(path: Path, floors: object) -> Path:
    path.write_text(json.dumps({"floors": floors}), encoding="utf-8")
    return path


def test_a_figure_below_its_floor_is_told_and_one_at_its_floor_is_not(tmp_path: Path) -> None:
    path = floors_file(tmp_path / "floors.json", {"things": {"nDCG@10": 0.71, "R@10": 0.70}})
    [found] = shortfalls([run_with(0.70)], read_floors(path), path)
    assert (found.dataset, found.measure, found.value, found.floor) == ("things", "nDCG@10", 0.70, 0.71)


def test_a_dataset_without_floors_fails_rather_than_passes(tmp_path: Path) -> None:
    path = floors_file(tmp_path / "floors.json", {"others": {"nDCG@10": 0.1}})
    with pytest.raises(BaselineUnusable, match="no floor for things"):
        shortfalls([run_with(0.9)], read_floors(path), path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"floors": {"things": {}}}',
        '{"floors": {"things": {"NDCG": 0.5}}}',
        '{"floors": {"things": {"nDCG@10": "0.5"}}}',
        '{"floors": {"things": {"nDCG@10": true}}}',
    ],
)
def test_a_file_that_holds_no_floors_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "floors.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BaselineUnusable):
        read_floors(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BaselineUnusable, match="cannot be read"):
        read_floors(tmp_path / "nowhere.json")


def test_written_floors_pass_what_they_were_written_from_and_keep_those_of_others(tmp_path: Path) -> None:
    path = floors_file(tmp_path / "floors.json", {"others": {"AP": 0.3}})
    write_floors(path, [run_with(0.8)])
    floors = read_floors(path)
    assert floors["others"] == {"AP": 0.3}
    assert shortfalls([run_with(0.8)], floors, path) == []
    assert len(shortfalls([run_with(0.7)], floors, path)) == len(MEASURES)


def test_a_difference_from_an_earlier_run_is_tested_query_by_query(tmp_path: Path) -> None:
    path = tmp_path / "earlier.json"
    path.write_text(json.dumps({"runs": [run_with(0.2, "others"), run_with(0.5)]}), encoding="utf-8")
    [ndcg, *_] = differences([run_with(0.6)], path)
    assert (ndcg.difference, ndcg.queries) == (0.1, 30)
    assert ndcg.p_value < 0.01
    assert all(one.p_value == 1.0 for one in differences([run_with(0.5)], path))


def test_an_earlier_run_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "earlier.json"
    path.write_text(json.dumps(run_with(0.5, "others")), encoding="utf-8")
    with pytest.raises(BaselineUnusable, match="no run of things"):
        differences([run_with(0.5)], path)
