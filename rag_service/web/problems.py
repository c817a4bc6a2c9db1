"""Errors as problem details (RFC 9457). Nothing that a caller sent, and nothing of a document, is repeated in them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from rag_service.domain import errors

_log = structlog.get_logger()

STATUS: tuple[tuple[type[errors.RagError], int, str], ...] = (
    (errors.Unauthenticated, 401, "unauthenticated"),
    (errors.Forbidden, 403, "forbidden"),
    (errors.NotFound, 404, "not-found"),
    (errors.Conflict, 409, "conflict"),
    (errors.TooLarge, 413, "body-too-large"),
    (errors.QueueFull, 429, "queue-full"),
    (errors.TooManyAttempts, 429, "too-many-attempts"),
    (errors.InvalidRequest, 422, "invalid-request"),
    (errors.QuestionRefused, 422, "question-refused"),
    (errors.Unavailable, 503, "unavailable"),
    (errors.EmbeddingMismatch, 503, "unavailable"),
)
_TOLD = (
    errors.Unauthenticated,
    errors.Forbidden,
    errors.NotFound,
    errors.Conflict,
    errors.TooLarge,
    errors.QueueFull,
    errors.TooManyAttempts,
    errors.InvalidRequest,
    errors.QuestionRefused,
)


class Problem(BaseModel):
    """Why a request was refused. ``type`` is stable; ``detail`` is for people."""

    model_config = ConfigDict(extra="forbid")

    type: Annotated[str, Field(pattern=r"^urn:rag-service:problem:[a-z-]+$")]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str


def add_problem_handlers(app: FastAPI, authenticated: Callable[[Request], Awaitable[object]]) -> None:
    """Every error that is foreseen leaves ``app`` as a problem; ``Outermost`` answers for the others.

    ``authenticated`` raises for a request of nobody that is known.
    """

    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return await told(request, "; ".join(_complaint(one) for one in error.errors()))

    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 400:  # so FastAPI says that it cannot read a body: too deep, a number too long
            return await told(request, "body: it cannot be read")
        kind = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http-error")
        return problem_response(error.status_code, kind, "no such route" if error.status_code == 404 else kind)

    async def told(request: Request, what: str) -> JSONResponse:
        """What is wrong with a request is told to whoever is known: JSON is read before any dependency can refuse."""
        if request.url.path.startswith("/v1/"):
            try:
                await authenticated(request)
            except errors.RagError as refusal:
                return await _rag_error(request, refusal)
        return problem_response(422, "invalid-request", what)

    app.exception_handler(errors.RagError)(_rag_error)
    app.exception_handler(RequestValidationError)(invalid)
    app.exception_handler(HTTPException)(http_error)


def problem_response(status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    if status == 401:
        headers = {"WWW-Authenticate": "Bearer"}
    problem = Problem(
        type=f"urn:rag-service:problem:{kind}", title=kind.replace("-", " "), status=status, detail=detail
    )
    return JSONResponse(problem.model_dump(), status, headers, media_type="application/problem+json")


async def _rag_error(_request: Request, error: errors.RagError) -> JSONResponse:
    for known, status, kind in STATUS:
        if isinstance(error, known):
            if isinstance(error, errors.QueueFull | errors.TooManyAttempts):
                return problem_response(status, kind, str(error), {"Retry-After": str(error.retry_after_s)})
            if isinstance(error, _TOLD):
                return problem_response(status, kind, str(error))
            _log.error("request_failed", error=type(error).__name__, detail=str(error))
            return problem_response(status, kind, "the service cannot answer now; its operator sees why in the log")
    return await _defect(_request, error)


def _complaint(error: Any) -> str:
    """Where and what, without the name of a field that we do not know: that is the caller's own text."""
    unknown_field = error["type"] == "extra_forbidden"
    where = ".".join(str(part) for part in (error["loc"][:-1] if unknown_field else error["loc"]))
    return f"{where}: it holds a field that is not known" if unknown_field else f"{where}: {error['msg']}"


async def _defect(_request: Request, error: Exception) -> JSONResponse:
    _log.error("request_failed", error=type(error).__name__)
    return problem_response(500, "internal-error", "the service met a defect")
