"""Schemas filled from passages: values as they are written, and nothing that is not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_service.query.extract_spans import as_number, date_in, member_in, number_in, truth_in
from rag_service.query.extract_values import MOST_PROPERTIES, extract_values
from rag_service.wiring import Models
from tests.query.passages import passage
from tests.query.test_extract import CountingEmbedder

CARD = passage(
    "Gold Card\n\nThe annual fee of $1,250 is charged once. A refund takes 30 days.\n\nEligibility:\n\n"
    "Adults with an income\n\nStudents with a guarantor\n\nContact: gold@bank.example\nLaunched: March 15, 2024\n"
    "Insurance: Yes\nFuel types: Petrol, Diesel and Electric\nThe interest rate is 12.5% after 45 days.",
    title="Gold Card",
    section="Gold Card",
)
TRIMS = passage(
    "Trim: Base; Price (Lakh ₹): 6.5\nTrim: ZX; Price (Lakh ₹): 7.5",
    chunk="c2",
    document="d2",
    title="Aero prices",
    section="Aero prices",
)


def _object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("question", "properties", "expected"),
    [
        ("What does the gold card cost?", {"annual_fee": {"type": "number"}}, {"annual_fee": 1250}),
        ("What does the gold card cost?", {"annualFee": {"type": "integer"}}, {"annualFee": 1250}),
        ("What does the gold card cost?", {"interest_rate": {"type": "number"}}, {"interest_rate": 12.5}),
        ("How long does a refund take?", {"refund_days": {"type": "integer"}}, {"refund_days": 30}),
        ("How long does a refund take?", {"n": {"type": "integer", "description": "refund in days"}}, {"n": 30}),
        (
            "When was the card launched?",
            {"launched": {"type": "string", "format": "date"}},
            {"launched": "March 15, 2024"},
        ),
        ("When was the card launched?", {"launched": {"type": "string"}}, {"launched": "March 15, 2024"}),
        ("Whom do I contact?", {"contact": {"type": "string", "format": "email"}}, {"contact": "gold@bank.example"}),
        ("Is there insurance?", {"insurance": {"type": "boolean"}}, {"insurance": True}),
        ("Is there insurance?", {"insurance": {"enum": ["yes", "no"]}}, {"insurance": "yes"}),
        ("What is the price of the Aero ZX?", {"price": {"type": "number"}}, {"price": 7.5}),
        (
            "Who is eligible?",
            {"eligibility": {"type": "array", "items": {"type": "string"}}},
            {"eligibility": ["Adults with an income", "Students with a guarantor"]},
        ),
        (
            "Which fuels are there?",
            {"fuel_types": {"type": "array", "items": {"type": "string"}, "maxItems": 2}},
            {"fuel_types": ["Petrol", "Diesel"]},
        ),
        (
            "Tell of the gold card",
            {"terms": _object(annual_fee={"type": "number"}, refund_days={"type": ["integer", "null"]})},
            {"terms": {"annual_fee": 1250, "refund_days": 30}},
        ),
    ],
)
def test_a_value_is_found(
    question: str, properties: Mapping[str, Any], expected: dict[str, Any], models: Models
) -> None:
    assert extract_values(question, _object(**properties), (CARD, TRIMS), models.embedder) == expected


@pytest.mark.parametrize(
    "schema",
    [
        _object(launched={"type": "integer"}, insurance={"type": "number"}),
        _object(fuel_types={"enum": ["Petrol", "Diesel"]}),
        _object(annual_fee={"type": "boolean"}),
        _object(fee={"type": "null"}, other={"$ref": "#/definitions/fee"}),
        _object(fee={"type": "array", "items": {"type": "array"}}),
        _object(a=_object(b=_object(annual_fee={"type": "number"}))),
        {"type": "object"},
        {},
    ],
    ids=[
        "no such number",
        "two members",
        "no yes or no",
        "unknown kinds",
        "lists of lists",
        "deep",
        "empty",
        "nothing",
    ],
)
def test_what_is_not_there_is_left_out(schema: dict[str, Any], models: Models) -> None:
    found = extract_values("What of the gold card?", schema, (CARD,), models.embedder)
    assert found is None or set(found) <= {"launched"}  # type: ignore[call-overload]  # an object or nothing


def test_no_passages_give_no_values() -> None:
    assert extract_values("What?", _object(fee={"type": "number"}), (), CountingEmbedder()) is None


def test_a_bare_type_is_filled_from_what_the_question_names(models: Models) -> None:
    assert extract_values("What is the annual fee?", {"type": "number"}, (CARD,), models.embedder) == 1250


def test_ever_so_many_properties_are_bounded_work() -> None:
    embedder = CountingEmbedder()
    extract_values("What fee?", _object(**{f"fee {at}": {"type": "number"} for at in range(500)}), (CARD,), embedder)
    assert len(embedder.texts) <= MOST_PROPERTIES * 13


_KINDS: list[dict[str, Any]] = [
    {"type": "string"},
    {"type": "number"},
    {"type": "integer"},
    {"type": "string", "format": "date"},
    {"enum": ["five", "app"]},
    {"type": "array", "items": {"type": "string"}},
]
_LINES = [
    "Fee: 5 dollars",
    "1. Pay 1,200 in 2024",
    "Days:",
    "five or 7 days",
    "app; fee: 3.50; days: 8",
    "-4 and 1.2.3",
]


@settings(max_examples=80)
@given(
    st.lists(st.one_of(st.sampled_from(_LINES), st.text(max_size=30)), max_size=8),
    st.dictionaries(st.sampled_from(["fee", "days", "app", "year"]), st.sampled_from(_KINDS), max_size=3),
)
def test_every_value_is_written_in_a_passage(lines: list[str], properties: dict[str, Any]) -> None:
    text = "\n".join(lines)
    found = extract_values("What fee in which days?", _object(**properties), (passage(text),), CountingEmbedder())
    plain = " ".join(text.split()).lower()
    for value in (found or {}).values():  # type: ignore[attr-defined]  # an object or nothing
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str):
                assert one.lower() in plain
            else:
                assert any(as_number(word, whole=False) == one for word in _written(plain))
    json.dumps(found)


def _written(text: str) -> list[str]:
    kept = "".join(sign if sign.isascii() and (sign.isdigit() or sign in "-.,") else " " for sign in text)
    words = {word.strip(".,") for word in kept.split()}
    words |= {word.lstrip("-") for word in words} | {piece for word in words for piece in word.split("-")}
    return [word for word in words if word.count(".") <= 1 and any(map(str.isdigit, word)) and "-" not in word[1:]]


@pytest.mark.parametrize(
    ("line", "named", "number"),
    [
        ("A fee of 5 dollars for 30 days", {"day"}, "30"),
        ("A fee of 5 dollars for 30 days", {"fee"}, "5"),
        ("In 2024 the price was ₹1,25,000.", {"price"}, "1,25,000"),
        ("The rate for 90 days is 4.5%", {"rate"}, "4.5"),
        ("Version 1.2.3 only", {"version"}, None),
        ("2. Open the app", {"app"}, None),
        ("No digit", {"digit"}, None),
    ],
)
def test_the_number_that_is_meant_is_taken(line: str, named: set[str], number: str | None) -> None:
    assert number_in(line, frozenset(named)) == number


@pytest.mark.parametrize(
    ("line", "date"),
    [
        ("since 2024-03-15.", "2024-03-15"),
        ("on the 3rd May 2021", "3rd May 2021"),
        ("in Sept. 2020", "Sept. 2020"),
        ("founded 1956 in Ohio", "1956"),
        ("room 1234", None),
    ],
)
def test_dates_are_taken_as_written(line: str, date: str | None) -> None:
    assert date_in(line) == date


def test_members_and_truths_are_whole_words_and_unambiguous() -> None:
    assert member_in("prepaid", ["paid"]) is None
    assert member_in("very high", ["high", "very high"]) == "very high"
    assert truth_in("Yes, from level 2") is None


def test_a_list_that_no_passage_names_is_left_out_beside_other_values(models: Models) -> None:
    cities = {"type": "array", "items": {"type": "string"}}
    question = "Who is eligible for the gold card?"
    both = extract_values(question, _object(cities=cities, annual_fee={"type": "number"}), (CARD,), models.embedder)
    assert both == {"annual_fee": 1250}
    alone = extract_values(question, _object(people=cities), (CARD,), models.embedder)
    assert alone == {"people": ["Adults with an income", "Students with a guarantor"]}
