"""Defences, taken away from outside for as long as an arm lasts: what is left must hold by itself, or shows the attack.

The product has no switch for any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from rag_service.domain.answer import Flag, Passage
from rag_service.query import ask, generate
from rag_service.query.filter import ReleasedSentence
from rag_service.query.support import Support
from rag_service.query.vet import Vetted


@contextmanager
def passages_unvetted() -> Iterator[None]:
    """Every passage that is near enough reaches the model, whatever screening and vetting say of it."""

    def keep_all(*arguments: Any, **named: Any) -> Vetted:
        opened = next(one for one in (*arguments, *named.values()) if hasattr(one, "passages"))
        return Vetted(opened.passages, opened.flags)

    with ExitStack() as doors:
        doors.enter_context(patch.object(ask, "is_usable", lambda _: True))
        doors.enter_context(patch.object(ask, "vet", keep_all))
        yield


@contextmanager
def release_everything() -> Iterator[None]:
    """What the model writes is the answer, as in a service without a filter; each line cites the first passage."""
    with passages_unvetted(), patch.object(generate, "_written", _unfiltered(generate._written)):  # noqa: SLF001  # the fault
        yield


def _unfiltered(written: Callable[..., Any]) -> Callable[..., Any]:
    async def release(prompt: Any, answerer: Any, output: Any, clock: Any) -> Any:  # noqa: ARG001  # the place of the filter
        return await written(prompt, answerer, _Open(prompt.passages[0]), clock)

    return release


class _Open:
    """A filter that lets all pass."""

    stop: str | None = None
    flags: tuple[Flag, ...] = ()

    def __init__(self, passage: Passage) -> None:
        self._support = Support(passage, 0, len(passage.text), 1.0)
        self._text = ""

    def feed(self, text: str) -> bool:
        self._text += text
        return False

    def judge(self) -> tuple[ReleasedSentence, ...]:
        return ()

    def finish(self) -> tuple[ReleasedSentence, ...]:
        return (ReleasedSentence(self._text.strip(), (self._support,), " "),) if self._text.strip() else ()
