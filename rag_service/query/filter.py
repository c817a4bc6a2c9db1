"""Filter: of a draft, only sentences that a passage supports, and nothing in them that the passage lacks."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from rag_service.detect.pii import PiiDetector
from rag_service.domain.answer import Flag, Passage
from rag_service.query.generate import Generated
from rag_service.query.support import Support, SupportFinder
from rag_service.sentences import sentence_spans

_OWN_MARKER = re.compile(
    r"(?<![\w\]])\s*\[\d{1,3}(?:\s*,\s*\d{1,3})*\](?!\.?\w)|(?<=\w)\s*\[\d{1,3}\](?=[.!?]?(?:\s|$))"
)
_ACTIVE = re.compile(
    r"!?\[[^\]\n]{0,300}\]\([^)\n]{0,2000}\)|<[a-zA-Z/!][^>\n]{0,2000}>|\bjavascript:|\bdata:[a-z]+/", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class ReleasedSentence:
    """A sentence that may leave, what supports it, and the white space that stood before it."""

    text: str
    support: Support
    gap: str


@dataclass(frozen=True, slots=True)
class Filtered:
    sentences: tuple[ReleasedSentence, ...]
    flags: tuple[Flag, ...]


def filter_draft(generated: Generated, passages: tuple[Passage, ...], detector: PiiDetector) -> Filtered:
    """The sentences of the draft that may be released. Why others were dropped is counted in flags."""
    text = _OWN_MARKER.sub("", generated.draft.text)
    finder = SupportFinder(passages)
    released: list[ReleasedSentence] = []
    dropped: Counter[str] = Counter()
    said: set[str] = set()
    end_before = 0
    for start, end in sentence_spans(text):
        sentence, gap = text[start:end], "\n" if "\n" in text[end_before:start] else " "
        end_before = end
        reason, support = _judge(sentence, generated.prompt.canary, finder, detector)
        if support is None:
            dropped[reason] += 1
        elif sentence not in said:
            said.add(sentence)
            released.append(ReleasedSentence(sentence, support, gap))
    return Filtered(tuple(released), tuple(Flag("filter", kind, "dropped") for kind in sorted(dropped)))


def _judge(sentence: str, canary: str, finder: SupportFinder, detector: PiiDetector) -> tuple[str, Support | None]:
    """Why the sentence must go, or its support."""
    if canary in sentence:
        return "prompt_leak", None
    support = finder.find(sentence)
    if support is None:
        return "unsupported", None
    supporting = support.passage.text[support.start : support.end]
    if any(markup not in supporting for markup in _ACTIVE.findall(sentence)):
        return "active_content", None
    if not detector.identifier_values(sentence) <= detector.identifier_values(supporting):
        return "unsupported_identifier", None
    return "", support
