"""Structured answers: the caller's form, the passages' values, and nothing of either from anybody else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_service.detect.pii import PiiDetector
from rag_service.domain.answer import Passage
from rag_service.domain.errors import InvalidRequest
from rag_service.domain.policy import AnswerPii, AnswerPolicy
from rag_service.ports import Prompt
from rag_service.query.answer_schema import MOST_PROPERTIES, AnswerSchema
from rag_service.query.cite import cite
from rag_service.query.prompt import build_prompt
from rag_service.query.structured import Filled, ValueFilter
from rag_service.query.support import SupportFinder
from rag_service.wiring import Models
from tests.query.passages import passage

PASSAGES = (
    passage(
        "Refunds are paid within 5 working days. Gift cards are never refunded. Ann Lee runs the refund desk in "
        "Brimsay. Fares: a return ticket costs €12.50, a season ticket 1.2 million crowns.",
        start=100,
    ),
    passage(
        "Dogs are allowed on deck. Bicycles are not allowed. Boarding closes on 30 June 2026.",
        chunk="c2",
        document="d2",
    ),
    passage("Write to desk@brimsay.example for help with tickets.", chunk="c3", document="d3"),
)
DETECTOR = PiiDetector()
TEXT: Mapping[str, Any] = {"type": "string"}


def of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def numbers(name: str) -> dict[str, Any]:
    return of(**{name: {"type": "number"}})


Fill = Callable[..., tuple[Filled | None, ValueFilter, Prompt]]


@pytest.fixture
def fill(models: Models) -> Fill:
    def act(
        value: Any,
        schema: Mapping[str, Any],
        question: str = "When are refunds paid?",
        policy: AnswerPolicy = AnswerPolicy(),  # noqa: B008  # frozen
        passages: tuple[Passage, ...] = PASSAGES,
    ) -> tuple[Filled | None, ValueFilter, Prompt]:
        parsed = AnswerSchema.parse(schema)
        prompt = build_prompt(question, passages, parsed.schema)
        draft = value if isinstance(value, str) else json.dumps(value)
        output = ValueFilter(prompt, parsed, policy, models.detector, SupportFinder(passages, models.embedder))
        return output.fill(draft.replace("CANARY", prompt.canary)), output, prompt

    return act


def kinds(output: ValueFilter) -> set[str]:
    return {flag.kind for flag in output.flags}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (numbers("refund_days"), {"refund_days": 5}),
        (of(returnTicket={"type": "number", "description": "price of a return ticket"}), {"returnTicket": 12.5}),
        (of(season={"type": "integer", "description": "crowns for a season ticket"}), {"season": 1_200_000}),
        (of(refund_rule=TEXT), {"refund_rule": "Refunds are paid within 5 working days."}),
        (of(refund_desk=TEXT), {"refund_desk": "Ann Lee"}),
        (of(boarding=TEXT), {"boarding": "30 June 2026"}),
        (of(dogs_allowed={"type": "boolean"}), {"dogs_allowed": True}),
        (of(bicycles_allowed={"type": "boolean"}), {"bicycles_allowed": False}),
        (of(place={"type": "string", "enum": ["Dorvan", "Brimsay"], "title": "desk"}), {"place": "Brimsay"}),
        (of(rules={"type": "array", "items": TEXT}), {"rules": ["Gift cards are never refunded."]}),
        (of(fare=of(returnTicket=TEXT)), {"fare": {"returnTicket": "€12.50"}}),
        (of(boarding={"type": ["string", "null"]}, refund_desk=TEXT), {"boarding": None, "refund_desk": "Ann Lee"}),
    ],
)
def test_what_passages_hold_is_kept_and_cited(schema: Any, value: Any, fill: Fill) -> None:
    filled, output, _ = fill(value, schema)
    assert filled is not None, output.flags
    assert filled.value == value
    cited, structured = cite(filled.sentences()), filled.structured()
    assert structured.cited, "every value is cited"
    for pointer, markers in structured.cited.items():
        assert markers
        here: Any = value
        for step in pointer.split("/")[1:]:
            here = here[int(step)] if isinstance(here, list) else here[step]
        for marker in markers:
            one = cited.citations[marker - 1]
            source = next(each for each in PASSAGES if each.document_id == one.document_id)
            assert source.text[one.start - source.start : one.end - source.start] == one.quote
            assert f"[{marker}]" in cited.text


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (numbers("refund_days"), {"refund_days": 6}),
        (numbers("refund_weeks"), {"refund_weeks": 5}),
        (numbers("dogs"), {"dogs": 5}),
        (numbers("refund_days"), {"refund_days": 10**400}),
        (numbers("boarding_day"), {"boarding_day": 2026.06}),
        (of(refund_desk=TEXT), {"refund_desk": "Bob Ray"}),
        (of(dogs=TEXT), {"dogs": "Ann Lee"}),
        (of(bicycles=TEXT), {"bicycles": "allowed"}),
        (of(gift_cards=TEXT), {"gift_cards": "refunded"}),
        (of(rule=TEXT), {"rule": "Gift cards are always refunded."}),
        (of(rule=TEXT), {"rule": "Refunds are paid within 5 working days. Send your card to us."}),
        (of(refund_desk=TEXT), {"refund_desk": "https://evil.example/?q=Ann Lee"}),
        (of(refund_desk=TEXT), {"refund_desk": "<b>Ann Lee</b>"}),
        (of(refund_desk=TEXT), {"refund_desk": "![x](//e.example)"}),
        (of(dogs_allowed={"type": "boolean"}), {"dogs_allowed": False}),
        (of(bicycles_allowed={"type": "boolean"}), {"bicycles_allowed": True}),
        (of(cats_allowed={"type": "boolean"}), {"cats_allowed": True}),
        (of(refunds={"type": "boolean"}), {"refunds": True}),
        (of(place={"type": "string", "enum": ["Dorvan", "Brimsay"], "title": "desk"}), {"place": "Dorvan"}),
        (of(bicycles={"type": "string", "enum": ["allowed", "forbidden"]}), {"bicycles": "allowed"}),
        (of(refund_desk=TEXT), {"other": "Ann Lee"}),
        (of(refund_desk=TEXT), {"refund_desk": ["Ann Lee"]}),
        (of(refund_desk=TEXT), {"refund_desk": {"a": "Ann Lee"}}),
        (of(refund_desk=TEXT), ["Ann Lee"]),
        (of(refund_desk=TEXT), "Ann Lee"),
        (of(refund_desk=TEXT), '{"refund_desk": "Ann Lee"} and more'),
        (of(refund_desk=TEXT), '{"refund_desk": "Bob", "refund_desk": "Ann Lee"}'),
        (of(refund_desk=TEXT), '{"refund_desk": NaN}'),
        (of(refund_desk=TEXT), "[" * 5000),
        (of(refund_desk=TEXT), ""),
        (of(refund_desk=TEXT), '{"refund_desk": "' + "Ann Lee " * 4000 + '"}'),
        (numbers("refund_days"), '{"refund_days": 1e999}'),
    ],
)
def test_what_they_do_not_hold_is_left_out(schema: Any, value: Any, fill: Fill) -> None:
    filled, output, _ = fill(value, schema)
    assert filled is None
    assert output.flags, "and it is told"


def test_of_several_values_the_supported_ones_stay(fill: Fill) -> None:
    schema = of(refund_days={"type": "integer"}, phone=TEXT, rules={"type": "array", "items": TEXT})
    value = {
        "refund_days": 5,
        "phone": "+44 20 7946 0958",
        "rules": ["Call now!", "Gift cards are never refunded.", "Dogs are banned."],
        "extra": "Ann Lee",
    }
    filled, output, _ = fill(value, schema)
    assert filled is not None
    assert filled.value == {"refund_days": 5, "rules": ["Gift cards are never refunded."]}
    assert [pointer for pointer, _ in filled.leaves] == ["/refund_days", "/rules/0"]
    assert "unknown_property" in kinds(output)


def test_a_required_value_that_no_passage_holds_leaves_no_answer(fill: Fill) -> None:
    schema = of(refund_days={"type": "integer"}, phone=TEXT) | {"required": ["phone"]}
    assert fill({"refund_days": 5, "phone": "0800 1"}, schema)[0] is None
    inner = of(refund_days={"type": "integer"}, contact=of(phone=TEXT) | {"required": ["phone"]})
    filled, _, _ = fill({"refund_days": 5, "contact": {"phone": "0800 1"}}, inner)
    assert filled is not None
    assert filled.value == {"refund_days": 5}


def test_what_is_left_must_still_be_valid(fill: Fill) -> None:
    schema = of(rules={"type": "array", "items": TEXT, "minItems": 2})
    filled, output, _ = fill({"rules": ["Gift cards are never refunded.", "Dogs are banned."]}, schema)
    assert filled is None
    assert "malformed" in kinds(output)


@pytest.mark.parametrize(
    "draft",
    [
        '{"refund_desk": "Ann Lee", "x": "CANARY"}',
        '{"refund_desk": "Ann Lee", "CANARY": 1}',
        'CANARY {"refund_desk": "Ann Lee"}',
    ],
)
def test_a_draft_that_gives_the_prompt_away_is_no_answer(draft: str, fill: Fill) -> None:
    filled, output, _ = fill(draft, of(refund_desk=TEXT))
    assert (filled, output.stop) == (None, "prompt_leak")


HEX_NAMES = ("a1", "b22", "c333", "d4444", "e55555", "f666666", "a7777777", "b8")


def test_a_marker_in_escapes_or_spread_over_values_is_seen(fill: Fill, models: Models) -> None:
    schema = AnswerSchema.parse(of(a={"type": "array", "items": TEXT}))
    for spell in (
        lambda canary: json.dumps({"a": "".join(f"\\u{ord(one):04x}" for one in canary)}).replace("\\\\", "\\"),
        lambda canary: json.dumps({"a": list(canary)}),
        lambda canary: (
            '{"a": ["' + "".join(one if at % 3 else f"\\u{ord(one):04x}" for at, one in enumerate(canary)) + '"]}'
        ),
        lambda canary: json.dumps({canary[:8]: canary[8:]}),
        *[lambda canary: json.dumps({name: canary[at * 2 : at * 2 + 2] for at, name in enumerate(HEX_NAMES)})] * 16,
    ):
        prompt = build_prompt("?", PASSAGES, schema.schema)
        output = ValueFilter(prompt, schema, AnswerPolicy(), models.detector, SupportFinder(PASSAGES))
        assert output.fill(spell(prompt.canary)) is None
        assert output.stop == "prompt_leak"


def test_policy_holds_for_values_and_their_quotations(fill: Fill) -> None:
    schema, value = of(tickets=TEXT), {"tickets": "desk@brimsay.example"}
    assert fill(value, schema)[0] is not None
    assert fill(value, schema, policy=AnswerPolicy(answer_pii=AnswerPii.DROP))[0] is None
    redacted, _, _ = fill(value, schema, policy=AnswerPolicy(answer_pii=AnswerPii.REDACT))
    assert redacted is None or "desk@" not in json.dumps(redacted.value) + cite(redacted.sentences()).citations[0].quote
    assert (
        fill({"refund_desk": "Ann Lee"}, of(refund_desk=TEXT), policy=AnswerPolicy(forbidden_terms=("Ann Lee",)))[0]
        is None
    )


def test_a_number_or_a_choice_is_no_way_around_the_policy(fill: Fill) -> None:
    passages = (
        passage(
            "The card number of Ann is 4111111111111111 as she told us. The phone number of the desk is 02079460958."
        ),
    )
    number = {"type": "integer"}
    schema = of(card_number=number, phone_number=number, ann={"type": "string", "enum": ["4111111111111111"]})
    value = {"card_number": 4111111111111111, "phone_number": 2079460958, "ann": "4111111111111111"}
    open_, _, _ = fill(value, schema, passages=passages)
    assert open_ is not None
    assert open_.value == value
    for policy in (AnswerPii.REDACT, AnswerPii.DROP):
        filled, output, _ = fill(value, schema, policy=AnswerPolicy(answer_pii=policy), passages=passages)
        assert filled is None
        assert "personal_data" in kinds(output)


def test_a_fenced_block_is_read(fill: Fill) -> None:
    filled, _, _ = fill('```json\n{"refund_days": 5}\n```', numbers("refund_days"))
    assert filled is not None


def test_definitions_stand_where_they_are_used() -> None:
    schema = of(a={"$ref": "#/$defs/day", "title": "A"}) | {"$defs": {"day": {"type": "integer", "minimum": 1}}}
    parsed = AnswerSchema.parse(schema)
    assert parsed.schema["properties"]["a"] == {"type": "integer", "minimum": 1, "title": "A"}
    assert parsed.takes({"a": 1})
    assert not parsed.takes({"a": 0})
    assert not parsed.takes({"a": 1, "b": 2}), "no names but the schema's"


def deep(levels: int) -> dict[str, Any]:
    return of(a=deep(levels - 1)) if levels else of(a=TEXT)


@pytest.mark.parametrize(
    "schema",
    [
        None,
        [],
        True,
        {},
        {"type": "string"},
        {"type": "object"},
        of(),
        of(a={}),
        of(a={"type": "text"}),
        of(a={"type": ["string", "number"]}),
        of(a={"type": ["null"]}),
        of(a=True),
        of(a={"type": "string", "pattern": "(a+)+$"}),
        of(a={"type": "string", "format": "regex"}),
        of(a={"type": "string", "const": "x"}),
        of(a={"anyOf": [TEXT]}),
        of(a={"type": "string", "enum": "x"}),
        of(a={"type": "string", "enum": ["x"] * 101}),
        of(a={"type": "number", "enum": ["x"]}),
        of(a={"type": "string", "maxLength": "x"}),
        of(a={"type": "string", "description": "x" * 301}),
        of(a={"$ref": "https://evil.example/schema.json"}),
        of(a={"$ref": "file:///etc/passwd"}),
        of(a={"$ref": "#"}),
        of(a={"$ref": "#/properties/a"}),
        of(a={"$ref": "#/$defs/none"}),
        of(a={"$ref": "#/$defs/x"}) | {"$defs": {"x": {"$ref": "#/$defs/y"}, "y": {"$ref": "#/$defs/x"}}},
        of(a={"$ref": "#/$defs/x"}) | {"$defs": {"x": of(b={"$ref": "#/$defs/x"})}},
        of(a={"$ref": "#/$defs/x"}) | {"$defs": {"x": 1}},
        of(a=TEXT) | {"$schema": "http://json-schema.org/draft-07/schema#"},
        of(a=TEXT) | {"$id": "https://evil.example/"},
        of(a=TEXT) | {"additionalProperties": True},
        of(a=TEXT) | {"patternProperties": {"(a+)+$": TEXT}},
        of(a=TEXT) | {"required": "a"},
        of(**{"x" * 65: TEXT}),
        of(**{"a\nb": TEXT}),
        of(**{"": TEXT}),
        of(**{f"p{at}": TEXT for at in range(MOST_PROPERTIES + 1)}),
        of(
            a={"type": "string", "title": "x" * 300},
            **{f"p{at}": {"type": "string", "title": "y" * 300} for at in range(60)},
        ),
        deep(7),
        of(a={"type": "string", "description": "half of a pair \ud800"}),
    ],
)
def test_a_schema_of_another_kind_is_refused(schema: Any) -> None:
    with pytest.raises(InvalidRequest):
        AnswerSchema.parse(schema)


def test_references_cannot_multiply_a_schema() -> None:
    defined = {f"d{at}": of(**{f"p{many}": {"$ref": f"#/$defs/d{at + 1}"} for many in range(30)}) for at in range(5)}
    with pytest.raises(InvalidRequest):
        AnswerSchema.parse(of(a={"$ref": "#/$defs/d0"}) | {"$defs": {**defined, "d5": TEXT}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_no_schema_breaks_the_reader(schema: Any) -> None:
    try:
        AnswerSchema.parse(schema)
    except InvalidRequest:
        return


@given(value=JSON)
def test_no_value_breaks_the_filter(value: Any) -> None:
    schema = AnswerSchema.parse(of(refund_days={"type": "integer"}, b={"type": "array", "items": TEXT}, c=of(d=TEXT)))
    prompt = build_prompt("?", PASSAGES, schema.schema)
    output = ValueFilter(prompt, schema, AnswerPolicy(), DETECTOR, SupportFinder(PASSAGES))
    for one in (value, {"b": value, "refund_days": value, "c": {"d": value}}):
        filled = output.fill(json.dumps(one))
        assert filled is None or schema.takes(filled.value)
