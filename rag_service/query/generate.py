"""Generate: a draft that nobody trusts, and what may be released of it.

What becomes of a draft, and the flag that tells of it:

| the draft | flag of ``generate`` | what is answered |
| --- | --- | --- |
| something of it may be released | none | that |
| no model answered | ``model_unavailable`` | sentences of the passages |
| no passage fits into the model's context | ``passage_too_long`` | sentences of the passages |
| it gives the prompt away | ``prompt_leak`` | sentences of the passages; nothing of the draft |
| nothing in it is supported, or it is empty | ``nothing_supported``, ``empty_draft`` | sentences of the passages |
| "not found", though a passage is highly relevant | ``model_found_nothing`` | sentences of the passages |
| "not found" | ``model_found_nothing`` | not found |

A passage can talk a model into "not found"; so it is believed only where no passage fits the question well. Where the
tenant's policy says ``refuse``, the answer to a draft that failed is "not found" in place of sentences of the passages.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog

from rag_service.domain.answer import Flag, Relevance, Usage
from rag_service.domain.errors import ModelUnavailable
from rag_service.domain.policy import AnswerPolicy, FailedDraft
from rag_service.ports import Answerer, Piece, Prompt
from rag_service.query.filter import OutputFilter, ReleasedSentence
from rag_service.query.not_found import LONGEST, says_not_found
from rag_service.query.stages import StageClock
from rag_service.query.token_budget import TokenBudget, fit

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Generated:
    """What may be released of a draft, which model wrote it, and what happened on the way."""

    model: str
    usage: Usage
    sentences: tuple[ReleasedSentence, ...]
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """``failure`` says why the draft cannot be the answer, in a word."""

    written: Generated
    failure: str | None


async def generate(
    prompt: Prompt,
    answerer: Answerer,
    fallback: Answerer,
    screen: Callable[[], OutputFilter],
    clock: StageClock,
    *,
    policy: AnswerPolicy,
    budget: TokenBudget,
) -> Generated:
    """What passes the filter of the answerer's draft, or of the ``fallback``'s where that draft failed."""
    if answerer is fallback:
        return (await _written(prompt, fallback, screen(), clock)).written
    outcome = await _by_model(prompt, answerer, screen, clock, budget)
    failure, written = outcome.failure, outcome.written
    if failure is None:
        return written
    if failure == "model_found_nothing" and not any(one.relevance is Relevance.HIGH for one in prompt.passages):
        return replace(written, sentences=(), flags=(*written.flags, Flag("generate", failure, "kept")))
    _log.warning("draft_failed", model=written.model, reason=failure)
    if policy.failed_draft is FailedDraft.REFUSE:
        return replace(written, sentences=(), flags=(*written.flags, Flag("generate", failure, "refused")))
    instead = (await _written(prompt, fallback, screen(), clock)).written
    flags = dict.fromkeys((*written.flags, Flag("generate", failure, "fell_back"), *instead.flags))
    return replace(instead, usage=written.usage, flags=tuple(flags))


async def _by_model(
    prompt: Prompt, answerer: Answerer, screen: Callable[[], OutputFilter], clock: StageClock, budget: TokenBudget
) -> _Outcome:
    """The model's draft, or why there is none."""
    fitted, left_out = fit(prompt, budget)
    nothing = Generated(answerer.model, Usage(), (), left_out)
    if not fitted.passages:
        return _Outcome(nothing, "passage_too_long")
    try:
        outcome = await _written(fitted, answerer, screen(), clock)
    except ModelUnavailable as failure:
        _log.warning("model_unavailable", model=failure.model, detail=failure.detail)
        return _Outcome(nothing, "model_unavailable")
    return replace(outcome, written=replace(outcome.written, flags=(*left_out, *outcome.written.flags)))


async def _written(prompt: Prompt, answerer: Answerer, output: OutputFilter, clock: StageClock) -> _Outcome:
    """The draft went through the filter as it was written; a draft that must stop is not waited for."""
    released: list[ReleasedSentence] = []
    usage, opening = Usage(), ""
    async with aclosing(answerer.write(prompt)) as pieces:
        while piece := await _next(pieces, clock):
            usage = piece.usage or usage
            opening += piece.text[: LONGEST + 1] if len(opening) <= LONGEST else ""
            if output.feed(piece.text):
                with clock.stage("filter"):
                    released += await asyncio.to_thread(output.judge)
            if output.stop:
                break
    with clock.stage("filter"):
        released += await asyncio.to_thread(output.finish)
    written = Generated(answerer.model, usage, tuple(released), output.flags)
    return _Outcome(written, _failure(output.stop, bool(released), opening))


def _failure(stop: str | None, has_sentences: bool, opening: str) -> str | None:
    if stop == "prompt_leak":
        return stop
    if has_sentences:
        return None
    if says_not_found(opening):
        return "model_found_nothing"
    return "nothing_supported" if opening.strip() else "empty_draft"


async def _next(pieces: AsyncGenerator[Piece, None], clock: StageClock) -> Piece | None:
    with clock.stage("generate"):
        return await anext(pieces, None)
