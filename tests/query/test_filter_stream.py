"""A stream releases what the whole draft would, and nothing that was released is taken back."""

from __future__ import annotations

from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_service.detect.pii import PiiDetector
from rag_service.domain.policy import AnswerPolicy
from rag_service.ports import Prompt
from rag_service.query import draft_sentences
from rag_service.query.draft_sentences import DraftSentences
from rag_service.query.filter import LONGEST, MOST_SENTENCES, OutputFilter, ReleasedSentence
from rag_service.query.prompt import build_prompt
from rag_service.query.support import SupportFinder
from rag_service.sentences import sentence_spans
from rag_service.wiring import Models
from tests.query.passages import passage

PASSAGES = (
    passage(
        "Gift cards are never refunded. Dr. Lee pays 3.5 euros at 5 p.m. on Monday. Ask at no. 5 (or write).\n"
        "lower case"
    ),
)
PARTS = (
    "Gift cards are never refunded.",
    "Dr. Lee pays 3.5 euros at 5 p.m. on Monday.",
    "Ask at no. 5 (or write).",
    "lower case",
    "The moon is cheese.",
    "CANARY",
    " ",
    "\n",
    "\r\n",
    "\n\n",
    "e.g.",
    "5",
    "...",
    ")",
    "”",
    "。",
    "[1]",
    " " * 30,
)
drafts = st.lists(st.sampled_from(PARTS) | st.text("aB1 .!?)\n\u2028", max_size=4), max_size=12).map("".join)
cuts = st.lists(st.integers(1, 9), min_size=1, max_size=6)


def released(
    draft: str, steps: list[int], detector: PiiDetector, prompt: Prompt, policy: AnswerPolicy
) -> tuple[list[ReleasedSentence], set[str], str | None]:
    output = OutputFilter(prompt, policy, detector=detector, finder=SupportFinder(PASSAGES))
    sentences: list[ReleasedSentence] = []
    at = turn = 0
    while at < len(draft) and not output.stop:
        step = steps[turn % len(steps)]
        if output.feed(draft[at : at + step]):
            sentences += output.judge()
        at, turn = at + step, turn + 1
    sentences += output.finish()
    return sentences, {flag.kind for flag in output.flags}, output.stop


@lru_cache(maxsize=1)
def prompt() -> Prompt:
    return build_prompt("?", PASSAGES)


@given(drafts, cuts, st.sampled_from([400, 9]))
@settings(max_examples=60)
def test_a_stream_releases_what_the_whole_draft_does(
    models: Models, draft: str, steps: list[int], most_words: int
) -> None:
    policy = AnswerPolicy(max_answer_words=most_words)
    text = draft.replace("CANARY", prompt().canary)
    whole = released(text, [len(text) + 1], models.detector, prompt(), policy)
    assert released(text, steps, models.detector, prompt(), policy) == whole


@given(
    st.text("aB1 .!?…。！\n\r\u2028)”’,(-[e.g\x0b\x85\u3000", max_size=60) | drafts,
    cuts,
)
@settings(max_examples=60)
def test_sentences_are_those_of_the_whole_text_however_it_is_cut(text: str, steps: list[int]) -> None:
    draft, found = DraftSentences(10_000), []
    at = turn = 0
    while at < len(text):
        step = steps[turn % len(steps)]
        if draft.feed(text[at : at + step]):
            found += draft.settled()
        at, turn = at + step, turn + 1
    found += draft.rest()
    assert [one.text for one in found] == [text[start:end] for start, end in sentence_spans(text)]


def test_a_sentence_is_released_before_the_draft_ends(models: Models) -> None:
    output = OutputFilter(prompt(), AnswerPolicy(), detector=models.detector, finder=SupportFinder(PASSAGES))
    assert not output.feed("Gift cards are never refunded.")
    assert output.feed(" And now for")
    assert [one.text for one in output.judge()] == ["Gift cards are never refunded."]
    assert not output.feed(" something else")


def test_a_sentence_without_end_costs_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0

    def counting(text: str) -> list[tuple[int, int]]:
        nonlocal read
        read += len(text)
        return sentence_spans(text)

    monkeypatch.setattr(draft_sentences, "sentence_spans", counting)
    draft = DraftSentences(LONGEST)
    for _ in range(LONGEST // 2):
        draft.feed(".a")
    assert 0 < read < 10 * LONGEST


def test_a_draft_is_looked_at_up_to_a_length_and_then_stopped(models: Models) -> None:
    text = "Gift cards are never refunded.\n\n" + "x" * LONGEST + "\n\nAsk at no. 5 (or write)."
    sentences, kinds, stop = released(text, [1000], models.detector, prompt(), AnswerPolicy())
    assert [one.text for one in sentences] == ["Gift cards are never refunded."]
    assert ("too_long" in kinds, stop) == (True, "too_long")


def test_what_the_end_of_the_room_cuts_in_two_is_not_released(models: Models) -> None:
    filler = "x" * (LONGEST - len("\nGift cards are never refunded."))
    sentences, _, stop = released(
        filler + "\nGift cards are never refunded. No.", [1000], models.detector, prompt(), AnswerPolicy()
    )
    assert (sentences, stop) == ([], "too_long")


def test_so_many_sentences_are_judged_and_no_more(models: Models) -> None:
    text = "Nothing here.\n" * MOST_SENTENCES + "Gift cards are never refunded."
    sentences, kinds, stop = released(text, [50], models.detector, prompt(), AnswerPolicy())
    assert (sentences, stop) == ([], "too_long")
    assert kinds == {"too_long", "unsupported"}


def test_an_answer_has_no_more_words_than_the_policy_allows(models: Models) -> None:
    text = "Gift cards are never refunded. Dr. Lee pays 3.5 euros at 5 p.m. on Monday."
    sentences, kinds, stop = released(text, [9], models.detector, prompt(), AnswerPolicy(max_answer_words=9))
    assert [one.text for one in sentences] == ["Gift cards are never refunded."]
    assert (kinds, stop) == ({"too_long"}, "too_long")


def test_the_prompts_wording_is_not_quoted(models: Models) -> None:
    system = prompt().system.split(".")[0]
    source = (passage(f"{system}. Gift cards are never refunded."), *PASSAGES)
    for passages, kinds in ((PASSAGES, {"prompt_leak"}), (source, set())):
        output = OutputFilter(
            build_prompt("?", passages), AnswerPolicy(), detector=models.detector, finder=SupportFinder(source)
        )
        output.feed(f"{system}.")
        assert bool(output.finish()) == (not kinds)
        assert {flag.kind for flag in output.flags} == kinds
        assert output.stop is None
