"""Ids in requests. One with U+0000 in it, which PostgreSQL cannot be asked for, is as absent as any unknown one."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import AfterValidator

from rag_service.domain.errors import NotFound

_NUL = "\0"


def _of_document(text: str) -> str:
    if _NUL in text:
        raise NotFound("document")
    return text


def _of_job(text: str) -> str:
    if _NUL in text:
        raise NotFound("job")
    return text


def _of_page(text: str | None) -> str | None:
    if text is not None and _NUL in text:
        raise ValueError("it is the `next` of no page")
    return text


DocumentId = Annotated[str, Path(description="Id of the document.", max_length=64), AfterValidator(_of_document)]
JobId = Annotated[str, Path(description="Id of the job.", max_length=64), AfterValidator(_of_job)]
After = Annotated[
    str | None, Query(max_length=64, description="The `next` of the page before."), AfterValidator(_of_page)
]
