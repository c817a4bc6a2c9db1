"""What crosses the owner's socket, as JSON: closed types only, in both directions."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from rag_service.domain import errors
from rag_service.domain.answer import Answer
from rag_service.domain.retrieval import SealedPoint

T = TypeVar("T")

MOST_POINTS = 500
"""How many points one request reads."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and as whom it is asked."""

    question: str
    tenant: str
    user: str
    groups: tuple[str, ...]
    limit: int
    schema: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class OfTenant:
    """A tenant's live epoch, or the one that stands beside it."""

    tenant: str
    beside: bool = False


@dataclass(frozen=True, slots=True)
class PointsOfTenant:
    tenant: str
    point_ids: tuple[str, ...]
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Probe:
    """A question to both epochs of a tenant, and as whom it is asked."""

    question: str
    tenant: str
    user: str
    groups: tuple[str, ...]
    limit: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """What one epoch finds, best first: chunks, and the document and source of each."""

    chunks: tuple[str, ...]
    documents: tuple[str, ...]
    sources: tuple[str, ...]


QUESTION = TypeAdapter(Question)
OF_TENANT = TypeAdapter(OfTenant)
POINTS_OF_TENANT = TypeAdapter(PointsOfTenant)
ANSWER = TypeAdapter(Answer)
PROBE = TypeAdapter(Probe)
RANKINGS: TypeAdapter[tuple[Ranking, Ranking]] = TypeAdapter(tuple[Ranking, Ranking])
NAME = TypeAdapter(str)
NAMES: TypeAdapter[list[str]] = TypeAdapter(list[str])

_ERRORS: Mapping[str, type[errors.RagError]] = {
    kind.__name__: kind
    for kind in (
        errors.InvalidRequest,
        errors.QuestionRefused,
        errors.NotFound,
        errors.SealBroken,
        errors.SignatureInvalid,
        errors.ModelUnverified,
        errors.InvalidSetting,
        errors.EmbeddingMismatch,
        errors.DatabaseUnavailable,
        errors.IndexUnavailable,
        errors.ModelUnavailable,
    )
}
"""The errors that an operator's request may end with; all their fields are text."""


def encoded(content: object) -> bytes:
    """A frozen dataclass, or plain values; a set as a sorted list. Raises UnicodeEncodeError for what is no text."""
    plain = asdict(content) if is_dataclass(content) and not isinstance(content, type) else content
    if isinstance(content, tuple):
        plain = [asdict(one) for one in content]
    return json.dumps(plain, ensure_ascii=False, default=sorted).encode()


def encoded_error(error: errors.RagError) -> bytes | None:
    """The error by its name and fields; ``None`` for one that does not cross."""
    if type(error) not in _ERRORS.values():
        return None
    return encoded({"error": {"type": type(error).__name__, "fields": vars(error)}})


def decoded_error(body: bytes) -> errors.RagError | None:
    """The error as it was raised on the other side; ``None`` where the body holds none that may cross."""
    try:
        match json.loads(body):
            case {"error": {"type": str(name), "fields": {**told}}} if name in _ERRORS:
                kind = _ERRORS[name]
            case _:
                return None
    except ValueError:
        return None
    known = getattr(kind, "__dataclass_fields__", {})
    if told.keys() != known.keys() or not all(isinstance(value, str) for value in told.values()):
        return None
    return kind(*(told[name] for name in known))


def encoded_points(points: Iterable[SealedPoint]) -> bytes:
    """Points with their vectors and weights to the last bit."""
    rows = [
        [
            one.point_id,
            base64.b64encode(np.asarray(one.vector, "<f4").tobytes()).decode(),
            [int(term) for term in one.term_ids],
            [float(weight) for weight in one.term_weights],
            list(one.access),
            one.document,
            one.source,
        ]
        for one in points
    ]
    return encoded(rows)


_POINTS = TypeAdapter(list[tuple[str, str, list[int], list[float], list[str], str, str]])


def decoded_points(body: bytes) -> dict[str, SealedPoint]:
    """The points by id. Raises ValueError."""
    return {
        point_id: SealedPoint(
            point_id=point_id,
            vector=np.frombuffer(base64.b64decode(vector), "<f4"),
            term_ids=terms,
            term_weights=weights,
            access=access,
            document=document,
            source=source,
        )
        for point_id, vector, terms, weights, access, document, source in _POINTS.validate_json(body)
    }


def asked(kind: TypeAdapter[T], body: bytes) -> T:
    """The request that the body holds. Raises ``InvalidRequest``."""
    try:
        return kind.validate_json(body)
    except ValidationError:
        raise errors.InvalidRequest("this is not what an operator asks") from None
