"""Questions: answered, or only searched for."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from rag_service.domain.answer import Answer, Passage
from rag_service.query import ask as path
from rag_service.query.answer_schema import AnswerSchema
from rag_service.query.retrieve import Filters
from rag_service.web.authenticate import CurrentService, QueryCaller

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["questions"])

_QUESTION: JsonDict = {"question": "How many days may I work from abroad?", "limit": 5}


def _encodable(text: str) -> str:
    """The text. JSON can spell half of a surrogate pair, which no encoding can write."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("it holds half of a surrogate pair")
    return text


Text = Annotated[str, AfterValidator(_encodable)]


class FilterBody(BaseModel):
    """Narrows to these documents and sources; it can never widen what the key may read."""

    model_config = ConfigDict(extra="forbid")

    document_ids: Annotated[list[Text] | None, Field(max_length=1000)] = None
    sources: Annotated[list[Text] | None, Field(max_length=1000)] = None


class QuestionBody(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_QUESTION]})

    question: Annotated[Text, Field(min_length=1, max_length=100_000)]
    limit: Annotated[int, Field(ge=1, le=100, description="Most passages to return or to answer from.")] = 10
    filters: FilterBody | None = None

    def narrowing(self) -> Filters:
        return Filters(self.filters.document_ids, self.filters.sources) if self.filters else Filters()


class AskBody(QuestionBody):
    """A question that is to be answered, in a form of the caller's own where one is given."""

    answer_schema: Annotated[
        dict[str, Any] | None,
        Field(
            description="A JSON Schema (Draft 2020-12) of an object. The answer is then a value in that form, under "
            "`structured`, each text, number, choice and truth value in it cited; what no passage holds is left out."
        ),
    ] = None

    def form(self) -> AnswerSchema | None:
        return AnswerSchema.parse(self.answer_schema) if self.answer_schema is not None else None


class SearchResult(BaseModel):
    """A passage: ``text`` is exactly the document's text at ``[start:end]``."""

    rank: int
    document_id: str
    version: int
    title: str
    source: str
    page: int | None
    start: int
    end: int
    text: str
    relevance: str

    @classmethod
    def of(cls, rank: int, passage: Passage) -> SearchResult:
        return cls(
            rank=rank,
            document_id=passage.document_id,
            version=passage.version,
            title=passage.title,
            source=passage.source,
            page=passage.page,
            start=passage.start,
            end=passage.end,
            text=passage.text,
            relevance=passage.relevance.value,
        )


class SearchResults(BaseModel):
    results: list[SearchResult]


@router.post("/query")
async def query(body: AskBody, caller: QueryCaller, service: CurrentService) -> Answer:
    """Answer a question. Every sentence is cited; where nothing readable answers, `found` is false."""
    return await path.ask(
        body.question, body.narrowing(), caller, service.query_parts, limit=body.limit, schema=body.form()
    )


@router.post("/search")
async def search(body: QuestionBody, caller: QueryCaller, service: CurrentService) -> SearchResults:
    """Find passages, best first, without a model. The text of `results[].text` is quoted exactly."""
    found = await path.search(body.question, body.narrowing(), caller, service.query_parts, limit=body.limit)
    return SearchResults(results=[SearchResult.of(rank, one) for rank, one in enumerate(found.passages, start=1)])
