"""The extractive answerer: what it takes, what it leaves, and that each line is a copy."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_service.adapters.extractive_answerer import ExtractiveAnswerer
from rag_service.domain.answer import Passage
from rag_service.lexical import words
from rag_service.ports import Prompt
from rag_service.query.extract import EMBEDDED, MOST_WORDS, candidates, extract
from rag_service.query.extract_features import weighed
from rag_service.query.extract_units import LONGEST, MOST_UNITS, units_of
from rag_service.query.support import SupportFinder
from rag_service.wiring import Models
from tests.query.passages import passage

LOAN = passage(
    "Agriculture Loan\n\nEligibility:\n\nIndividual farmers with land records\n\nSelf Help Groups with a resolution\n\n"
    "Repayment\n\nThe loan is repaid after each harvest. A grace period of 90 days applies.",
    title="Loans",
    section="Products > Agriculture Loan",
)
CARD = passage(
    "Closing a card\n\nA card is closed in the app or at any branch. The annual fee of $25 is not refunded.",
    chunk="c2",
    document="d2",
    title="Cards",
    section="Closing a card",
    cosine=0.3,
)
TRIMS = passage(
    "Trim: Base; Price (Lakh ₹): 6.5\nTrim: X; Price (Lakh ₹): 7.0\nTrim: ZX; Price (Lakh ₹): 7.5",
    chunk="c3",
    document="d3",
    title="Aero prices",
    section="Aero prices",
    cosine=0.4,
)
BOTH = (
    passage("PHIL 101 is a broad introduction to the questions of philosophy.", chunk="c4", section="PHIL 101"),
    passage("PHIL 120 covers formal reasoning and logical argument.", chunk="c5", section="PHIL 120"),
)


class CountingEmbedder:
    """Bags of words as vectors: cosines that can be reckoned by hand, and a count of what was asked."""

    fingerprint = "counting"
    dimension = 64
    max_tokens = 256

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.texts += texts
        rows = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[0] = 0.1
            for word in words(text):
                row[1 + sum(word.encode()) % (self.dimension - 1)] += 1
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    def token_starts(self, text: str) -> list[int]:
        return list(range(len(text)))


@pytest.mark.parametrize(
    ("question", "passages", "held"),
    [
        ("How long is the grace period of the agriculture loan?", (LOAN, CARD), "A grace period of 90 days applies."),
        ("Who is eligible for the agriculture loan?", (CARD, LOAN), "Self Help Groups with a resolution"),
        ("Who is eligible for the agriculture loan?", (LOAN, CARD), "Eligibility:"),
        ("Which farmers may borrow?", (LOAN,), "Eligibility:"),
        ("What is the annual fee of a card?", (LOAN, CARD), "The annual fee of $25 is not refunded."),
        ("What does the Aero ZX trim cost?", (TRIMS, CARD), "Trim: ZX; Price (Lakh ₹): 7.5"),
        ("How does PHIL 101 differ from PHIL 120?", BOTH, BOTH[0].text),
        ("How does PHIL 101 differ from PHIL 120?", BOTH, BOTH[1].text),
    ],
)
def test_what_answers_is_among_the_lines(
    question: str, passages: tuple[Passage, ...], held: str, models: Models
) -> None:
    assert held in extract(question, passages, models.embedder)


def test_the_answer_stands_before_what_is_beside_it(models: Models) -> None:
    lines = extract("In which ways can I close my card?", (CARD, LOAN), models.embedder)
    assert lines[0] == "A card is closed in the app or at any branch."


def test_items_keep_the_order_of_their_list_and_follow_their_lead(models: Models) -> None:
    lines = extract("Who is eligible for the agriculture loan?", (LOAN,), models.embedder)
    at = lines.index("Eligibility:")
    assert lines[at + 1 : at + 3] == ["Individual farmers with land records", "Self Help Groups with a resolution"]


HOLIDAYS = passage(
    "Holidays\n\nLabor Day: September 2 (closed)\n\nMartin Luther King Jr. Day: January 20 (closed)\n\n"
    "Juneteenth: June 19 (closed)",
    section="Holidays",
)


def test_a_clear_answer_comes_first_under_its_lead(models: Models) -> None:
    lines = extract("Which holiday is Martin Luther King Jr. Day?", (HOLIDAYS,), models.embedder)
    assert lines[:2] == ["Holidays", "Martin Luther King Jr. Day: January 20 (closed)"]


def test_numbered_steps_keep_their_order(models: Models) -> None:
    steps = [
        "1. App: open it and log in to your card account.",
        "2. Choose: mark the gold card that you want to close now.",
        "3. Code: confirm the card with it.",
    ]
    lines = extract("Where do I mark the gold card to close?", (passage("\n\n".join(steps)),), models.embedder)
    assert lines == steps


def test_a_heading_alone_a_question_and_an_echo_are_no_answers(models: Models) -> None:
    echo = passage("Card fee\n\nWhat is the card fee?\n\nThe card fee.", section="Card fee")
    assert extract("What is the card fee?", (echo,), models.embedder) == []


def test_another_question_is_no_answer(models: Models) -> None:
    text = "Is the annual card fee refunded after a year? It is. The annual card fee is refunded in full."
    lines = extract("Is the annual card fee refunded?", (passage(text),), models.embedder)
    assert lines == ["The annual card fee is refunded in full."]


def test_the_same_said_twice_is_released_once(models: Models) -> None:
    other = passage("* The ANNUAL fee of $25 is not refunded", chunk="c9", document="d9")
    lines = extract("What is the annual fee of a card?", (CARD, other), models.embedder)
    assert sum("fee of $25" in line for line in lines) == 1


def test_nothing_comes_of_nothing() -> None:
    embedder = CountingEmbedder()
    assert extract("What?", (), embedder) == []
    assert extract("What?", (passage(""), passage("---\n\n* * *")), embedder) == []
    assert embedder.texts == []


def test_passages_of_one_rank_answer_alike_every_time() -> None:
    many = tuple(replace(LOAN, chunk_id=f"c{at}", document_id=f"d{at}") for at in range(8))
    first = extract("Who is eligible?", many, CountingEmbedder())
    assert first == extract("Who is eligible?", many, CountingEmbedder()) != []


def test_a_long_answer_ends_where_no_line_fits(models: Models) -> None:
    text = "\n\n".join(f"Branch {at} of the bank opens at nine and closes at {at} in the evening." for at in range(60))
    lines = extract("When do the branches of the bank open and close?", (passage(text),), models.embedder)
    assert len(lines) > 1
    assert sum(len(words(line)) + 1 for line in lines) <= MOST_WORDS


def test_a_sentence_longer_than_an_answer_is_released_alone_where_nothing_is_better(models: Models) -> None:
    text = "The fee is waived for " + ", ".join(f"customers of branch {at}" for at in range(60)) + "."
    assert extract("Who has the fee waived?", (passage(text),), models.embedder) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "x" * 20_000,
        "word " * 4_000,
        "\n".join(f"Grace period {at}" for at in range(5_000)),
        "a: " * 7_000,
        "- \n" * 7_000,
    ],
    ids=["one word", "one line", "many lines", "labels", "empty items"],
)
def test_a_hostile_passage_is_little_work(text: str) -> None:
    embedder = CountingEmbedder()
    hostile = passage(text, chunk="bad")
    assert len(units_of([hostile])) <= MOST_UNITS
    lines = extract("How long is the grace period?", (hostile, LOAN), embedder)
    assert len(embedder.texts) <= 1 + EMBEDDED
    assert max(map(len, embedder.texts)) <= 2 * LONGEST + 2
    assert all(len(line) <= LONGEST for line in lines)


_LINE = st.sampled_from(
    ["Fees:", "- five days", "1. Open the app", "Paid in 5 days. Else [2] not.", "a lower line", "Name: Ann; Age: 5"]
)
_TEXT = st.one_of(st.lists(_LINE, max_size=12).map("\n".join), st.text(max_size=80))


@settings(max_examples=80)
@given(st.lists(_TEXT, max_size=4), st.text(max_size=40))
def test_every_line_is_a_copy_of_a_passages_own(texts: list[str], question: str) -> None:
    passages = [passage(text, chunk=f"c{at}") for at, text in enumerate(texts)]
    finder = SupportFinder(passages)
    for line in extract(question, passages, CountingEmbedder()):
        assert finder.is_copy(line)
        assert finder.find(line) is not None


def test_the_answerer_writes_a_line_a_piece(models: Models) -> None:
    question = "Who is eligible for the agriculture loan?"
    prompt = Prompt("", question, (LOAN, CARD), "fence", "canary", "template")

    async def pieces() -> list[str]:
        return [piece.text async for piece in ExtractiveAnswerer(models.embedder).write(prompt)]

    assert asyncio.run(pieces()) == [f"{line}\n" for line in extract(question, (LOAN, CARD), models.embedder)]


def test_candidates_come_likeliest_first_and_are_no_headings(models: Models) -> None:
    units = units_of([LOAN, CARD])
    found = candidates("What is the annual fee of a card?", units, [LOAN, CARD], models.embedder)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert not any(one.unit.is_heading for one in found)


def test_weights_of_another_version_are_refused() -> None:
    with pytest.raises(ValueError, match="versions"):
        weighed({"new": 1.0}, {"bias": 0.0, "old": 1.0})


CLINIC = passage(
    "Emergencies\n\nThe defibrillator hangs beside the lift on the ground floor\n\n"
    "Press the red button under the desk if you feel threatened: it calls the other rooms\n\n"
    "The meeting point in case of fire is the bus shelter opposite the main entrance"
)
MAIL = passage(
    "Outage of turbine 4\n\nFrom: Marit Aldous\n\nTo: Engineering\n\nDate: Thu, 12 Mar 2026 16:42:00 +0000\n\n"
    "The outage of turbine 4 was caused by water in a connector. Idris Fenn orders new ones.",
    title="Outage of turbine 4",
)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Where is the defibrillator?", "The defibrillator hangs beside the lift on the ground floor"),
        ("Where is the meeting point in case of fire?", CLINIC.text.splitlines()[-1]),
    ],
)
def test_one_fact_is_told_in_one_line_where_one_is_far_likelier(question: str, answer: str, models: Models) -> None:
    assert extract(question, (CLINIC, CARD), models.embedder) == [answer]


@pytest.mark.parametrize(
    "question", ["How do I find the defibrillator?", "List all emergency equipment, defibrillators"]
)
def test_a_way_or_a_list_is_told_with_what_stands_beside_it(question: str, models: Models) -> None:
    assert len(extract(question, (CLINIC, CARD), models.embedder)) > 1


def test_the_head_of_a_mail_answers_only_who_asks_for_it(models: Models) -> None:
    head = {"From: Marit Aldous", "To: Engineering", "Date: Thu, 12 Mar 2026 16:42:00 +0000"}
    assert head.isdisjoint(extract("What was the outage of turbine 4 caused by?", (MAIL,), models.embedder))
    assert not head.isdisjoint(extract("When was the mail on the outage of turbine 4 sent?", (MAIL,), models.embedder))
