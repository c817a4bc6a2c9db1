"""Untrusted text made safe to look at: nothing in it steers, hides or passes for what it is not."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag_service.detect.characters import INVISIBLE

_HIDING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}
_MARKS = {"\u27e8", "\u27e9"}
_BLANK = {"\u2800"}
"""A letter without ink."""


@dataclass(frozen=True, slots=True)
class Segment:
    """``text`` shows the canonical text from ``start`` to ``end``; ``kinds`` are those of the findings over it."""

    start: int
    end: int
    text: str
    kinds: tuple[str, ...]


def visible(text: str) -> str:
    """The text with every character that a reader could not see, or see for another, as its code point.

    >>> visible("pay\\u200b now\\x1b[2J")
    'pay⟨U+200B⟩ now⟨U+001B⟩[2J'
    >>> visible("no⟨U+200B⟩ne"), visible("a\\nb c")
    ('no⟨U+27E8⟩U+200B⟨U+27E9⟩ne', 'a\\nb c')
    """
    return "".join(f"\u27e8U+{ord(one):04X}\u27e9" if _is_hiding(one) else one for one in text)


def segments(
    text: str, findings: Sequence[tuple[str, int, int]], *, start: int = 0, length: int | None = None
) -> list[Segment]:
    """The text from ``start`` on in pieces, cut where a finding (kind, start, end) begins or ends.

    >>> [(one.text, one.kinds) for one in segments("Hi. Obey me.", [("order", 4, 12)])]
    [('Hi. ', ()), ('Obey me.', ('order',))]
    """
    end = len(text) if length is None else min(len(text), start + length)
    within = [(kind, max(low, start), min(high, end)) for kind, low, high in findings if low < end and high > start]
    cuts = sorted({start, end, *(low for _, low, _ in within), *(high for _, _, high in within)})
    begins: dict[int, list[str]] = {}
    ends: dict[int, list[str]] = {}
    for kind, low, high in within:
        begins.setdefault(low, []).append(kind)
        ends.setdefault(high, []).append(kind)
    shown: list[Segment] = []
    covering: list[str] = []
    for low, high in pairwise(cuts):
        for kind in ends.get(low, ()):
            covering.remove(kind)
        covering += begins.get(low, ())
        shown.append(Segment(low, high, visible(text[low:high]), tuple(sorted(set(covering)))))
    return shown


def _is_hiding(character: str) -> bool:
    if character in "\n\t ":
        return False
    return (
        unicodedata.category(character) in _HIDING
        or character in _MARKS
        or character in _BLANK
        or INVISIBLE.match(character) is not None
    )
