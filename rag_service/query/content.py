"""What a tenant lets leave, of what its passages do hold: forbidden words, personal data, links.

Applied to the sentence and to the quotation that is cited for it: what is taken out of one is not sent with the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rag_service.detect.concealment import reveal
from rag_service.detect.credentials import find_credentials
from rag_service.detect.forbidden import forbidden_in
from rag_service.detect.policy import CREDENTIAL
from rag_service.domain.policy import AnswerPii, AnswerPolicy, Links
from rag_service.lexical import terms
from rag_service.query.active_content import active_spans, inert, inert_label, is_active, without_controls
from rag_service.query.contacts import Identifying, link_spans
from rag_service.sentences import sentence_spans

_WORD = re.compile(r"[^\W_]+")
_LEADS_AWAY = re.compile(r"://|@|\bwww\.|^mailto:", re.IGNORECASE)
"""What makes an address of something that could be the name of a file as well."""
_LEAST_QUOTED = 3
"""Words of a quotation that still says something."""
_SPOKEN = {"email_address": "e-mail address", "phone_number": "phone number", "credit_card": "card number"}


class ForbiddenTerms:
    """Finds a tenant's forbidden words and phrases, however they are spelled (``forbidden_in``).

    >>> ForbiddenTerms(["Projet Été"]).stand_in("the pro\\u200bjet ete."), ForbiddenTerms(["cat"]).stand_in("category")
    (True, False)
    """

    def __init__(self, terms: Iterable[str]) -> None:
        self._terms = tuple(terms)
        self.longest = max(map(len, self._terms), default=0)

    def stand_in(self, text: str) -> bool:
        return bool(forbidden_in(text, self._terms))


@dataclass(frozen=True, slots=True)
class Taken:
    """A part of a text that may not leave, why, and what stands in its place in an answer."""

    start: int
    end: int
    kind: str
    instead: str


class ContentRules:
    """A tenant's policy, ready to be applied to sentences and quotations."""

    def __init__(self, policy: AnswerPolicy, identifying: Identifying) -> None:
        self._pii, self._links = policy.answer_pii, policy.links
        self._identifying = identifying
        self.forbidden = ForbiddenTerms(policy.forbidden_terms)

    def sentence(self, text: str) -> tuple[str, str | None]:
        """The sentence as it may leave, empty where nothing of it may, and what was done to it."""
        if self._identifying.has_credential(reveal(text)):
            return "", "credential"
        shown, kind = without_controls(text), None
        if shown != text or is_active(shown):
            shown, kind = inert(shown), "active_content"
            if is_active(shown) or not terms(shown) or self._identifying.has_credential(shown):
                return "", kind
        if self.forbidden.stand_in(shown):
            return "", "forbidden_topic"
        for taken in reversed(self._taken(shown)):
            kind = taken.kind
            if kind == "personal_data" and self._pii is AnswerPii.DROP:
                return "", kind
            shown = shown[: taken.start] + taken.instead + shown[taken.end :]
        return shown, kind

    def label(self, text: str) -> str:
        """A title or the name of a file as it may stand beside a quotation, empty where nothing of it may."""
        shown = inert_label(text)
        if self._identifying.has_credential(reveal(shown)) or self.forbidden.stand_in(shown):
            return ""
        for taken in reversed(self._taken(shown)):
            if taken.kind == "personal_data" and self._pii is AnswerPii.DROP:
                return ""
            if taken.kind == "personal_data" or _LEADS_AWAY.search(shown[taken.start : taken.end]):
                shown = shown[: taken.start] + taken.instead + shown[taken.end :]
        return shown

    def quote(self, text: str) -> tuple[tuple[int, int] | None, str | None]:
        """The longest part of a quotation that may leave, if any does, and what was taken out."""
        barred = [(one.start, one.end, one.kind) for one in self._taken(text)]
        barred += [(start, end, "active_content") for start, end in active_spans(text)]
        barred += [(one.start, one.end, "credential") for one in find_credentials(text)]
        if self.forbidden.stand_in(text):
            sentences = [span for span in sentence_spans(text) if self.forbidden.stand_in(text[slice(*span)])]
            barred += [(start, end, "forbidden_topic") for start, end in sentences or [(0, len(text))]]
        if not barred:
            return (0, len(text)), None
        kind = barred[0][2]
        start, end = max(_between(sorted(barred), len(text)), key=lambda span: span[1] - span[0])
        piece = text[start:end]
        left, kept = len(piece) - len(piece.lstrip()), piece.strip()
        if len(_WORD.findall(kept)) < _LEAST_QUOTED or not terms(kept) or self.forbidden.stand_in(kept):
            return None, kind
        return (start + left, start + left + len(kept)), kind

    def _taken(self, text: str) -> list[Taken]:
        taken: list[Taken] = []
        if self._pii is not AnswerPii.ALLOW:
            taken += [
                Taken(found.start, found.end, "personal_data", f"[{_SPOKEN.get(found.kind, 'identifier')}]")
                for found in self._identifying.findings(text)
                if found.kind != CREDENTIAL
            ]
        if self._links is Links.NONE:
            taken += [Taken(start, end, "link", "[link]") for start, end in link_spans(text)]
        apart: list[Taken] = []
        for one in sorted(taken, key=lambda found: (found.start, -found.end)):
            if apart and one.start < apart[-1].end:
                last = apart[-1]
                apart[-1] = Taken(last.start, max(last.end, one.end), last.kind, last.instead)
            else:
                apart.append(one)
        return apart


def _between(barred: Sequence[tuple[int, int, str]], length: int) -> Iterator[tuple[int, int]]:
    at = 0
    for start, end, _ in barred:
        yield at, max(at, start)
        at = max(at, end)
    yield at, max(at, length)
