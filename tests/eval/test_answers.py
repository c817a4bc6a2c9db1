"""`rag eval answers` on two made-up companies, end to end through the production code."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eval.answers.report import as_runs, document, faults
from eval.answers.run import Order, extractive, run_answers, served_by
from eval.answers.tenants import read_tenant
from eval.datasets.beir import DatasetMalformed, DatasetMissing
from eval.gates import MARGIN, shortfalls
from ingestion.stages import LocalStages
from rag_service.cli import build_app
from rag_service.domain.answer import Usage
from rag_service.ports import Piece, Prompt
from rag_service.query.ask import QueryParts
from rag_service.query.cite import Cited, cite
from rag_service.query.route import Tier
from rag_service.settings import load_settings
from rag_service.wiring import Models, Service

DOCUMENTS = {
    "acorn": {
        "Parental leave": "Parental leave at Acorn lasts twenty weeks and is paid in full.",
        "Company cars": "Acorn leases electric company cars to its sales staff for three years.",
    },
    "birch": {
        "Laboratory keys": "The laboratory keys of Birch are kept by the porter at the east gate.",
        "Visitors": "Visitors of Birch wear a yellow badge and leave it at the desk.",
    },
}
ASKED = {
    "acorn": [
        ("a1", "How long does parental leave last at Acorn?", "Temporal", "Parental leave"),
        ("a2", "Who gets electric company cars?", "Descriptive", "Company cars"),
    ],
    "birch": [("b1", "Where are the laboratory keys of Birch kept?", "Descriptive", "Laboratory keys")],
}
LIE = "The moon of Acorn was sold for 900 crowns in 1812."


def write_tenant(folder: Path, name: str) -> Path:
    """A tenant whose documents come as files in two formats, or, as `birch`, in a corpus."""
    place = folder / name
    (place / "qrels").mkdir(parents=True)
    if name == "acorn":
        (place / "documents" / "html").mkdir(parents=True)
        for title, text in DOCUMENTS[name].items():
            (place / "documents" / f"{title}.md").write_text(f"# {title}\n\n{text}\n", encoding="utf-8")
            page = f"<html><body><h1>{title}</h1><p>{text}</p></body></html>"
            (place / "documents" / "html" / f"{title}.html").write_text(page, encoding="utf-8")
    else:
        records = [
            {"_id": f"{name}/{title}.md", "title": title, "text": text} for title, text in DOCUMENTS[name].items()
        ]
        (place / "corpus.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    lines = [
        {"_id": query, "text": text, "metadata": {"type": kind, "supporting_facts": [{"text": DOCUMENTS[name][title]}]}}
        for query, text, kind, title in ASKED[name]
    ]
    unjudged = {"_id": "unjudged", "text": "Who is unjudged?"}
    (place / "queries.jsonl").write_text(
        "".join(json.dumps(one) + "\n" for one in [*lines, unjudged]), encoding="utf-8"
    )
    rows = "".join(f"{query}\t{name}/{title}.md\t1\n" for query, _, _, title in ASKED[name])
    (place / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{rows}", encoding="utf-8")
    return place


def evaluate(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(build_app(), ["eval", "answers", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    around = tmp_path_factory.mktemp("tenants")
    return [write_tenant(around, name) for name in DOCUMENTS]


@pytest.fixture(scope="module")
def stages(models: Models) -> LocalStages:
    """Ingestion without processes of its own, which take seconds to start and are tested elsewhere."""
    return LocalStages(models.embedder, models.detector)


@dataclass(frozen=True)
class Run:
    """An evaluation that went as it should, and the files that it was told to write."""

    report: dict[str, Any]
    output: dict[str, Any]
    page: str
    floors: dict[str, Any]
    left_behind: list[Path]


@pytest.fixture(scope="module")
def good_run(folders: list[Path], tmp_path_factory: pytest.TempPathFactory, models: Models, stages: LocalStages) -> Run:
    around = tmp_path_factory.mktemp("run")
    (around / "temporary").mkdir()
    output, page, floors, gate = (around / name for name in ("run.json", "run.html", "floors.json", "gate.json"))
    gate.write_text('{"floors": {"extractive": {"key_sentence": 0.9}}}', encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        in_process = partial(run_answers, models=models, stages=nullcontext(stages))
        patch.setattr("eval.answers.run.run_answers", in_process)
        patch.setattr("tempfile.tempdir", str(around / "temporary"))
        patch.setenv("RAG_DATA_DIR", str(around / "production"))
        files: list[str | Path] = ["--output", output, "--html", page, "--baseline", gate, "--write-baseline", floors]
        status, printed, _ = evaluate(*folders, "--wrong-every", "1", "--json", *files)
    assert status == 0, printed
    return Run(
        json.loads(printed),
        json.loads(output.read_bytes()),
        page.read_text(encoding="utf-8"),
        json.loads(floors.read_bytes()),
        [*(around / "temporary").iterdir(), *around.glob("production*")],
    )


def test_the_report_tells_how_each_answerer_did(good_run: Run) -> None:
    assert good_run.report["ingest"] == {"files": 6, "chunks": 6, "refused": {}}
    told = good_run.report["answerers"]["extractive"]
    assert (told["questions"], told["others_asked"]) == (3, 3)
    assert told["measures"] == {
        **dict.fromkeys(("key_sentence", "citation_recall", "citation_precision", "citation_right_document"), 1.0),
        **dict.fromkeys(("groundedness", "answered", "refusal"), 1.0),
        "token_f1": pytest.approx(told["measures"]["token_f1"]),
    }
    assert told["measures"]["token_f1"] > 0.8
    assert told["ci95"]["key_sentence"] == [1.0, 1.0]
    assert told["citations"] >= 3
    assert (told["quotes_that_differ"], told["other_tenants"], good_run.report["faults"]) == (0, 0, [])
    assert set(told["by_tenant"]) == {"acorn", "birch"}
    assert told["by_type"]["Temporal"]["questions"] == 1
    assert {"ask", "guard", "vet", "generate", "filter", "cite"} <= set(told["latency_ms"])


def test_each_answer_can_be_read_in_the_output(good_run: Run) -> None:
    assert "per_query" not in good_run.report["answerers"]["extractive"]
    asked = good_run.output["answerers"]["extractive"]["per_query"]
    [first] = [one for one in asked if one["question_id"] == "a1" and one["own"]]
    assert "twenty weeks" in first["answer"]
    assert first["citations"][0]["document"] == "Parental leave"
    assert [one["found"] for one in asked if not one["own"]] == [False] * 3


def test_the_page_stands_alone(good_run: Run) -> None:
    assert "citation_precision" in good_run.page
    assert not re.search(r"(?:src|href)=|url\(|@import|<script|https?://", good_run.page)


def test_floors_are_written_below_what_was_measured(good_run: Run) -> None:
    assert good_run.floors["floors"]["extractive"]["refusal"] == pytest.approx(1 - MARGIN)
    assert good_run.report["gate"] == {"passed": True, "below": []}


def test_a_figure_below_its_floor_falls_through_the_gate_and_so_does_one_that_is_not_there(tmp_path: Path) -> None:
    runs = as_runs({"answerers": {"extractive": {"measures": {"key_sentence": 0.5, "answered": 0.9}}}})
    floors = {"extractive": {"key_sentence": 0.6, "answered": 0.9, "refusal": 0.1}}
    assert [one.measure for one in shortfalls(runs, floors, tmp_path)] == ["key_sentence", "refusal"]


def test_a_run_leaves_nothing_behind(good_run: Run) -> None:
    assert not good_run.left_behind


class Liar:
    """Writes what no passage says, under a marker, and hides nothing."""

    model = "liar"

    async def write(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        yield Piece(f"{LIE} [1]\n{prompt.passages[0].text} [1]\n", Usage())

    async def close(self) -> None: ...


def lying(service: Service) -> QueryParts:
    server = load_settings(llm_base_url="http://127.0.0.1:9/v1", llm_model="some")
    assert served_by(server)(service).answerers[Tier.FAST].model == "some"
    return replace(service.query_parts, answerers=dict.fromkeys(Tier, Liar()))


@pytest.fixture(scope="module")
def compared(folders: list[Path], models: Models, stages: LocalStages) -> Mapping[str, Any]:
    """A liar before the filter; the same where the filter has stopped working; and quotes that were changed."""
    with pytest.MonkeyPatch.context() as patch:

        def unfiltered(service: Service) -> QueryParts:
            patch.setattr(
                "rag_service.query.ask.cite",
                lambda found, *rest: cite(tuple(replace(one, text=LIE) for one in found), *rest),
            )
            return extractive(service)

        def misquoted(service: Service) -> QueryParts:
            patch.undo()
            patch.setattr("rag_service.query.ask.cite", lambda found, *rest: _misquoted(cite(found, *rest)))
            return extractive(service)

        order = Order({"liar": lying, "unfiltered": unfiltered, "misquoted": misquoted}, wrong_every=2)
        tenants = [read_tenant(folder) for folder in folders]
        told = document(asyncio.run(run_answers(tenants, order, Silent(), models, nullcontext(stages))))
        return {**told["answerers"], "faults": faults(told)}


class Silent:
    def begin(self, what: str, total: int) -> None: ...

    def advance(self) -> None: ...


def _misquoted(cited: Cited) -> Cited:
    return replace(cited, citations=tuple(replace(one, quote=f"{one.quote}!") for one in cited.citations))


def test_of_a_liar_nothing_false_is_released(compared: Mapping[str, Any]) -> None:
    told = compared["liar"]
    assert told["measures"]["answered"] > 0, "it says something true too"
    assert told["answered_by"] == {"liar": 3}
    assert told["decisions"]["filter unsupported dropped"] == 3
    assert told["measures"]["citation_precision"] == 1.0
    assert not any("moon" in one["answer"] for one in told["per_query"])


def test_where_the_filter_fails_the_judge_sees_it_and_groundedness_does_not(compared: Mapping[str, Any]) -> None:
    told = compared["unfiltered"]
    assert any("moon" in one["answer"] for one in told["per_query"])
    assert told["measures"]["citation_precision"] == told["measures"]["citation_recall"] == 0.0
    assert told["measures"]["key_sentence"] == 0.0
    assert told["measures"]["groundedness"] == 1.0
    assert told["groundedness_and_judge"]["mean_difference"] == 1.0


def test_a_quote_that_is_not_its_slice_is_a_fault(compared: Mapping[str, Any]) -> None:
    assert compared["misquoted"]["quotes_that_differ"] == compared["misquoted"]["citations"] > 0
    assert any("quotes_that_differ" in one for one in compared["faults"])
    assert compared["liar"]["quotes_that_differ"] == 0


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["--answerer", "oracle"], "NoSuchAnswerer"),
        (["--answerer", "server"], "InvalidSetting"),
        (["--html", "nowhere/page.html"], "NoSuchPath"),
        (["--baseline", "absent.json"], "NoSuchPath"),
    ],
)
def test_a_mistake_is_told_before_anything_is_measured(
    folders: list[Path], monkeypatch: pytest.MonkeyPatch, arguments: list[str], kind: str
) -> None:
    monkeypatch.setattr("eval.answers.run.run_answers", None)
    status, printed, complaint = evaluate(*folders, "--json", *arguments)
    assert status == 1
    assert json.loads(printed)["error"]["type"] == kind
    assert "Traceback" not in complaint


def test_a_folder_that_is_no_tenant_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetMissing):
        read_tenant(tmp_path)
    place = write_tenant(tmp_path, "birch")
    (place / "queries.jsonl").write_text('{"_id": "b1", "text": "?", "metadata": {"supporting_facts": [{}]}}\n')
    with pytest.raises(DatasetMalformed, match="fact"):
        read_tenant(place)


def test_a_tenant_given_twice_is_told(folders: list[Path]) -> None:
    status, printed, _ = evaluate(folders[0], folders[0], "--json")
    assert (status, json.loads(printed)["error"]["type"]) == (1, "DatasetMissing")
