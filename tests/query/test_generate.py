"""What is answered where a model's draft may not be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any

import pytest

from rag_service.domain.answer import Flag, Passage, Relevance, Usage
from rag_service.domain.errors import ModelUnavailable
from rag_service.domain.policy import AnswerPolicy, FailedDraft
from rag_service.ports import Piece, Prompt
from rag_service.query.filter import OutputFilter
from rag_service.query.generate import Generated, generate
from rag_service.query.prompt import build_prompt
from rag_service.query.stages import StageClock
from rag_service.query.support import SupportFinder
from rag_service.query.token_budget import TokenBudget
from rag_service.wiring import Models
from tests.query.passages import passage

Run = Callable[[Any], Any]
REFUNDS, CARDS = "Refunds are paid within five working days.", "Gift cards are never refunded."
HIGH = (passage(REFUNDS, chunk="c1"), passage(CARDS, chunk="c2", document="d2"))
MEDIUM = tuple(passage(one.text, chunk=one.chunk_id, relevance=Relevance.MEDIUM) for one in HIGH)
FELL_BACK, REFUSED = "fell_back", "refused"


class Scripted:
    """Writes what it is told, a piece a text; CANARY stands for the request's own. An error is raised in its place."""

    def __init__(self, model: str, *parts: str | Exception) -> None:
        self.model = model
        self._parts = parts
        self.written: list[str] = []
        self.shown: tuple[Passage, ...] = ()
        self.was_closed = False

    async def write(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        self.shown = prompt.passages
        try:
            for part in self._parts:
                if isinstance(part, Exception):
                    raise part
                self.written.append(part)
                yield Piece(part.replace("CANARY", prompt.canary), Usage(9, len(self.written)))
        finally:
            self.was_closed = True

    async def close(self) -> None:
        """Nothing is held open."""


@pytest.fixture
def generated(run: Run, models: Models) -> Callable[..., Generated]:
    def act(
        model: Scripted,
        passages: tuple[Passage, ...] = HIGH,
        policy: AnswerPolicy = AnswerPolicy(),  # noqa: B008  # frozen
        budget: TokenBudget = TokenBudget(),  # noqa: B008  # frozen
        fallback: Scripted | None = None,
    ) -> Generated:
        prompt = build_prompt("When are refunds paid?", passages)
        screen = partial(OutputFilter, prompt, policy, detector=models.detector, finder=SupportFinder(passages))
        fallback = fallback or Scripted("extractive", REFUNDS + "\n")
        result: Generated = run(generate(prompt, model, fallback, screen, StageClock(), policy=policy, budget=budget))
        return result

    return act


def told(result: Generated) -> list[tuple[str, str]]:
    return [(flag.kind, flag.action) for flag in result.flags if flag.stage == "generate"]


def texts(result: Generated) -> list[str]:
    return [one.text for one in result.sentences]


def test_what_a_model_wrote_from_the_passages_is_the_answer(generated: Callable[..., Generated]) -> None:
    result = generated(Scripted("m", CARDS[:9], CARDS[9:]))
    assert (result.model, texts(result), told(result)) == ("m", [CARDS], [])
    assert result.usage == Usage(9, 2)


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ((ModelUnavailable("m", "silent"),), "model_unavailable"),
        ((CARDS, ModelUnavailable("m", "ended_early")), "model_unavailable"),
        (("The chairman resigned in anger.",), "nothing_supported"),
        (("I am free! Visit us.", " <b>"), "nothing_supported"),
        (("Not found, but see https://evil.example.",), "nothing_supported"),
        ((), "empty_draft"),
        ((" \n",), "empty_draft"),
        (("not found",), "model_found_nothing"),
        (("The passages do not ", "say."), "model_found_nothing"),
        ((CARDS + " My secret word is CANARY.\n\n",), "prompt_leak"),
    ],
)
def test_a_draft_that_failed_is_replaced_and_the_reason_told(
    parts: tuple[str | Exception, ...], kind: str, generated: Callable[..., Generated]
) -> None:
    result = generated(Scripted("m", *parts))
    assert (result.model, texts(result)) == ("extractive", [REFUNDS])
    assert (kind, FELL_BACK) in told(result)


@pytest.mark.parametrize(
    "parts", [("The chairman resigned.",), ("not found",), ("CANARY.\n\n",), (ModelUnavailable("m", "silent"),)]
)
def test_by_policy_nothing_replaces_it(parts: tuple[str | Exception, ...], generated: Callable[..., Generated]) -> None:
    result = generated(Scripted("m", *parts), policy=AnswerPolicy(failed_draft=FailedDraft.REFUSE))
    assert (result.model, texts(result)) == ("m", [])
    assert [action for _, action in told(result)] == [REFUSED]


def test_not_found_is_believed_where_no_passage_fits_well(generated: Callable[..., Generated]) -> None:
    result = generated(Scripted("m", "Not found."), passages=MEDIUM)
    assert (texts(result), told(result)) == ([], [("model_found_nothing", "kept")])


def test_not_found_after_an_answer_is_only_a_sentence_that_goes(generated: Callable[..., Generated]) -> None:
    result = generated(Scripted("m", CARDS, " Not found."), passages=MEDIUM)
    assert (texts(result), told(result)) == ([CARDS], [])


def test_a_model_that_gives_the_prompt_away_is_stopped(generated: Callable[..., Generated]) -> None:
    model = Scripted("m", CARDS + "\n\n", "CANARY.\n\nAnd more of it follows here.\n\n", *[CARDS + "\n\n"] * 50)
    result = generated(model)
    assert len(model.written) < 10
    assert model.was_closed
    assert texts(result) == [REFUNDS], "nothing of its draft, not even what was true"
    assert Flag("filter", "prompt_leak", "dropped") in result.flags


def test_the_tokens_of_a_draft_that_failed_are_counted(generated: Callable[..., Generated]) -> None:
    assert generated(Scripted("m", "The chairman", " resigned.")).usage == Usage(9, 2)


def test_a_model_is_shown_what_fits_and_its_replacement_everything(generated: Callable[..., Generated]) -> None:
    long = (passage("word " * 4000, chunk="c0", document="d0"), *HIGH)
    model, fallback = Scripted("m", "The chairman resigned."), Scripted("extractive", REFUNDS)
    result = generated(model, passages=long, fallback=fallback, budget=TokenBudget(1500, 400))
    assert (model.shown, fallback.shown) == (HIGH, long)
    assert ("passage_left_out", "dropped") in told(result)


def test_a_model_that_no_passage_fits_into_is_not_asked(generated: Callable[..., Generated]) -> None:
    model = Scripted("m", CARDS)
    result = generated(model, budget=TokenBudget(420, 400))
    assert (model.written, texts(result)) == ([], [REFUNDS])
    assert told(result)[-1] == ("passage_too_long", FELL_BACK)


def test_a_model_is_closed_when_the_question_is_given_up(run: Run, models: Models) -> None:
    class Waiting(Scripted):
        async def write(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
            self.shown = prompt.passages
            try:
                yield Piece("Gift")
                await asyncio.Event().wait()
            finally:
                self.was_closed = True

    async def scenario() -> None:
        prompt, model = build_prompt("?", HIGH), Waiting("m")
        screen = partial(OutputFilter, prompt, AnswerPolicy(), detector=models.detector, finder=SupportFinder(HIGH))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await generate(
                    prompt, model, Scripted("x"), screen, StageClock(), policy=AnswerPolicy(), budget=TokenBudget()
                )
        assert model.was_closed

    run(scenario())
