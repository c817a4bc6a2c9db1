"""Filter: of a draft, only sentences that a passage supports, and nothing in them that the passage lacks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from rag_service.detect.pii import PiiDetector
from rag_service.domain.answer import Flag
from rag_service.domain.policy import AnswerPolicy
from rag_service.ports import Prompt
from rag_service.query.support import Support, SupportFinder, without_markers
from rag_service.sentences import sentence_spans

LONGEST = 20_000
"""Characters of a draft that are looked at. An answer is a few hundred; what a hostile model adds costs nothing."""
MOST_SENTENCES = 200


@dataclass(frozen=True, slots=True)
class ReleasedSentence:
    """A sentence that may leave, what supports it, and the white space that stood before it."""

    text: str
    support: Support
    gap: str


class OutputFilter:
    """Takes a draft in as it is written, and releases sentences that nothing written later can change.

    ``flags`` count why others were dropped. ``stop`` says why the rest of the draft is not worth waiting for.
    """

    def __init__(self, prompt: Prompt, policy: AnswerPolicy, *, detector: PiiDetector, finder: SupportFinder) -> None:
        self._prompt = prompt
        self._policy = policy
        self._detector = detector
        self._finder = finder
        self._text = ""
        self._dropped: Counter[str] = Counter()
        self._said: set[str] = set()
        self.stop: str | None = None

    @property
    def flags(self) -> tuple[Flag, ...]:
        return tuple(Flag("filter", kind, "dropped") for kind in sorted(self._dropped))

    def feed(self, text: str) -> bool:
        """Takes the next piece in. Whether sentences are complete, so that ``judge`` is worth its time."""
        self._text += text
        if len(self._text) > LONGEST:
            self.stop = "too_long"
        return False

    def judge(self) -> tuple[ReleasedSentence, ...]:
        """The complete sentences that may be released. Blocking."""
        return ()

    def finish(self) -> tuple[ReleasedSentence, ...]:
        """The rest of them: nothing more is written. Blocking."""
        text, finder = self._text[:LONGEST], self._finder
        spans = [piece for span in sentence_spans(text) for piece in _pieces(text, span, finder)]
        released: list[ReleasedSentence] = []
        end_before = 0
        for start, end in spans[:MOST_SENTENCES]:
            sentence, gap = without_markers(text[start:end]), "\n" if "\n" in text[end_before:start] else " "
            end_before = end
            if not sentence:
                continue
            reason, support = _judge(sentence, self._prompt.canary, finder, self._detector)
            if support is None:
                self._dropped[reason] += 1
            elif sentence not in self._said:
                self._said.add(sentence)
                released.append(ReleasedSentence(sentence, support, gap))
        if len(self._text) > LONGEST or len(spans) > MOST_SENTENCES:
            self._dropped["too_long"] += 1
        return tuple(released)


def _pieces(text: str, span: tuple[int, int], finder: SupportFinder) -> list[tuple[int, int]]:
    """The span, or its lines where each copies a sentence: a quotation in lower case joins the line before it."""
    start, end = span
    lines: list[tuple[int, int]] = []
    for line in text[start:end].splitlines(keepends=True):
        lines.append((start, start + len(line.rstrip())))
        start += len(line)
    return lines if all(finder.is_copy(text[low:high]) for low, high in lines) else [span]


def _judge(sentence: str, canary: str, finder: SupportFinder, detector: PiiDetector) -> tuple[str, Support | None]:
    """Why the sentence must go, or its support."""
    if canary in sentence:
        return "prompt_leak", None
    support = finder.find(sentence)
    if support is None:
        return "unsupported", None
    supporting = support.passage.text[support.start : support.end]
    if not detector.identifier_values(sentence) <= detector.identifier_values(supporting):
        return "unsupported_identifier", None
    return "", support
