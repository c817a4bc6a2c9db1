"""`rag eval retrieval` on six documents, end to end through the production code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eval.measures.retrieval import MEASURES
from rag_service.cli import build_app
from tests.eval.collections import DOCUMENTS, write_collection


def evaluate(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(build_app(), ["eval", "retrieval", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    documents = {**DOCUMENTS, "void": ("", " \n")}
    return write_collection(tmp_path_factory.mktemp("collections") / "six", documents=documents)


def test_the_report_tells_what_was_found_what_was_refused_and_what_was_skipped(folder: Path, tmp_path: Path) -> None:
    output, html = tmp_path / "run.json", tmp_path / "run.html"
    status, printed, _ = evaluate(folder, "--json", "--output", output, "--html", html)
    report: dict[str, Any] = json.loads(printed)
    assert status == 0
    assert (report["dataset"], report["queries"], report["queries_without_judgement"]) == ("six", 4, 1)
    assert report["measures"] == dict.fromkeys(MEASURES, 1.0)
    assert report["ci95"]["nDCG@10"] == [1.0, 1.0]
    assert (report["ingest"]["documents"], report["ingest"]["chunks"]) == (6, 6)
    assert sum(report["ingest"]["refused"].values()) == 1
    assert report["ingest"]["documents_per_s"] > 0
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p95"]
    assert set(json.loads(output.read_bytes())["per_query"]["nDCG@10"]) == {"q1", "q2", "q3", "q4"}
    page = html.read_text(encoding="utf-8")
    assert "nDCG@10" in page
    assert not re.search(r"(?:src|href)=|url\(|@import|<script|https?://", page)


def test_wrong_judgements_are_measured_as_wrong_and_fall_through_the_gate(folder: Path, tmp_path: Path) -> None:
    wrong = write_collection(tmp_path / "six", judgements={"q1": {"cat": 1}, "q2": {"tyre": 1}})
    floors = tmp_path / "floors.json"
    status, printed, _ = evaluate(folder, wrong, "--json", "--write-baseline", floors)
    fine, poor = json.loads(printed)["runs"]
    assert status == 0
    assert poor["measures"]["nDCG@10"] < fine["measures"]["nDCG@10"] == 1.0
    floors.write_text('{"floors": {"six": {"nDCG@10": 0.98}}}', encoding="utf-8")
    assert evaluate(folder, "--baseline", floors)[0] == 0
    status, printed, _ = evaluate(wrong, "--baseline", floors)
    assert status == 1
    assert "BELOW: six: nDCG@10" in printed


def test_a_run_leaves_nothing_behind(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("RAG_DATA_DIR", str(tmp_path / "production"))
    assert evaluate(folder)[0] == 0
    assert not list((tmp_path / "temporary").iterdir())
    assert not (tmp_path / "production").exists()
    assert not (tmp_path / "keys").exists()


def test_a_folder_that_is_no_collection_is_told_without_a_traceback(tmp_path: Path) -> None:
    status, printed, complaint = evaluate(tmp_path, "--json")
    assert status == 1
    assert json.loads(printed)["error"]["type"] == "DatasetMissing"
    assert "Traceback" not in complaint


@pytest.mark.parametrize("option", ["--output", "--html", "--baseline", "--write-baseline", "--compare"])
def test_a_file_that_the_end_would_miss_is_told_before_anything_is_measured(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setattr("eval.cli._measure", None)
    status, printed, _ = evaluate(folder, "--json", option, tmp_path / "nowhere" / "file")
    assert status == 1
    assert json.loads(printed)["error"]["type"] == "NoSuchPath"
