"""Generate: a draft that nobody trusts, and what may be released of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog

from rag_service.domain.answer import Flag, Usage
from rag_service.domain.errors import ModelUnavailable
from rag_service.ports import Answerer, Piece, Prompt
from rag_service.query.filter import OutputFilter, ReleasedSentence
from rag_service.query.stages import StageClock

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Generated:
    """What may be released of a draft, which model wrote it, and what happened on the way."""

    model: str
    usage: Usage
    sentences: tuple[ReleasedSentence, ...]
    flags: tuple[Flag, ...]


async def generate(
    prompt: Prompt, answerer: Answerer, fallback: Answerer, screen: Callable[[], OutputFilter], clock: StageClock
) -> Generated:
    """What passes the filter of the answerer's draft, or of the ``fallback``'s where that model cannot answer."""
    try:
        return await _written(prompt, answerer, screen(), clock)
    except ModelUnavailable as failure:
        _log.warning("model_unavailable", model=failure.model, detail=failure.detail)
    generated = await _written(prompt, fallback, screen(), clock)
    return replace(generated, flags=(Flag("generate", "model_unavailable", "fell_back"), *generated.flags))


async def _written(prompt: Prompt, answerer: Answerer, output: OutputFilter, clock: StageClock) -> Generated:
    """The draft went through the filter as it was written; a draft that must stop is not waited for."""
    released: list[ReleasedSentence] = []
    usage = Usage()
    async with aclosing(answerer.write(prompt)) as pieces:
        while piece := await _next(pieces, clock):
            usage = piece.usage or usage
            if output.feed(piece.text):
                with clock.stage("filter"):
                    released += await asyncio.to_thread(output.judge)
            if output.stop:
                break
    with clock.stage("filter"):
        released += await asyncio.to_thread(output.finish)
    return Generated(answerer.model, usage, tuple(released), output.flags)


async def _next(pieces: AsyncGenerator[Piece, None], clock: StageClock) -> Piece | None:
    with clock.stage("generate"):
        return await anext(pieces, None)
