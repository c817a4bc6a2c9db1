"""Server-sent events of a streamed chat completion, as pieces of text: bounded, and trusted in nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

from rag_service.domain.answer import Usage
from rag_service.ports import Piece

MOST_BYTES = 1024 * 1024
"""Of one line, and of an answer that comes in one part."""
_MOST_TOKENS_TOLD = 10**9


class BadReply(Exception):
    """The server said something that cannot be used; the message is a word for what, and quotes nothing of it."""


@dataclass
class Progress:
    """How far a stream came: whether the model ended by itself, and whether it said anything of the right form."""

    has_ended: bool = False
    is_completion: bool = False


async def event_lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The data of each event. Raises ``BadReply`` where a line does not end."""
    held = b""
    async for chunk in chunks:
        *lines, held = (held + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()
        if len(held) > MOST_BYTES:
            raise BadReply("endless_line")
    if held.startswith(b"data:"):
        yield held[5:].strip()


def piece_of(data: bytes, progress: Progress) -> Piece | None:
    """What one event adds to the draft, if anything. Raises ``BadReply``."""
    if data == b"[DONE]":
        progress.has_ended = True
        return None
    event = parsed(data)
    choice = _choice(event)
    if choice is not None:
        progress.is_completion = True
        progress.has_ended = progress.has_ended or bool(choice.get("finish_reason"))
    delta = choice.get("delta") if choice else None
    text = delta.get("content") if isinstance(delta, dict) else None
    usage = usage_of(event)
    if not isinstance(text, str):
        text = ""
    return Piece(text, usage) if text or usage else None


def whole(body: bytes) -> Piece:
    """The draft that came in one part. Raises ``BadReply``."""
    event = parsed(body)
    choice = _choice(event)
    message = choice.get("message") if choice else None
    text = message.get("content") if isinstance(message, dict) else None
    if not isinstance(text, str):
        raise BadReply("no_text")
    return Piece(text, usage_of(event) or Usage())


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object that this is. Raises ``BadReply``, also where it is the report of an error."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise BadReply("no_json") from None
    if not isinstance(found, dict):
        raise BadReply("no_object")
    if found.get("error"):
        raise BadReply("server_error")
    return found


def usage_of(event: dict[str, Any]) -> Usage | None:
    """The counts that the server reports, where they can be counts."""
    usage = event.get("usage")
    if not isinstance(usage, dict):
        return None
    read, written = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    return Usage(read, written) if read is not None and written is not None else None


def _count(value: object) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS_TOLD
    return value if is_count and isinstance(value, int) else None


def _choice(event: dict[str, Any]) -> dict[str, Any] | None:
    choices = event.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else None
