"""Measures of answers agree with arithmetic that can be read here, and the judge with plain cases."""

from __future__ import annotations

import pytest

from eval.answers.asked import Asked, Cited
from eval.answers.scores import agreement, latency, score, summary
from eval.answers.tenants import Question
from eval.measures.citation_quality import citation_quality, without_markers
from eval.measures.entailment import entails
from eval.measures.key_sentence import MOST_WORDS, key_sentence
from eval.measures.token_f1 import token_f1

LEAVE = "Parental leave lasts twenty weeks and is paid in full."
FACT = f"{LEAVE} See the handbook.\n- Staff apply in writing to the Oslo office by 1 May\n- Late forms"


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (LEAVE, 1.0),
        ("Parental leave lasts twenty weeks.", 0.0),  # 5 of the 7 content words
        ("Parental leave lasts twenty weeks, paid.", 1.0),  # 6 of 7
        ("In writing; staff apply to the Oslo office by 1 May.", 1.0),  # a line of a list
        ("See the handbook.", 0.0),  # too short a sentence to count
        (f"{LEAVE} {'padding ' * (MOST_WORDS - 10)}", 1.0),
        (f"{LEAVE} {'padding ' * (MOST_WORDS - 9)}", 0.0),
        ("", 0.0),
    ],
)
def test_a_key_sentence_is_held_nearly_whole_in_a_short_answer(answer: str, value: float) -> None:
    assert key_sentence(answer, [FACT]) == value


def test_a_line_counts_where_its_sentence_goes_on() -> None:
    fact = "Sales staff apply in clear writing\nto the Oslo office through the east gate"
    assert key_sentence("Sales staff apply in clear writing.", [fact]) == 1.0


def test_token_f1_is_the_harmonic_mean_of_shared_words() -> None:
    # said: refunds take five working days; wanted: five days or ten; shared: five, days
    precision, recall = 2 / 5, 2 / 4
    assert token_f1("Refunds take five working days.", ["five days or ten"]) == pytest.approx(
        2 * precision * recall / (precision + recall)
    )


@pytest.mark.parametrize(
    "sentence",
    [
        LEAVE,
        "Leave lasts twenty weeks.",
        "Parental leaves last twenty weeks",
        "Twenty weeks",
    ],
)
def test_what_a_quote_says_is_entailed(sentence: str) -> None:
    assert entails([LEAVE], sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Parental leave does not last twenty weeks and is paid in full.",
        "Parental leave lasts twenty weeks and is paid in full by Acorn.",
        "Parental leave lasts 20 weeks and is paid in full.",
        "Sick leave begins on Monday.",
        "!",
        "",
    ],
)
def test_what_it_does_not_say_is_not(sentence: str) -> None:
    assert not entails([LEAVE], sentence)
    assert not entails([], LEAVE)


def test_citation_recall_counts_sentences_and_precision_citations() -> None:
    quotes = {1: "The gate opens at 8.", 2: "Cards cost 5 crowns.", 3: "The porter keeps keys."}
    answer = (
        "The gate opens at 8 [1]. "  # recalled; 1 of 1 citations counts
        "Cards cost 5 crowns [2][3]. "  # recalled; the second is not needed: 1 of 2
        "The porter sings [3]. "  # not recalled; 0 of 1
        "Dogs are welcome."  # not cited
    )
    quality = citation_quality(answer, quotes)
    assert quality.recall == 2 / 4
    assert quality.precision == 2 / 4


def test_citations_that_entail_only_together_all_count() -> None:
    quotes = {1: "Cards cost 5 crowns.", 2: "The porter sells them at the gate."}
    quality = citation_quality("The porter sells cards at the gate for 5 crowns [1][2].", quotes)
    assert (quality.recall, quality.precision) == (1.0, 1.0)


def test_a_marker_that_stands_for_nothing_supports_nothing() -> None:
    quality = citation_quality("Cards cost 5 crowns [7].", {1: "Cards cost 5 crowns."})
    assert (quality.recall, quality.precision) == (0.0, 0.0)


def test_an_answer_without_citations_has_no_precision() -> None:
    assert citation_quality("Dogs are welcome.", {}).precision is None
    assert without_markers("Cards cost 5 crowns [7][8].") == "Cards cost 5 crowns."


def asked(*, own: bool = True, found: bool = True, answer: str = f"{LEAVE[:-1]} [1].", **facts: object) -> Asked:
    question = Question("q", "How long is leave?", "Boolean", (FACT,), frozenset({"Leave"}))
    values: dict[str, object] = {
        "refused": False,
        "citations": (Cited(1, "Leave", LEAVE, is_exact=True),) if found else (),
        "groundedness": 1.0 if found else 0.0,
        "model": "extractive",
        "decisions": ("filter unsupported dropped",),
        "total_ms": 10.0,
        "stages_ms": {"guard": 1.0, "vet": 2.0, "generate": 100.0, "filter": 3.0, "cite": 4.0},
    }
    return Asked("acorn", question, own, found, answer=answer if found else "", **(values | facts))  # type: ignore[arg-type]  # a table of fields


def test_own_questions_are_scored_for_answers_and_others_for_refusals() -> None:
    told = summary(
        [score(one) for one in (asked(), asked(found=False), asked(own=False), asked(own=False, found=False))]
    )
    assert told["measures"] == {
        "key_sentence": 1 / 2,
        "token_f1": round(token_f1(LEAVE, [FACT]) / 2, 4),
        "citation_recall": 1.0,
        "citation_precision": 1.0,
        "citation_right_document": 1.0,
        "groundedness": 1.0,
        "answered": 1 / 2,
        "refusal": 1 / 2,
    }
    assert (told["questions"], told["others_asked"], told["wrong_refusal"]) == (2, 2, 1 / 2)
    assert told["decisions"] == {"filter unsupported dropped": 2}


def test_a_quote_that_differs_and_a_strangers_document_are_counted_whoever_asked() -> None:
    wrong = (Cited(1, "Leave", LEAVE, is_exact=False), Cited(2, None, LEAVE, is_exact=True))
    told = summary([score(one) for one in (asked(citations=wrong), asked(own=False, citations=wrong))])
    assert (told["citations"], told["quotes_that_differ"], told["other_tenants"]) == (4, 2, 2)
    assert told["measures"]["citation_right_document"] == 1 / 2


def test_what_guards_an_answer_is_timed_together() -> None:
    times = latency([score(asked())])
    assert times["ask"]["p50"] == 10.0
    assert times["guard+vet+filter+cite"] == {"p50": 10.0, "p95": 10.0}


def test_groundedness_is_compared_with_the_judge_answer_by_answer() -> None:
    lie = "The porter sings [1]."
    scores = [score(one) for one in (asked(), asked(), asked(answer=lie, groundedness=0.25), asked(answer=lie))]
    told = agreement(scores)  # the judge says 1, 1, 0, 0 and the service 1, 1, 0.25, 1
    assert told["answers"] == 4
    assert told["mean_difference"] == round((0 + 0 + 0.25 + 1) / 4, 4)
    assert 0 < told["correlation"] < 1
