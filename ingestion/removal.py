"""A text without what a tenant's policy removes: round after round, until nothing more is found."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

from ingestion.canonical import hiding_edits
from ingestion.edits import Edit, apply
from ingestion.mask import masked, masks
from rag_service.detect.actions import KEYED, KeptValues, actions_of
from rag_service.detect.entities import CREDENTIAL, IDENTIFIERS, NEEDS_LANGUAGE
from rag_service.detect.languages import SUPPORTED_LANGUAGES
from rag_service.detect.pii import PiiDetector
from rag_service.detect.pseudonyms import LEAST_KEY_BYTES, marks, stand_in
from rag_service.domain.document import Finding, RemovedValue
from rag_service.domain.errors import Refused
from rag_service.domain.scrubbing import Action, ScrubPolicy

_MOST_PASSES = 24


@dataclass(frozen=True, slots=True)
class KeyedPolicy:
    """What a tenant has removed, and the key of its stand-ins: the same name gives the same one within a tenant and
    another outside it."""

    policy: ScrubPolicy = field(default_factory=ScrubPolicy)
    pseudonym_key: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if KEYED & set(actions_of(self.policy).values()) and len(self.pseudonym_key) < LEAST_KEY_BYTES:
            raise ValueError(f"a policy that leaves stand-ins needs a pseudonym key of {LEAST_KEY_BYTES} bytes or more")

    def unsearched_in(self, language: str) -> frozenset[str]:
        """The kinds that are to go and cannot be found in a text of this language."""
        if language in SUPPORTED_LANGUAGES:
            return frozenset()
        actions = actions_of(self.policy)
        return frozenset(kind for kind in NEEDS_LANGUAGE if actions[kind] is not Action.KEEP)


@dataclass(frozen=True, slots=True)
class Cleared:
    """``text`` as it settled, how positions moved on the way there, and what was taken out to be restored."""

    text: str
    moves: Sequence[Callable[[int], int]]
    values: tuple[RemovedValue, ...] = field(repr=False)


class Removal:
    """Clears the texts of one document, and counts what it takes out: ``removed`` and ``refused`` by kind.

    ``unsearched`` are kinds that are not looked for, as they cannot be found in a text of this language.
    """

    def __init__(
        self,
        order: KeyedPolicy,
        detector: PiiDetector,
        *,
        language: str | None = None,
        unsearched: frozenset[str] = frozenset(),
    ) -> None:
        self.actions = actions_of(order.policy)
        self.removed: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._key = order.pseudonym_key
        self._kept = KeptValues(order.policy.keep)
        self._detector = detector
        self._language = language
        wanted = {kind: action for kind, action in self.actions.items() if action is not Action.KEEP}
        wanted = {kind: action for kind, action in wanted.items() if kind not in unsearched}
        self._refusing = frozenset(kind for kind, action in wanted.items() if action is Action.REFUSE)
        removing = frozenset(wanted) - self._refusing
        # By itself, and first: an address that holds a password would otherwise be masked or sealed with it.
        self._rounds = [kinds for kinds in (removing & {CREDENTIAL}, removing - {CREDENTIAL}) if kinds]

    def clear(self, text: str) -> Cleared:
        """The text without what the policy removes. Repeating it changes nothing.

        Raises:
            Refused: ``scrub_unsettled``, if removing does not come to an end.
        """
        if self._refusing:
            self.refused.update(finding.kind for finding in self._found(text, self._refusing))
        moves: list[Callable[[int], int]] = []
        values: list[RemovedValue] = []
        for _ in range(_MOST_PASSES):
            edits, taken = self._next(text)
            if not edits:
                return Cleared(text, moves, tuple(sorted(values, key=lambda one: one.start)))
            text, moved = apply(text, edits)
            moves.append(moved)
            values = [_moved(one, moved) for one in values]
            values += [replace(one, start=moved(one.end) - len(left), end=moved(one.end)) for one, left in taken]
        raise Refused("scrub_unsettled", "removing personal data from this file did not come to an end")

    def _next(self, text: str) -> tuple[list[Edit], list[tuple[RemovedValue, str]]]:
        """What to change first, and with which stand-in each value is taken out that may be restored."""
        forged = [
            Edit(mark.start, mark.end, f"[{mark.label}]")
            for mark in marks(text, self._key, self.actions)
            if mark.is_forged
        ]
        if forged:
            return forged, []
        for kinds in self._rounds:
            if found := list(self._found(text, kinds)):
                return self._edits(text, found)
        # A joiner that its neighbour justified may be left without one.
        return hiding_edits(text), []

    def _edits(self, text: str, found: Iterable[Finding]) -> tuple[list[Edit], list[tuple[RemovedValue, str]]]:
        edits: list[Edit] = []
        taken: list[tuple[RemovedValue, str]] = []
        for finding in found:
            value, action = text[finding.start : finding.end], self.actions[finding.kind]
            self.removed[finding.kind.upper()] += 1
            if action in KEYED:
                left = stand_in(finding.kind, value, self._key)
            else:
                left = masked(value) if action is Action.MASK else f"[{finding.kind.upper()}]"
            if action is Action.ENCRYPT:
                taken.append((RemovedValue(finding.start, finding.end, value), left))
            edits.append(Edit(finding.start, finding.end, left))
        return edits, taken

    def _found(self, text: str, kinds: frozenset[str]) -> Iterable[Finding]:
        """What of these kinds the text holds beside what scrubbing left in it, and the policy does not keep."""
        findings = self._detector.detect(text, kinds, language=self._language)
        if not findings:
            return
        left = [(mark.start, mark.end) for mark in marks(text, self._key, self.actions) if not mark.is_forged]
        with_masks = left
        if Action.MASK in self.actions.values():
            with_masks = _joined(left, masks(text))
        for finding in findings:
            for piece in _outside(text, finding, with_masks if finding.kind in IDENTIFIERS else left):
                if not self._kept.hold(piece.kind, text[piece.start : piece.end]):
                    yield piece


def _joined(spans: Iterable[tuple[int, int]], others: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Both, in order, none beginning before its predecessor's end."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted([*spans, *others]):
        begin = max(start, joined[-1][1]) if joined else start
        if begin < end:
            joined.append((begin, end))
    return joined


def _outside(text: str, finding: Finding, spans: Sequence[tuple[int, int]]) -> Iterable[Finding]:
    """The finding without the parts that lie in ``spans``."""
    position = finding.start
    for start, end in spans[bisect_right(spans, finding.start, key=itemgetter(1)) :]:
        if start >= finding.end:
            break
        yield from _trimmed(text, finding, position, start)
        position = max(position, end)
    yield from _trimmed(text, finding, position, finding.end)


def _trimmed(text: str, finding: Finding, start: int, end: int) -> Iterable[Finding]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if any(character.isalnum() for character in text[start:end]):
        yield replace(finding, start=start, end=end)


def _moved(value: RemovedValue, moved: Callable[[int], int]) -> RemovedValue:
    return replace(value, start=moved(value.end) - (value.end - value.start), end=moved(value.end))
