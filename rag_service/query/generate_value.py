"""Generate a value in the form that the caller asked for: by the model, or else out of the passages without one.

What becomes of a draft is as in ``generate``. It also fails where it is not one JSON value, or none that the schema
takes once what no passage supports was left out: a flag of the filter tells which.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog

from rag_service.domain.answer import Flag, Usage
from rag_service.domain.errors import ModelUnavailable
from rag_service.domain.policy import AnswerPolicy, FailedDraft
from rag_service.ports import Answerer, Prompt
from rag_service.query.filter import LONGEST
from rag_service.query.stages import StageClock
from rag_service.query.structured import Filled, ValueFilter
from rag_service.query.token_budget import TokenBudget, fit

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class GeneratedValue:
    """What may be released, which model wrote it, and what happened on the way."""

    model: str
    usage: Usage
    filled: Filled | None
    flags: tuple[Flag, ...]


async def generate_value(
    prompt: Prompt,
    answerer: Answerer | None,
    extract: Callable[[], object],
    screen: Callable[[], ValueFilter],
    clock: StageClock,
    *,
    policy: AnswerPolicy,
    budget: TokenBudget,
) -> GeneratedValue:
    """The answerer's value as far as it is supported, or, where there is none, what ``extract`` finds."""
    if answerer is None:
        return await _extracted(extract, screen(), clock)
    output = screen()
    draft, usage, failure, flags = await _draft(prompt, answerer, clock, budget)
    filled: Filled | None = None
    if failure is None:
        with clock.stage("filter"):
            filled = await asyncio.to_thread(output.fill, draft)
        failure = output.stop or (None if filled else "nothing_supported" if draft.strip() else "empty_draft")
    written = GeneratedValue(answerer.model, usage, filled, (*flags, *output.flags))
    if failure is None:
        return written
    _log.warning("draft_failed", model=answerer.model, reason=failure)
    if policy.failed_draft is FailedDraft.REFUSE:
        return replace(written, filled=None, flags=(*written.flags, Flag("generate", failure, "refused")))
    instead = await _extracted(extract, screen(), clock)
    told = dict.fromkeys((*written.flags, Flag("generate", failure, "fell_back"), *instead.flags))
    return replace(instead, usage=usage, flags=tuple(told))


async def _draft(
    prompt: Prompt, answerer: Answerer, clock: StageClock, budget: TokenBudget
) -> tuple[str, Usage, str | None, tuple[Flag, ...]]:
    """The draft, its cost, why there is none, and what was left out of the prompt."""
    fitted, left_out = fit(prompt, budget)
    draft, usage = "", Usage()
    if not fitted.passages:
        return draft, usage, "passage_too_long", left_out
    try:
        with clock.stage("generate"):
            async with aclosing(answerer.write(fitted)) as pieces:
                async for piece in pieces:
                    usage = piece.usage or usage
                    draft += piece.text
                    if len(draft) > LONGEST:
                        break
    except ModelUnavailable as failure:
        _log.warning("model_unavailable", model=failure.model, detail=failure.detail)
        return "", usage, "model_unavailable", left_out
    return draft, usage, None, left_out


async def _extracted(extract: Callable[[], object], output: ValueFilter, clock: StageClock) -> GeneratedValue:
    """Found without a model, and judged as if a model had written it."""
    with clock.stage("generate"):
        found = await asyncio.to_thread(extract)
    with clock.stage("filter"):
        filled = await asyncio.to_thread(output.fill, json.dumps(found))
    return GeneratedValue("extractive", Usage(), filled, output.flags)
