"""A question's path, in order.

    authenticate → guard → retrieve → open → vet → route → generate → filter → cite → answer

Authentication happens where the question arrives; all else is here.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from rag_service.authentication import Caller
from rag_service.detect.pii import PiiDetector
from rag_service.domain.answer import Answer, Flag, Passage, Route, StructuredAnswer, Usage
from rag_service.domain.errors import QuestionRefused
from rag_service.domain.policy import AnswerPolicy
from rag_service.ports import Answerer, ChunkIndex, Embedder, Prompt
from rag_service.query.answer_schema import AnswerSchema
from rag_service.query.cite import Cited, cite
from rag_service.query.contacts import Identifying
from rag_service.query.content import ContentRules
from rag_service.query.extract_values import extract_values
from rag_service.query.filter import OutputFilter
from rag_service.query.generate import generate
from rag_service.query.generate_value import generate_value
from rag_service.query.guard import GuardPolicy, guard
from rag_service.query.open_passages import open_passages
from rag_service.query.prompt import build_prompt
from rag_service.query.relevance import is_answerable
from rag_service.query.retrieve import EmbedderOf, Filters, Ranked, retrieve
from rag_service.query.route import Tier, route
from rag_service.query.stages import StageClock
from rag_service.query.structured import ValueFilter
from rag_service.query.support import SupportFinder
from rag_service.query.token_budget import TokenBudget
from rag_service.query.vet import Vetted, is_usable, vet
from rag_service.store.documents import Documents

_log = structlog.get_logger()

NOT_FOUND = "I could not find an answer to this in the documents that you can read."
_LEAST_DEPTH = 100
_LEAST_OPENED = 20


@dataclass(frozen=True, slots=True)
class QueryParts:
    """What the question path needs; ``wiring`` puts it together.

    ``embedder`` is what answers are judged with, whatever a tenant's index was made with; ``embedder_of`` finds that.
    """

    embedder: Embedder
    embedder_of: EmbedderOf
    index: ChunkIndex
    documents: Documents
    detector: PiiDetector
    answerers: Mapping[Tier, Answerer]
    extractive: Answerer
    guard_policy: GuardPolicy
    passages: int
    budget: TokenBudget


@dataclass(frozen=True, slots=True)
class Found:
    """Passages best first, and the decisions taken on the way."""

    passages: tuple[Passage, ...]
    flags: tuple[Flag, ...]


async def ask(
    question: str,
    filters: Filters,
    caller: Caller,
    parts: QueryParts,
    *,
    limit: int,
    schema: AnswerSchema | None = None,
    clock: StageClock | None = None,
) -> Answer:
    """An answer that rests on passages the caller may read, or "not found". ``clock`` is told how long each stage took.

    With a ``schema`` the answer is a value in that form.

    Raises:
        InvalidRequest, QuestionRefused: the guard refused the question.
        Unavailable: the index or SQL did not answer; there is never a partial answer.
    """
    clock = clock or StageClock()
    answer = await _answer(question, filters, caller, parts, limit, schema, clock)
    _log.info(
        "question_answered",
        tenant=caller.scope.tenant,
        answer=answer.answer_id,
        found=answer.found,
        model=answer.route.model,
        decisions=[f"{flag.stage} {flag.kind} {flag.action}" for flag in answer.flags],
        milliseconds={stage: round(took, 1) for stage, took in clock.milliseconds.items()},
    )
    return answer


async def _answer(
    question: str,
    filters: Filters,
    caller: Caller,
    parts: QueryParts,
    limit: int,
    schema: AnswerSchema | None,
    clock: StageClock,
) -> Answer:
    limit = min(limit, parts.passages)
    depth = max(_LEAST_DEPTH, 3 * limit)
    with clock.stage("guard"):
        guarded, noticed = await asyncio.to_thread(guard, question, caller.tenant, parts.guard_policy)
        if schema is not None:  # its names and descriptions reach the model as the question does
            _, more = await asyncio.to_thread(guard, schema.words(), caller.tenant, parts.guard_policy)
            if any(flag.kind == "personal_data" for flag in more):
                raise QuestionRefused("personal_data")  # names that are redacted would name something else
            noticed = tuple(dict.fromkeys(noticed + more))
    with clock.stage("retrieve"):
        ranked = await retrieve(guarded, filters, caller, embedder_of=parts.embedder_of, index=parts.index, depth=depth)
    vetted = await _open_and_vet(guarded.text, ranked, caller, parts.documents, limit, clock)
    with clock.stage("vet"):
        is_found = is_answerable(guarded.text, vetted.passages)
    flags = noticed + vetted.flags
    choice = route(guarded.text, parts.answerers)
    if not is_found:
        return _not_found(flags, Route(choice.tier, "none", "no readable passage is relevant enough"), Usage())
    prompt = build_prompt(guarded.text, vetted.passages, schema.schema if schema else None)
    write = _sentences if schema is None else partial(_value, schema)
    written = await write(prompt, choice.answerer, caller.tenant.policy, parts, clock)
    flags += written.flags
    taken = Route(choice.tier, written.model, choice.reason)
    if not written.cited.citations:
        return _not_found(flags, taken, written.usage)
    return Answer(
        answer_id=secrets.token_hex(8),
        answer=written.cited.text,
        found=True,
        citations=written.cited.citations,
        groundedness=written.cited.groundedness,
        flags=flags,
        route=taken,
        usage=written.usage,
        cached=False,
        trace_id=secrets.token_hex(8),
        structured=written.structured,
    )


@dataclass(frozen=True, slots=True)
class _Written:
    """What may be released, cited; who wrote it, at what cost, and what happened on the way."""

    cited: Cited
    structured: StructuredAnswer | None
    model: str
    usage: Usage
    flags: tuple[Flag, ...]


async def _sentences(
    prompt: Prompt, answerer: Answerer, policy: AnswerPolicy, parts: QueryParts, clock: StageClock
) -> _Written:
    finder = SupportFinder(prompt.passages, parts.embedder)
    screen = partial(OutputFilter, prompt, policy, detector=parts.detector, finder=finder)
    generated = await generate(prompt, answerer, parts.extractive, screen, clock, policy=policy, budget=parts.budget)
    with clock.stage("cite"):
        cited = cite(generated.sentences, ContentRules(policy, Identifying(parts.detector)).label)
    return _Written(cited, None, generated.model, generated.usage, generated.flags)


async def _value(
    schema: AnswerSchema,
    prompt: Prompt,
    answerer: Answerer,
    policy: AnswerPolicy,
    parts: QueryParts,
    clock: StageClock,
) -> _Written:
    finder = SupportFinder(prompt.passages, parts.embedder)
    generated = await generate_value(
        prompt,
        None if answerer is parts.extractive else answerer,
        partial(extract_values, prompt.question, schema.schema, prompt.passages, parts.embedder),
        partial(ValueFilter, prompt, schema, policy, parts.detector, finder),
        clock,
        policy=policy,
        budget=parts.budget,
    )
    filled = generated.filled
    with clock.stage("cite"):
        cited = cite(filled.sentences() if filled else (), ContentRules(policy, Identifying(parts.detector)).label)
    return _Written(cited, filled.structured() if filled else None, generated.model, generated.usage, generated.flags)


async def search(
    question: str, filters: Filters, caller: Caller, parts: QueryParts, *, limit: int, depth: int | None = None
) -> Found:
    """The passages that fit the question best, without a model. Raises as ``ask`` does."""
    guarded, noticed = await asyncio.to_thread(guard, question, caller.tenant, parts.guard_policy)
    ranked = await retrieve(
        guarded,
        filters,
        caller,
        embedder_of=parts.embedder_of,
        index=parts.index,
        depth=depth or max(_LEAST_DEPTH, 3 * limit),
    )
    vetted = await _open_and_vet(guarded.text, ranked, caller, parts.documents, limit, StageClock())
    return Found(vetted.passages, noticed + vetted.flags)


async def _open_and_vet(
    question: str, ranked: Sequence[Ranked], caller: Caller, documents: Documents, limit: int, clock: StageClock
) -> Vetted:
    """At most ``limit`` passages that may be used, best first.

    More are opened than will be used, and all that were found where a flood is among them: however many passages an
    attacker plants, they take no honest one's place.
    """
    for most in (max(_LEAST_OPENED, limit), len(ranked)):
        with clock.stage("open"):
            opened = await open_passages(ranked, caller, documents, limit=most, counts=is_usable)
        with clock.stage("vet"):
            vetted = await asyncio.to_thread(vet, question, opened, limit=limit)
        if not vetted.is_flooded or most >= len(ranked):
            break
    return vetted


def _not_found(flags: tuple[Flag, ...], route_taken: Route, usage: Usage) -> Answer:
    return Answer(
        answer_id=secrets.token_hex(8),
        answer=NOT_FOUND,
        found=False,
        citations=(),
        groundedness=0.0,
        flags=flags,
        route=route_taken,
        usage=usage,
        cached=False,
        trace_id=secrets.token_hex(8),
    )
