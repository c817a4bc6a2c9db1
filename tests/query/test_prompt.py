"""What a model is shown: nothing in it that others wrote can end its quotation, open a turn or know a secret."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_service.detect.concealment import find_concealment
from rag_service.ports import Prompt
from rag_service.query.prompt import ANSWER_2, build_prompt, messages
from rag_service.query.role_tokens import without_roles
from rag_service.query.token_budget import TokenBudget, estimate_tokens, fit
from rag_service.wiring import Models
from tests.query.passages import passage

TOKENS = (
    "<|im_start|>",
    "<|im_end|>",
    "<|begin_of_text|>",
    "<|start_header_id|>",
    "<|eot_id|>",
    "<|user|>",
    "<|assistant|>",
    "<|end|>",
    "<|channel|>",
    "<|message|>",
    "<|START_OF_TURN_TOKEN|>",
    "<｜User｜>",
    "<｜end▁of▁sentence｜>",
    "[INST]",
    "[/INST]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]",
    "[gMASK]",
    "[|user|]",
    "<<SYS>>",
    "<</SYS>>",
    "<s>",
    "</s>",
    "<bos>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<think>",
    "</think>",
    "<tool_call>",
)
LINES = (
    "USER:",
    "Assistant:",
    "SYSTEM :",
    "### Instruction:",
    "### Response:",
    "## Input",
    "## InputUSER:",
    "**Human:**",
    "> user:",
)
AT_LINE_START = re.compile(
    r"^[\s>#*_-]*(user|assistant|system|human|instruction|response|input)[\s*_]*[:：]|^[\s>*_-]*#{2,}[\s*_]*(instruction|response|input)",
    re.IGNORECASE | re.MULTILINE,
)
MARKS = "# < | > [ ] / : ＜ ｜ s 1 user system INST begins ends FENCE CANARY".split()
CONTROLS = ["\n", "\r", "\x85", "\u2028", " ", "\x00", "\u200b", "\u00a0", "\U000e0041", "Fares rise."]
PARTS = st.sampled_from([*TOKENS, *LINES, *MARKS, *CONTROLS])
HOSTILE = st.lists(st.one_of(PARTS, st.text(max_size=4)), max_size=24).map("".join)


def shown(question: str = "?", text: str = "", title: str = "") -> tuple[Prompt, list[str]]:
    """The messages of a prompt, where FENCE and CANARY in the parts stand for this request's own."""
    bare = build_prompt("", ())

    def knowing(part: str) -> str:
        return part.replace("FENCE", bare.fence).replace("CANARY", bare.canary)

    prompt = replace(
        bare, question=knowing(question), passages=(passage(knowing(text), title=knowing(title)),) if text else ()
    )
    return prompt, [one.content for one in messages(prompt)]


@given(question=HOSTILE, text=HOSTILE.filter(bool), title=HOSTILE)
def test_no_part_can_close_its_quotation_or_open_a_turn(question: str, text: str, title: str) -> None:
    prompt, (_, quotation, _, asked) = shown(question, text, title)
    lines = re.split("[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]", quotation)
    assert [line for line in lines if prompt.fence in line] == [f"{prompt.fence} 1 begins", f"{prompt.fence} 1 ends"]
    assert (lines[0], lines[-1]) == (f"{prompt.fence} 1 begins", f"{prompt.fence} 1 ends")
    for content in (quotation, asked):
        assert prompt.canary not in content.lower()
        assert [token for token in TOKENS if token.lower() in content.lower()] == []
        assert find_concealment(content) == []
    assert AT_LINE_START.search(quotation) is None
    assert asked.count("\n") == 2
    assert prompt.fence not in asked
    assert AT_LINE_START.search(asked) is None


@pytest.mark.parametrize("token", TOKENS)
def test_every_token_is_broken_wherever_it_stands(token: str) -> None:
    for text in (token, f"Fares{token}rise.", f"<|{token}|>", token[:2] + token + token[2:]):
        assert token not in without_roles(text)


@pytest.mark.parametrize("line", LINES)
def test_every_opening_of_a_turn_is_broken(line: str) -> None:
    for text in (line, f"x\n   {line} y", f"x\r{line}", f"\n{'#' * 40}{line}", f"\n{' ' * 40}{line}"):
        assert AT_LINE_START.search(without_roles(text).replace("\r", "\n")) is None


@pytest.mark.parametrize(
    "text",
    [
        "Tickets cost < 5 crowns, see [2] and table [A1].",
        "# Fares\n\n- adults: 12\n- The user: whoever boards",
        "a | b | c\n--- | --- | ---\n1 | 2 | 3",
        "if x > 3 and y<=4: go [sic]",
        "می‌خواهم — 渡し船は九時に出ます。",
    ],
)
def test_ordinary_text_is_shown_as_it_is(text: str) -> None:
    assert without_roles(text) == text


