"""What became of one question: the answer as its asker received it, checked against the documents themselves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from eval.answers.tenants import Question
from rag_service.authentication import Caller
from rag_service.domain.answer import Citation, Passage
from rag_service.domain.errors import InvalidRequest, NotFound, QuestionRefused
from rag_service.query.ask import QueryParts, ask, search
from rag_service.query.retrieve import Filters
from rag_service.query.stages import StageClock
from rag_service.store.documents import Documents


@dataclass(frozen=True, slots=True)
class Cited:
    """A citation. ``document`` is the name of the tenant's document it points to, None if the tenant has no such one;
    ``is_exact`` tells whether the quote is that document's text at that place."""

    marker: int
    document: str | None
    quote: str
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A question put to a tenant.

    ``refused`` where the guard would not have it: then nothing was found either. ``decisions`` are those that the
    answer's flags tell of, each once.
    """

    tenant: str
    question: Question
    is_own: bool
    found: bool
    refused: bool
    answer: str
    citations: tuple[Cited, ...]
    groundedness: float
    model: str
    decisions: tuple[str, ...]
    total_ms: float
    stages_ms: Mapping[str, float]


class Desk:
    """One tenant's caller, who asks and looks up what is cited."""

    def __init__(self, name: str, caller: Caller, documents: Documents, names: Mapping[str, str]) -> None:
        self.name = name
        self._caller = caller
        self._documents = documents
        self._names = names
        self._texts: dict[tuple[str, int], str | None] = {}

    async def put(self, question: Question, parts: QueryParts, *, is_own: bool, limit: int) -> Asked:
        """The question was asked as the service's own callers ask."""
        clock = StageClock()
        began = time.perf_counter()
        try:
            answer = await ask(question.text, Filters(), self._caller, parts, limit=limit, clock=clock)
        except (InvalidRequest, QuestionRefused):
            took = 1000 * (time.perf_counter() - began)
            return Asked(
                self.name,
                question,
                is_own,
                False,
                True,
                "",
                (),
                0.0,
                "none",
                ("guard refused",),
                took,
                clock.milliseconds,
            )
        took = 1000 * (time.perf_counter() - began)
        return Asked(
            tenant=self.name,
            question=question,
            is_own=is_own,
            found=answer.found,
            refused=False,
            answer=answer.answer if answer.found else "",
            citations=tuple([await self._looked_up(one) for one in answer.citations]),
            groundedness=answer.groundedness,
            model=answer.route.model,
            decisions=tuple(dict.fromkeys(f"{flag.stage} {flag.kind} {flag.action}" for flag in answer.flags)),
            total_ms=took,
            stages_ms=clock.milliseconds,
        )

    async def passages(self, question: str, parts: QueryParts) -> tuple[Passage, ...]:
        """What ``ask`` would decide on whether to answer this question at all."""
        return (await search(question, Filters(), self._caller, parts, limit=parts.passages)).passages

    async def _looked_up(self, citation: Citation) -> Cited:
        text = await self._text(citation.document_id, citation.version)
        is_exact = text is not None and text[citation.start : citation.end] == citation.quote
        return Cited(citation.marker, self._names.get(citation.document_id), citation.quote, is_exact)

    async def _text(self, document_id: str, version: int) -> str | None:
        place = document_id, version
        if place not in self._texts:
            scope, keys = self._caller.scope, self._caller.tenant.keys
            try:
                self._texts[place] = (await self._documents.text(scope, keys, document_id, version))[1]
            except NotFound:
                self._texts[place] = None
        return self._texts[place]
