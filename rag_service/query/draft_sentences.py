"""The sentences of a draft while it is written: each as soon as nothing written later can move it.

A sentence is settled once the first character of the next one is there: where a line goes on, where a full stop ends
an abbreviation and where a quotation closes is decided by nothing that stands further on (``rag_service.sentences``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag_service.sentences import sentence_spans

_MAY_END = re.compile(r"[.!?…。！？\n\r\u2028\u2029\v\f]")
_GROWTH = 4
"""A draft that does not settle is read again once it has grown by this share: its time stays linear."""


@dataclass(frozen=True, slots=True)
class DraftSentence:
    """A sentence as it was written, and the white space before it: a line end or a space."""

    text: str
    gap: str


class DraftSentences:
    """Takes a draft in by pieces, and gives its sentences in order, the same ones however it was cut.

    >>> draft = DraftSentences(100)
    >>> draft.feed("Dr. Lee left. Sh"), draft.feed("e came")
    (True, True)
    >>> [one.text for one in draft.settled()], [one.text for one in draft.rest()]
    (['Dr. Lee left.'], ['She came'])
    """

    def __init__(self, longest: int) -> None:
        self._room = longest
        self._pending = ""
        self._spans: list[tuple[int, int]] = []
        self._read = 0
        self.is_cut = False

    def feed(self, text: str) -> bool:
        """Takes a piece in. Whether a sentence is settled that was not given yet."""
        self.is_cut = self.is_cut or len(text) > self._room
        text = text[: self._room]
        self._room -= len(text)
        self._pending += text
        unread = len(self._pending) - self._read
        if len(self._spans) < 2 and unread * _GROWTH >= self._read and _MAY_END.search(self._pending):
            self._spans = sentence_spans(self._pending)
            self._read = len(self._pending)
        return len(self._spans) > 1

    def settled(self) -> list[DraftSentence]:
        """The sentences that nothing can move any more and that were not given yet."""
        if self._read < len(self._pending):
            self._spans = sentence_spans(self._pending)
        taken = self._take(self._spans[:-1])
        self._spans, self._read = [], len(self._pending)
        return taken

    def rest(self) -> list[DraftSentence]:
        """All others: nothing more is written. What was cut off in its midst is no sentence."""
        spans = sentence_spans(self._pending)
        taken = self._take(spans[:-1] if self.is_cut else spans)
        self._pending, self._spans = "", []
        return taken

    def _take(self, spans: list[tuple[int, int]]) -> list[DraftSentence]:
        taken, before = [], 0
        for start, end in spans:
            gap = "\n" if "\n" in self._pending[before:start] else " "
            taken.append(DraftSentence(self._pending[start:end], gap))
            before = end
        self._pending = self._pending[before:]
        return taken
