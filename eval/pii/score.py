"""Findings against labels: token by token and span by span."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from eval.measures.found_and_missed import Tally
from eval.pii.labelled import LabelledText, Span

_TOKEN = re.compile(r"\w+")

MATCHING = (
    "A token is a run of letters and digits; punctuation does not count. It bears the kind of the span that holds its "
    "first character. Main figures: a token is right where it was found as the kind that its label maps to, wrong "
    "where it was found as another kind or bears no label, missed where it was not found as its own kind; all kinds "
    "together (micro). Findings of kinds that no label of the file maps to are not judged, but counted (also_found). "
    "A label that maps to no kind counts as no label. any_type: the kind does not matter, and every finding counts. "
    "A label that names no country (PASSPORT) counts findings of any country's. "
    "exact_span: kind, start and end must all agree."
)


@dataclass(slots=True)
class Scores:
    """What was right, wrong and missed: a text, and by kind."""

    tokens: list[Tally] = field(default_factory=list)
    any_type: list[Tally] = field(default_factory=list)
    spans: list[Tally] = field(default_factory=list)
    tokens_by_kind: dict[str, Tally] = field(default_factory=dict)
    spans_by_kind: dict[str, Tally] = field(default_factory=dict)
    labels: Counter[str] = field(default_factory=Counter)
    also_found: Counter[str] = field(default_factory=Counter)
    taken_for: Counter[tuple[str, str]] = field(default_factory=Counter)


def score(texts: Sequence[LabelledText], found: Sequence[Sequence[Span]], kinds: Mapping[str, str | None]) -> Scores:
    """The scores of all texts; ``found`` holds the findings of each."""
    scores = Scores()
    judged = frozenset(kind for kind in kinds.values() if kind)
    for text, findings in zip(texts, found, strict=True):
        scores.labels.update(span.kind for span in text.spans)
        scores.also_found.update(one.kind for one in findings if one.kind not in judged)
        wanted = [Span(kind, s.start, s.end) for s in text.spans if (kind := kinds[s.kind]) is not None]
        _score_tokens(text.text, wanted, findings, judged, scores)
        _score_spans(wanted, [one for one in findings if one.kind in judged], scores)
    return scores


def _score_tokens(
    text: str, wanted: Sequence[Span], findings: Sequence[Span], judged: frozenset[str], scores: Scores
) -> None:
    label_at, kind_at = _by_character(wanted), _by_character(findings)
    total, any_type = Tally(), Tally()
    for token in _TOKEN.finditer(text):
        label, kind = label_at.get(token.start()), kind_at.get(token.start())
        any_type += Tally(int(bool(label and kind)), int(bool(kind and not label)), int(bool(label and not kind)))
        if label != kind:
            scores.taken_for[label or "", kind or ""] += 1
        if kind not in judged:
            kind = None
        if label == kind:
            one = {label: Tally(right=1)} if label else {}
        else:
            one = ({label: Tally(missed=1)} if label else {}) | ({kind: Tally(wrong=1)} if kind else {})
        for name, tally in one.items():
            total += tally
            scores.tokens_by_kind[name] = scores.tokens_by_kind.get(name, Tally()) + tally
    scores.tokens.append(total)
    scores.any_type.append(any_type)


def _score_spans(wanted: Iterable[Span], findings: Iterable[Span], scores: Scores) -> None:
    there, seen = set(wanted), set(findings)
    total = Tally()
    for span in there | seen:
        tally = Tally(int(span in there and span in seen), int(span not in there), int(span not in seen))
        total += tally
        scores.spans_by_kind[span.kind] = scores.spans_by_kind.get(span.kind, Tally()) + tally
    scores.spans.append(total)


def _by_character(spans: Iterable[Span]) -> dict[int, str]:
    return {at: span.kind for span in spans for at in range(span.start, span.end)}
