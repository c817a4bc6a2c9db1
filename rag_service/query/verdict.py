"""The verdict on one sentence of a draft: what of it leaves, what supports it, or why it goes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from rag_service.detect.concealment import find_concealment
from rag_service.detect.injection import is_injected
from rag_service.detect.pii import PiiDetector
from rag_service.domain.policy import AnswerPolicy, Unsupported
from rag_service.lexical import STOP_WORDS, terms, words
from rag_service.ports import Prompt
from rag_service.query.active_content import is_active
from rag_service.query.alignment import ordinary_terms, without_light
from rag_service.query.contacts import Identifying
from rag_service.query.content import ContentRules
from rag_service.query.disguises import looks_encoded
from rag_service.query.exact_facts import signs
from rag_service.query.support import Support, SupportFinder
from rag_service.query.windows import Facts


@dataclass(frozen=True, slots=True)
class Verdict:
    """``text`` is what may leave, empty where nothing may; ``kind`` says what was taken out, or why all of it was.

    A sentence without ``supports`` that leaves is marked as unsupported.
    """

    text: str
    supports: tuple[Support, ...] = ()
    kind: str | None = None


class SentenceJudge:
    """Judges sentences of one draft, each for itself: what it says of one depends on no other."""

    def __init__(self, prompt: Prompt, policy: AnswerPolicy, detector: PiiDetector, finder: SupportFinder) -> None:
        self._passages = [passage.text for passage in prompt.passages]
        self._marks = policy.unsupported is Unsupported.MARK
        self._identifying = Identifying(detector)
        self._rules = ContentRules(policy, self._identifying)
        self._finder = finder

    def verdict(self, sentence: str) -> Verdict:
        """Nothing leaves but what a passage supports, the policy allows and no program could run."""
        supports = self._finder.find_parts(sentence)
        if not supports:
            return self._unsupported(sentence)
        if not self._finder.is_copy(sentence):
            added = self._identifying.adds_contact(sentence, " ".join(support.text for support in supports))
            if added:
                return Verdict("", kind=added)
        shown, kind = self._rules.sentence(sentence)
        if not shown:
            return Verdict("", kind=kind)
        quoted: list[Support] = []
        for support in supports:
            span, taken = self._rules.quote(support.text)
            if span is None:
                return Verdict("", kind=taken)
            quoted.append(replace(support, start=support.start + span[0], end=support.start + span[1]))
        return Verdict(shown, tuple(quoted), kind)

    def _unsupported(self, sentence: str) -> Verdict:
        kind = self._why_not(sentence)
        if kind == "unsupported" and self._marks and self._may_be_marked(sentence):
            shown, taken = self._rules.sentence(sentence)
            return Verdict(shown, kind=taken if not shown else "unsupported")
        return Verdict("", kind=kind)

    def _why_not(self, sentence: str) -> str:
        if self._identifying.has_credential(sentence):
            return "credential"
        if is_active(sentence):
            return "active_content"
        if looks_encoded(sentence, self._all_text):
            return "encoded_text"
        return self._identifying.adds_contact(sentence, self._all_text) or "unsupported"

    def _may_be_marked(self, sentence: str) -> bool:
        """Whether it only says in plain words what no passage says: no name, amount or sign is new, nothing hides."""
        said, held = Facts(sentence), self._all_facts
        names = frozenset(terms(sentence)) - ordinary_terms(sentence)
        first = words(sentence)[:1]
        if first and first[0] in STOP_WORDS:
            names -= set(terms(first[0]))
        return (
            bool(terms(sentence))
            and said.exact.amounts <= held.exact.amounts
            and without_light(names) <= held.terms | frozenset(terms(self._all_text))
            and self._finder.are_words(sentence)
            and signs(sentence) <= signs(self._all_text)
            and not find_concealment(sentence)
            and not is_injected(sentence)
        )

    @cached_property
    def _all_text(self) -> str:
        return "\n".join(self._passages)

    @cached_property
    def _all_facts(self) -> Facts:
        return Facts(self._all_text)
