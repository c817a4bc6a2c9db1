"""The measuring of personal data: reading, mapping, counting, and the command over a tiny file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eval.datasets.beir import DatasetMalformed, DatasetMissing
from eval.measures.found_and_missed import Tally, intervals
from eval.pii.kinds import judged_as, kinds_of, read_choices
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


LAYOUTS = {
    "entities": '{"text": "Ada met Bo.", "entities": [{"label": "PER", "start": 0, "end": 3}, '
    '{"label": "PER", "start": 8, "end": 10}]}',
    "triples": '[{"text": "Ada met Bo.", "label": [[8, 10, "PER"], [0, 3, "PER"]]}]',
    "spacy": '[["Ada met Bo.", {"entities": [[0, 3, "PER"], [8, 10, "PER"]]}]]',
    "lines": '{"text": "Ada met Bo.", "spans": [[0, 3, "PER"], [8, 10, "PER"]]}\n',
    "mask": '{"source_text": "Ada met Bo.", "privacy_mask": [{"value": "Ada", "start": 0, "end": 3, "label": "PER"}, '
    '{"value": "Bo", "start": 8, "end": 10, "label": "PER"}], "language": "en"}',
    "mask as text": '{"source_text": "Ada met Bo.", "privacy_mask": "[[0, 3, \\"PER\\"], [8, 10, \\"PER\\"]]"}',
    "studio": '{"data": [{"text": "Ada met Bo.", "annotations": [{"value": {"start": 0, "end": 3, "labels": ["PER"]}}, '
    '{"value": {"start": 8, "end": 10, "labels": ["PER"]}}]}]}',
    "tags": '{"tokens": ["Ada", "met", "Bo", "."], "ner_tags": ["B-PER", "O", "B-PER", "O"]}',
    "four columns": "-DOCSTART- -X- O O\n\nAda NNP B-NP B-PER\nmet VBD B-VP O\nBo NNP I-NP I-PER\n. . O O\n",
    "two after one": "Ada\tI-PER\nmet\tO\nBo\tU-PER\n.\tO\n",
    "numbered": "# id 12\nAda _ _ S-PER\nmet _ _ O\nBo _ _ B-PER\n. _ _ O\n\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_says_the_same(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "a"
    path.write_text(LAYOUTS[layout])
    (read,) = read_labelled(path)
    assert [(read.text[span.start : span.end], span.kind) for span in read.spans] == [("Ada", "PER"), ("Bo", "PER")]


def test_bilou_ends_a_span_where_it_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("Ada B-PER\nLee L-PER\nBo I-PER\nin O\nNew B_LOC\nYork E_LOC\n")
    (read,) = read_labelled(path)
    assert [read.text[span.start : span.end] for span in read.spans] == ["Ada Lee", "Bo", "New York"]


def test_a_label_without_a_country_means_that_of_any_country() -> None:
    kinds = kinds_of(["PASSPORTNUM", "TELEPHONENUM", "GIVENNAME1", "ZIP-CODE", "USERNAME", "product", "US_SSN"], {})
    assert kinds == {
        "PASSPORTNUM": "us_passport", "TELEPHONENUM": "phone_number", "GIVENNAME1": "person", "ZIP-CODE": "postal_code",
        "USERNAME": None, "product": None, "US_SSN": "us_ssn",
    }  # fmt: skip
    same = judged_as(kinds)
    assert same["uk_passport"] == "us_passport"
    assert "uk_nino" not in same


@pytest.mark.parametrize(
    "content",
    [
        "[{}]",
        '{"text": 5, "spans": []}',
        '{"text": "a", "spans": [[0, 1]]}',
        '{"text": "a", "spans": [[0, 1, 7]]}',
        '{"text": "a", "spans": [[true, 1, "X"]]}',
        '{"tokens": ["a"], "ner_tags": [3]}',
        '{"tokens": ["a", "b"], "tags": ["O"]}',
        '{"text": "a", "spans": []}\n{"text": ',
        "word X-PER",
        "[1, 2]",
        '"a"',
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
