"""Filter: of a draft, only sentences that a passage supports, and nothing in them that the passage lacks.

    watch for leaks → find the support → compare contacts → apply the policy → release

A sliding window over the draft: each sentence is judged once, as soon as it is settled, by itself and by what was
written before it. So what was released never changes with what comes later, and a stream releases what a whole does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag_service.detect.pii import PiiDetector
from rag_service.domain.answer import Flag
from rag_service.domain.policy import AnswerPolicy
from rag_service.lexical import words
from rag_service.ports import Prompt
from rag_service.query.content import ForbiddenTerms
from rag_service.query.draft_sentences import DraftSentence, DraftSentences
from rag_service.query.leaks import MarkerWatch, WordingWatch
from rag_service.query.support import Support, SupportFinder, without_markers
from rag_service.query.verdict import SentenceJudge, Verdict

LONGEST = 20_000
"""Characters of a draft that are looked at. An answer is a few hundred; what a hostile model adds costs nothing."""
MOST_SENTENCES = 200


@dataclass(frozen=True, slots=True)
class ReleasedSentence:
    """A sentence that may leave, what supports it, and the white space that stood before it.

    Without ``supports`` it is one that no passage says, which the tenant wants to see marked.
    """

    text: str
    supports: tuple[Support, ...]
    gap: str

    @property
    def score(self) -> float:
        """How surely it is supported: as surely as its least supported part."""
        return min((support.score for support in self.supports), default=0.0)


class OutputFilter:
    """Takes a draft in as it is written, and releases sentences that nothing written later can change.

    ``flags`` tell what was taken out and why. ``stop`` says why the rest of the draft is not worth waiting for:
    ``prompt_leak`` or ``too_long``.
    """

    def __init__(self, prompt: Prompt, policy: AnswerPolicy, *, detector: PiiDetector, finder: SupportFinder) -> None:
        self._draft = DraftSentences(LONGEST)
        self._judge = SentenceJudge(prompt, policy, detector, finder)
        self._finder = finder
        self._markers = MarkerWatch(prompt)
        self._wording = WordingWatch(prompt, [passage.text for passage in prompt.passages])
        self._words_left = policy.max_answer_words
        self._sentences_left = MOST_SENTENCES
        self._forbidden = ForbiddenTerms(policy.forbidden_terms)
        self._end_of_said = ""
        self._said: set[str] = set()
        self._flags: set[tuple[str, str]] = set()
        self._has_ended = False
        self.stop: str | None = None

    @property
    def flags(self) -> tuple[Flag, ...]:
        return tuple(Flag("filter", kind, action) for kind, action in sorted(self._flags))

    def feed(self, text: str) -> bool:
        """Takes the next piece in. Whether sentences are complete, so that ``judge`` is worth its time."""
        is_settled = self._draft.feed(text)
        if self._draft.is_cut:
            self._end("too_long")
            self._has_ended = False  # what stands before the cut is judged yet
        return is_settled

    def judge(self) -> tuple[ReleasedSentence, ...]:
        """The complete sentences that may be released. Blocking."""
        return self._release(self._draft.settled())

    def finish(self) -> tuple[ReleasedSentence, ...]:
        """The rest of them: nothing more is written. Blocking."""
        return self._release(self._draft.rest())

    def _release(self, sentences: Sequence[DraftSentence]) -> tuple[ReleasedSentence, ...]:
        released: list[ReleasedSentence] = []
        for sentence in (piece for one in sentences for piece in _pieces(one, self._finder)):
            if self._has_ended:
                break
            if self._markers.leaks(sentence.text):
                self._end("prompt_leak")
            elif self._sentences_left == 0:
                self._end("too_long")
            elif plain := without_markers(sentence.text):
                self._sentences_left -= 1
                released += self._judged(plain, sentence.gap)
        return tuple(released)

    def _judged(self, plain: str, gap: str) -> list[ReleasedSentence]:
        quotes_prompt = self._wording.quotes(plain)
        verdict = Verdict("", kind="prompt_leak") if quotes_prompt else self._judge.verdict(plain)
        if not verdict.text:
            self._flags.add((verdict.kind or "unsupported", "dropped"))
            return []
        if verdict.text in self._said:
            return []
        if self._forbidden.longest and self._forbidden.stand_in(f"{self._end_of_said} {verdict.text}"):
            self._flags.add(("forbidden_topic", "dropped"))  # one half stands at the end of what was said
            return []
        if (length := len(words(verdict.text))) > self._words_left:
            self._end("too_long")
            return []
        self._words_left -= length
        self._said.add(verdict.text)
        # A term may be spaced, a character for a word.
        self._end_of_said = f"{self._end_of_said} {verdict.text}"[-2 * self._forbidden.longest - 1 :]
        if verdict.kind:
            self._flags.add((verdict.kind, "redacted" if verdict.supports else "marked"))
        return [ReleasedSentence(verdict.text, verdict.supports, gap)]

    def _end(self, why: str) -> None:
        self.stop = why if self.stop != "prompt_leak" else self.stop
        self._has_ended = True
        self._flags.add((why, "dropped"))


def _pieces(sentence: DraftSentence, finder: SupportFinder) -> list[DraftSentence]:
    """The sentence, or its lines where each copies a sentence: a quotation in lower case joins the line before it."""
    lines = [line.strip() for line in sentence.text.splitlines()]
    if len(lines) == 1 or not all(finder.is_copy(line) for line in lines):
        return [sentence]
    return [DraftSentence(line, sentence.gap if at == 0 else "\n") for at, line in enumerate(lines)]
