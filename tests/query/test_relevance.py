"""What is answered, and what is "not found"."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_service.domain.answer import Passage
from rag_service.query.named_terms import MOST_NAMES, asking, is_slip, named_terms
from rag_service.query.relevance import LEAST_COSINE, Fit, is_answerable
from tests.query.passages import passage

LOAN = "Acorn Bank grants a car loan within five days. The cost of a loan follows. The fee for the X1 card is waived."


def loan(cosine: float | None = 0.6, text: str = LOAN) -> tuple[Passage, ...]:
    return (passage(text, cosine=cosine, title="Loans", section="Car loan"),)


@pytest.mark.parametrize(
    "question",
    [
        "How long does a car loan take at Acorn Bank?",
        "how long does a car loan take at acorn bank?",
        "HOW LONG DOES A CAR LOAN TAKE AT ACORN BANK?",
        "How long does a car loan take at Aocrn Bank?",
        "What is Acorn’s fee for a loan?",
        "I am Olga from Trieste. How long does a car loan take?",
        "Is there a fee for the X1 card?",
        "I earn 48,000 and am 31. Does Acorn Bank grant a car loan?",
        "Acorn Bank car loan days",
        "Is a car loan granted on Saturday or in January?",
        "Is there a CLF for a loan of Acorn Bank?",
        "Which days does the Car Loan of Acorn Bank take?",
    ],
)
def test_what_the_passages_tell_is_answered(question: str) -> None:
    assert is_answerable(question, loan())


@pytest.mark.parametrize(
    "question",
    [
        "How long does a car loan take at Birch Bank?",
        "Is there a fee for the X2 card?",
        "Is there a QLF for a loan of Acorn Bank?",
        "Does the Acorn Bank grant a car loan to members of Cedar?",
        "Who may attend the laboratory?",
    ],
)
def test_what_is_asked_of_something_else_is_not_found(question: str) -> None:
    assert not is_answerable(question, loan())


def test_without_passages_nothing_is_answered() -> None:
    assert not is_answerable("How long does a car loan take?", ())
    assert Fit("How long does a car loan take?", ()).best == 0.0


@pytest.mark.parametrize("cosine", [None, LEAST_COSINE - 0.01])
def test_words_alone_are_not_enough(cosine: float | None) -> None:
    assert not is_answerable("How long does a car loan take?", loan(cosine))


def test_meaning_alone_is_not_enough_unless_it_is_very_near() -> None:
    assert not is_answerable("Wer bekommt Geld?", loan(0.7))
    assert is_answerable("Wer bekommt Geld?", loan(0.85))


def test_fit_is_cosine_and_share_of_words_of_one_passage() -> None:
    near, far = passage("A car.", cosine=0.6), passage("The loan takes days.", cosine=0.4, chunk="c2")
    # asked: car, loan, take, day. near holds one of them, far three.
    assert Fit("Which days does the car loan take?", (near, far)).best == pytest.approx(0.4 + 3 / 4)


def test_an_introduction_takes_nothing_from_the_fit() -> None:
    asked = "How long does a car loan take?"
    assert Fit(f"I was born in a village by the northern sea. {asked}", loan()).best == Fit(asked, loan()).best > 0.6


def test_where_names_were_scrubbed_none_is_unknown() -> None:
    question = "How long does a car loan take at Birch Bank?"
    assert Fit(question, loan()).unknown_names() == {"birch"}
    assert not Fit(question, loan(text=f"{LOAN} Ask [PERSON_0a1b2c3d].")).unknown_names()
    assert not Fit(question, loan(text=f"{LOAN} Ask [ORGANIZATION].")).unknown_names()
    assert Fit(question, loan(text=f"{LOAN} Ask [EMAIL_ADDRESS].")).unknown_names() == {"birch"}


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Where is Acorn's office in Old Town?", {"acorn", "old", "town"}),
        ("What does PHIL 201 cover?", {"phil"}),
        ("What does CS50 cost on the 3rd day?", {"cs50"}),
        ("Is the iPhone app free?", {"iphone"}),
        ("How Do Women's Basketball Achievements Compare?", set()),
        ("IS A LOAN FREE?", set()),
        ("The review of our work at Acorn Bank", set()),
        ("Wann wird die Gebühr fällig?", set()),
        ("An Introduction to Retrieval Systems for the Library of Congress", set()),
        ("Thanks, Maria! “What is the fee at Acorn?”", {"acorn"}),
        ("", set()),
    ],
)
def test_names_are_told_by_capitals_within_a_question(question: str, names: set[str]) -> None:
    assert named_terms(question) == names


def test_only_sentences_that_ask_are_read() -> None:
    assert asking("Hello, I am Ann. What is due? Bye.") == "What is due?"
    assert asking("Tell me what is due") == "Tell me what is due"


@pytest.mark.parametrize(
    ("one", "other", "slips"),
    [
        ("acorn", "aocrn", True),
        ("acorn", "acron", True),
        ("acorn", "acorns", True),
        ("acorn", "acrn", True),
        ("acorn", "akorn", True),
        ("acorn", "bcorn", False),  # another first letter is another name
        ("acorn", "arcon", False),
        ("zia", "zoa", False),  # too short to tell
        ("cs501", "cs502", False),
        ("acorn", "acorn", True),
    ],
)
def test_a_slip_is_one_letter(one: str, other: str, slips: bool) -> None:
    assert is_slip(one, other) is slips
    assert is_slip(other, one) is slips


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_is_decided(question: str, text: str) -> None:
    assert is_answerable(question, (passage(text, cosine=0.2),)) is False
    assert named_terms(question.lower()) == {name for name in named_terms(question.lower()) if name == name.lower()}


def test_a_pasted_text_names_nothing() -> None:
    assert named_terms(f"Is it {' or '.join(f'Word{at}' for at in range(MOST_NAMES))}?")
    assert not named_terms(f"Is it {' or '.join(f'Word{at}' for at in range(MOST_NAMES + 1))}?")


def test_long_questions_and_passages_are_read_a_bounded_number_of_times() -> None:
    words = " ".join(f"Word{at}" for at in range(2000))
    assert not is_answerable(f"What is {words}?", (passage("x " * 20_000, cosine=0.7),))
