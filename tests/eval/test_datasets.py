"""A folder is read as a test collection, or it is said what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.datasets.beir import DatasetError, DatasetMalformed, DatasetMissing, load_dataset
from tests.eval.collections import DOCUMENTS, JUDGEMENTS, QUERIES, write_collection


def test_a_collection_is_read_whole(tmp_path: Path) -> None:
    dataset = load_dataset(write_collection(tmp_path / "things"))
    assert (dataset.name, dataset.split) == ("things", "test")
    assert {one.document_id: (one.title, one.text) for one in dataset.documents} == DOCUMENTS
    assert dict(dataset.judgements) == JUDGEMENTS


def test_queries_without_judgement_are_left_out_and_counted(tmp_path: Path) -> None:
    judgements = {**JUDGEMENTS, "q5": {"cat": 0}}  # judged, but nothing is relevant
    dataset = load_dataset(write_collection(tmp_path, queries={**QUERIES, "q6": "?"}, judgements=judgements))
    assert list(dataset.queries) == ["q1", "q2", "q3", "q4"]
    assert dataset.unjudged == 2


def test_of_several_splits_one_must_be_named(tmp_path: Path) -> None:
    write_collection(tmp_path, split="train", judgements={"q1": {"kettle": 1}})
    write_collection(tmp_path, split="test")
    with pytest.raises(DatasetMissing, match="test, train"):
        load_dataset(tmp_path)
    assert list(load_dataset(tmp_path, "train").queries) == ["q1"]
    with pytest.raises(DatasetMissing, match="test, train"):
        load_dataset(tmp_path, "dev")


def test_a_line_separator_within_a_text_ends_no_line(tmp_path: Path) -> None:
    write_collection(tmp_path)
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "one\u2028line"}\n', encoding="utf-8")
    assert load_dataset(tmp_path).queries == {"q1": "one\u2028line"}


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    write_collection(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DatasetMissing, match=name.split("/", maxsplit=1)[0]):
        load_dataset(tmp_path)


def test_a_folder_that_does_not_exist_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(DatasetMissing):
        load_dataset(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("corpus.jsonl", '{"_id": "a", "text": "x"}\n{"_id": "b"', 2),
        ("corpus.jsonl", '["a", "x"]\n', 1),
        ("corpus.jsonl", '{"_id": 7, "text": "x"}\n', 1),
        ("corpus.jsonl", '{"_id": "", "text": "x"}\n', 1),
        ("corpus.jsonl", '{"_id": "a", "title": 3, "text": "x"}\n', 1),
        ("corpus.jsonl", '{"_id": "a", "text": "x"}\n\n{"_id": "a", "text": "y"}\n', 3),
        ("queries.jsonl", '{"_id": "q1"}\n', 1),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1 kettle 1\n", 2),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\tkettle\tgood\n", 2),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nnobody\tkettle\t1\n", 1),
    ],
)
def test_a_malformed_line_is_told_by_its_number(tmp_path: Path, name: str, content: str, line: int) -> None:
    write_collection(tmp_path)
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DatasetMalformed) as caught:
        load_dataset(tmp_path)
    assert caught.value.line == line
    assert caught.value.path.name == Path(name).name


def test_text_that_is_not_utf_8_is_malformed(tmp_path: Path) -> None:
    write_collection(tmp_path)
    (tmp_path / "corpus.jsonl").write_bytes(b'{"_id": "a", "text": "\xff"}\n')
    with pytest.raises(DatasetError):
        load_dataset(tmp_path)
