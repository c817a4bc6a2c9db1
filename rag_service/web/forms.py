"""Multipart bodies, read by whoever asked who calls first: nothing of them touches a disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from rag_service.domain.errors import InvalidRequest, TooLarge
from rag_service.web.signed_requests import body_as_signed

_MOST_FIELDS = 200
_MOST_FIELD_BYTES = 4096
_ROOM_FOR_FIELDS = 256 * 1024
_PATIENCE_S = 60.0
_SLOWEST = 2**16
"""Bytes a second: whoever sends more slowly keeps room that others need."""


@dataclass(frozen=True, slots=True)
class UploadForm:
    """An uploaded file with the fields beside it."""

    name: str
    content: bytes
    allow: list[str]
    source: str | None
    title: str | None


class _InMemory(MultiPartParser):
    """Keeps files in memory: a temporary file would hold the original in the clear."""

    spool_max_size = 2**40


def longest_body(max_bytes: int) -> int:
    """How long a body with a file of at most so many bytes may be."""
    return max_bytes + _ROOM_FOR_FIELDS


def announced_length(request: Request) -> int | None:
    """How long the request says that its body is, if it says so."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else None


async def read_upload(request: Request, max_bytes: int, body_bytes: int) -> UploadForm:
    """The form of the request, whose body has at most ``body_bytes`` and the file in it ``max_bytes``.

    Raises ``TooLarge``, or ``InvalidRequest`` for one that is not as documented, or comes too slowly.
    """
    patience_s = _PATIENCE_S + body_bytes / _SLOWEST
    try:
        async with asyncio.timeout(patience_s):
            return await _read(request, max_bytes, body_bytes)
    except TimeoutError:
        raise InvalidRequest(f"the body was not here after {patience_s:.0f} s") from None


async def _read(request: Request, max_bytes: int, body_bytes: int) -> UploadForm:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise InvalidRequest("send the document as multipart/form-data, with the file in the field `file`")
    body = _at_most(body_as_signed(request), body_bytes, max_bytes)
    parser = _InMemory(request.headers, body, max_files=1, max_fields=_MOST_FIELDS, max_part_size=_MOST_FIELD_BYTES)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeError):  # its message may quote what was sent; some charsets raise
        raise InvalidRequest("the body is no multipart form as documented") from None
    try:
        return await _as_documented(form, max_bytes)
    finally:
        await form.close()


async def _as_documented(form: FormData, max_bytes: int) -> UploadForm:
    if unknown := set(form) - {"file", "allow", "source", "title"}:
        raise InvalidRequest(f"the form holds {len(unknown)} fields that are not known: file, allow, source, title are")
    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise InvalidRequest("the field `file` must be a file with a name")
    content = await file.read()
    if len(content) > max_bytes:
        raise TooLarge(max_bytes)
    return UploadForm(
        name=_text("file name", file.filename, 255),
        content=content,
        allow=[_text("allow", entry, 300) for entry in form.getlist("allow")],
        source=_optional("source", form, 1000),
        title=_optional("title", form, 200),
    )


def _optional(name: str, form: FormData, longest: int) -> str | None:
    values = form.getlist(name)
    if len(values) > 1:
        raise InvalidRequest(f"{name} may be given once")
    return _text(name, values[0], longest) if values and values[0] else None


def _text(name: str, value: str | UploadFile, longest: int) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be text")
    if not value.strip() or len(value) > longest or not value.isprintable():
        raise InvalidRequest(f"{name} must be 1 to {longest} printable characters")
    return value


async def _at_most(stream: AsyncIterator[bytes], most: int, told: int) -> AsyncGenerator[bytes, None]:
    """The stream, if it is no longer than ``most``; else the caller is told how long a file may be."""
    size = 0
    async for some in stream:
        size += len(some)
        if size > most:
            raise TooLarge(told)
        yield some
