"""`rag eval retrieval` on six documents, end to end through the production code."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eval.gates import MARGIN
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


@dataclass(frozen=True)
class Run:
    """An evaluation that went as it should, and the files that it was told to write."""

    report: dict[str, Any]
    output: Path
    html: Path
    floors: Path
    written_floors: Path
    around: Path


@pytest.fixture(scope="module")
def good_run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    around = tmp_path_factory.mktemp("run")
    (around / "temporary").mkdir()
    output, html, floors, written = (around / name for name in ("run.json", "run.html", "floors.json", "written.json"))
    floors.write_text('{"floors": {"six": {"nDCG@10": 0.98}}}', encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(around / "temporary"))
        patch.setenv("RAG_DATA_DIR", str(around / "production"))
        patch.setenv("RAG_MASTER_KEY_FILE", str(around / "keys" / "master.key"))
        status, printed, _ = evaluate(
            folder, "--json", "--output", output, "--html", html, "--baseline", floors, "--write-baseline", written
        )
    assert status == 0
    return Run(json.loads(printed), output, html, floors, written, around)


def test_the_report_tells_what_was_found_what_was_refused_and_what_was_skipped(good_run: Run) -> None:
    report = good_run.report
    assert (report["dataset"], report["queries"], report["queries_without_judgement"]) == ("six", 4, 1)
    assert report["measures"] == dict.fromkeys(MEASURES, 1.0)
    assert report["ci95"]["nDCG@10"] == [1.0, 1.0]
    assert (report["ingest"]["documents"], report["ingest"]["chunks"]) == (6, 6)
    assert sum(report["ingest"]["refused"].values()) == 1
    assert report["ingest"]["documents_per_s"] > 0
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p95"]
    assert set(json.loads(good_run.output.read_bytes())["per_query"]["nDCG@10"]) == {"q1", "q2", "q3", "q4"}
    page = good_run.html.read_text(encoding="utf-8")
    assert "nDCG@10" in page
    assert not re.search(r"(?:src|href)=|url\(|@import|<script|https?://", page)


def test_wrong_judgements_are_measured_as_wrong_and_fall_through_the_gate(good_run: Run, tmp_path: Path) -> None:
    wrong = write_collection(tmp_path / "six", judgements={"q1": {"cat": 1}, "q2": {"tyre": 1}})
    status, printed, _ = evaluate(wrong, "--baseline", good_run.floors)
    assert status == 1
    assert "BELOW: six: nDCG@10" in printed
    assert good_run.report["gate"] == {"passed": True, "below": []}
    assert json.loads(good_run.written_floors.read_bytes())["floors"]["six"]["nDCG@10"] == pytest.approx(1 - MARGIN)


def test_a_run_leaves_nothing_behind(good_run: Run) -> None:
    written = {good_run.output, good_run.html, good_run.floors, good_run.written_floors}
    assert set(good_run.around.iterdir()) == {good_run.around / "temporary", *written}
    assert not list((good_run.around / "temporary").iterdir())


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
