"""What supports a sentence, and what only seems to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_service.query.support import SupportFinder
from tests.query.passages import passage

TEXT = (
    "Refunds are paid within five working days. A refund above 1,200 euros needs the consent of the treasurer. "
    "Gift cards are never refunded.\nWrite to desk@shop.example or see https://shop.example/refunds for the form."
)
FINDER = SupportFinder([passage(TEXT)])


@pytest.mark.parametrize(
    "sentence",
    [
        "Refunds are paid within five working days.",
        "refunds get paid within five working days",
        "A refund above 1200 euros needs the treasurer's consent.",
        "Gift cards are never refunded.",
        "Refunds are paid within 5 working days.",
        "See https://shop.example/refunds for the form.",
    ],
)
def test_a_sentence_that_the_passage_says_is_supported(sentence: str) -> None:
    assert FINDER.find(sentence) is not None


@pytest.mark.parametrize(
    "sentence",
    [
        "Refunds are paid within fifty working days by cheque in Geneva.",
        "A refund above 1,300 euros needs the consent of the treasurer.",
        "Gift cards are refunded.",
        "Refunds are paid within nine working days.",
        "Refunds are not paid within five working days.",
        "See https://evil.example/refunds for the form.",
        "Write to thief@shop.example or see https://shop.example/refunds for the form.",
        "The moon is made of cheese.",
        "Yes.",
        "",
    ],
)
def test_a_sentence_that_it_does_not_say_is_not(sentence: str) -> None:
    assert FINDER.find(sentence) is None


def test_the_support_is_the_narrowest_place_that_says_it() -> None:
    support = FINDER.find("Gift cards are never refunded.")
    assert support is not None
    assert TEXT[support.start : support.end] == "Gift cards are never refunded."
    assert support.score == 1.0


def test_two_neighbouring_sentences_may_support_one() -> None:
    finder = SupportFinder([passage("The barge is called Cormorant. It dredges the channel in May.")])
    support = finder.find("The barge Cormorant dredges the channel in May.")
    assert support is not None
    assert support.end == len("The barge is called Cormorant. It dredges the channel in May.")


@given(st.text(max_size=300), st.text(max_size=80))
def test_a_support_lies_within_its_passage(text: str, sentence: str) -> None:
    support = SupportFinder([passage(text)]).find(sentence)
    if support is not None:
        assert 0 <= support.start < support.end <= len(text)


@given(st.sampled_from(TEXT.replace("\n", " ").split(". ")), st.integers(0, 9999))
def test_a_number_that_the_passage_lacks_is_never_supported(sentence: str, number: int) -> None:
    if str(number) not in TEXT.replace(",", ""):
        assert FINDER.find(f"{sentence} {number}") is None