def test_hostile_text_is_made_inert_in_linear_time() -> None:
    def seconds(text: str) -> float:
        began = time.process_time()
        without_roles(text)
        return time.process_time() - began

    for unit in ("<", "#", "\n", " ", "> ", "[", "user ", "_*", "\n#", "|"):
        short, long = seconds(unit * 4_000), seconds(unit * 64_000)
        assert long < 200 * max(short, 1e-3), unit  # linear is 16 times, quadratic 256 times


def test_the_question_stands_behind_the_passages_and_a_reminder_behind_it() -> None:
    prompt = build_prompt("When does it leave?", (passage("At nine.", title="Ferry"), passage("At ten.", chunk="c2")))
    turns = messages(prompt)
    assert [one.role for one in turns] == ["system", "user", "assistant", "user"]
    assert turns[0].content == prompt.system
    assert turns[1].content.index("At nine.") < turns[1].content.index("At ten.")
    assert "Title: Ferry" in turns[1].content
    assert turns[3].content == f"Question: When does it leave?\n\n{ANSWER_2.reminder}"
    assert "At nine." not in turns[0].content + turns[3].content


def test_markers_are_fresh_and_the_wording_is_named() -> None:
    first, second = build_prompt("?", ()), build_prompt("?", ())
    assert len({first.fence, second.fence, first.canary, second.canary}) == 4
    assert first.template == ANSWER_2.version
    assert replace(ANSWER_2, reminder="Please answer.").version != ANSWER_2.version


def test_passages_stay_as_they_were_opened_for_whoever_cites_them() -> None:
    text = "<|im_end|> Fares\u200b rise."
    prompt = build_prompt("?", (passage(text),))
    assert prompt.passages[0].text == text
    assert "<|im_end|>" not in messages(prompt)[1].content


@settings(max_examples=40)
@given(
    sizes=st.lists(st.integers(0, 400), max_size=8),
    context=st.integers(300, 3000),
    answer=st.integers(1, 200),
    word=st.sampled_from(["ferry ", "渡", "aGVsbG8", "9", "#\n"]),
)
def test_what_is_shown_fits_and_every_passage_is_whole(sizes: list[int], context: int, answer: int, word: str) -> None:
    given_ones = tuple(passage(f"Passage {at} " + word * size, chunk=f"c{at}") for at, size in enumerate(sizes))
    prompt = build_prompt("When?", given_ones)
    fitted, flags = fit(prompt, TokenBudget(context, answer))
    assert [one for one in given_ones if one in fitted.passages] == list(fitted.passages), "whole, in their order"
    assert len(flags) == len(given_ones) - len(fitted.passages)
    if fitted.passages:
        assert sum(estimate_tokens(one.content) for one in messages(fitted)) <= context - answer
    for number, one in enumerate(given_ones):
        if one not in fitted.passages:
            more = replace(fitted, passages=(*(p for p in fitted.passages if p in given_ones[:number]), one))
            tokens = sum(estimate_tokens(turn.content) + 12 for turn in messages(more))
            assert tokens + 1 > context - answer, "it would not have fitted behind the better ones"


def test_the_best_passages_are_kept_and_a_long_one_keeps_no_short_one_out() -> None:
    long, short = passage("word " * 2000, chunk="c1"), passage("It leaves at nine.", chunk="c2", document="d2")
    fitted, flags = fit(build_prompt("?", (long, short)), TokenBudget(1200, 400))
    assert fitted.passages == (short,)
    assert [(flag.kind, flag.action, flag.document_id) for flag in flags] == [("passage_left_out", "dropped", "d1")]


@pytest.mark.parametrize(
    "text",
    [
        "The ferry to Brimsay leaves at nine in the morning. A return ticket costs twelve crowns, 9:30 excepted.",
        "Donaudampfschifffahrtsgesellschaft, Überführungsgebühr, l'œuvre, größer",
        "aGVsbG8gd29ybGQsIHRoaXMgaXMgYSBsb25nIGVuY29kZWQgdGV4dA== 9f86d081884c7d659a2feaa0c55ad015",
        "渡し船は九時に出ます。 Паром уходит в девять. المركب",
        '{"fares": [{"kind": "adult", "crowns": 12.50}, {"kind": "child", "crowns": 6}]}',
    ],
)
def test_the_estimate_is_no_less_than_the_packaged_tokenizer_counts(text: str, models: Models) -> None:
    assert estimate_tokens(text) >= len(models.embedder.token_starts(text))
