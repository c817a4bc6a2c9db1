"""The measuring of personal data: reading, mapping, counting, and the command over a tiny file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eval.datasets.beir import DatasetMalformed, DatasetMissing
from eval.measures.found_and_missed import Tally, intervals
from eval.pii.kinds import kinds_of, read_choices
from eval.pii.labelled import LabelledText, Span, read_labelled
from eval.pii.report import document, page, readable
from eval.pii.score import score
from rag_service.cli import build_app
from rag_service.domain.errors import InvalidRequest

TEXT = "Ada Lovelace wrote to ada@example.com"
SPANS = [
    {"entity_type": "PERSON", "start_position": 0, "end_position": 12, "entity_value": "Ada Lovelace"},
    {"entity_type": "EMAIL_ADDRESS", "start_position": 22, "end_position": 37, "entity_value": "ada@example.com"},
]


def test_conll_is_read_as_spans_over_its_tokens_joined(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_text("Ada\tB-person\nLovelace\tI-person\nleft\tO\n\nParis\tI-location\n")
    assert read_labelled(path) == [
        LabelledText("Ada Lovelace left", (Span("person", 0, 12),)),
        LabelledText("Paris", (Span("location", 0, 5),)),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "[{}]",
        '[{"full_text": "a", "spans": [{"entity_type": "X", "start_position": 0, "end_position": 9}]}]',
        "[",
        "word",
        "",
    ],
)
def test_a_file_that_does_not_fit_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a"
    path.write_text(content)
    with pytest.raises(DatasetMalformed):
        read_labelled(path)
    with pytest.raises(DatasetMissing):
        read_labelled(tmp_path / "none")


def test_a_label_is_mapped_as_its_reader_says_and_else_as_is_known() -> None:
    assert kinds_of(["GPE", "PERSON", "CAR"], read_choices(["GPE=", "CAR=organization"])) == {
        "GPE": None, "PERSON": "person", "CAR": "organization",
    }  # fmt: skip
    with pytest.raises(InvalidRequest):
        read_choices(["GPE=town"])


def test_tokens_and_spans_are_counted_as_the_report_says() -> None:
    text = LabelledText(
        "Ada Lovelace of Paris drove a Kestrel", (Span("PER", 0, 12), Span("GPE", 16, 21), Span("CAR", 30, 37))
    )
    found = [Span("person", 0, 3), Span("organization", 16, 21), Span("person", 30, 37)]
    kinds = {"PER": "person", "GPE": "location", "CAR": None}
    scored = score([text], [found], kinds)
    told = document(Path("x"), scored, kinds, {})
    # Ada is right; Lovelace and Paris are missed; Kestrel is wrong; that Paris is an organisation is not judged.
    assert sum(scored.tokens, Tally()) == Tally(1, 1, 2)
    assert sum(scored.any_type, Tally()) == Tally(2, 1, 1)
    assert sum(scored.spans, Tally()) == Tally(0, 2, 2)
    assert (told["precision"], told["recall"]) == (1 / 2, 1 / 3)
    assert told["f2"] == 5 * 1 / (5 * 1 + 4 * 2 + 1)
    assert told["not_looked_for"] == {"CAR": 1}
    assert told["also_found"] == {"organization": 1}
    assert told["by_type"]["person"]["tokens"] == 2
    assert "CAR" in page([told])
    assert "(not looked for)" in readable(told)


def test_an_interval_holds_its_figure_and_is_a_point_where_texts_agree() -> None:
    low, high = intervals([Tally(3, 1, 0), Tally(0, 0, 4)] * 20)["recall"]
    assert low < 3 / 7 < high
    assert intervals([Tally(1, 1, 1)] * 9)["f1"] == (0.5, 0.5)


def test_the_command_prints_the_figures_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps([{"full_text": TEXT, "spans": SPANS}]))
    result = CliRunner().invoke(
        build_app(), ["eval", "pii", str(path), "--output", str(tmp_path / "out.json"), "--json"]
    )
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["recall"], told["by_type"]["email_address"]["f1"]) == (1.0, 1.0)
    assert {"precision", "f1", "f2", "matching", "ci95"} <= told.keys()
    assert set(told["characters_per_cpu_second"]) == {"identifiers", "persons", "strict"}
    assert json.loads((tmp_path / "out.json").read_text()) == told
