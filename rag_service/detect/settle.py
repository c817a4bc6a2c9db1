"""Findings that overlap become findings that do not, and nothing that was found is left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from rag_service.domain.document import Finding

_ADDRESS_PARTS = frozenset({"street_address", "location", "postal_code"})
_CAPITAL = "A-ZÀ-ÖØ-ÞĆČĎĐĘĚĞİŁŃŇŐŘŚŠŞŤŮŰŹŻŽ"
_UNIT = r"(?:\s{0,2},?\s(?:Apt|Suite|Ste|Unit|Floor|Room|Edif|Depto|App)\.?\s?#?[\w-]{1,8})"
_TOWN_WORD = rf"[{_CAPITAL}][\w'’.-]{{1,24}}"
_TOWN_AFTER_CODE = re.compile(rf"(?<=\d[ ]){_TOWN_WORD}(?:[ -](?:{_TOWN_WORD}|am|an|der|de|la|sur|les|di)){{0,3}}")
_CODE_AT_END = re.compile(r"\d.{0,80}[\s,]\d{4,5}$", re.DOTALL)
_WITHIN_ADDRESS = re.compile(
    rf"{_UNIT}{{0,2}}[\s,–-]{{1,5}}"
    rf"(?:[{_CAPITAL}][\w'’.-]{{0,24}}(?:[ -][{_CAPITAL}][\w'’.-]{{0,24}}){{0,2}}[\s,]{{1,5}}){{0,2}}"
)
"""What may stand between the parts of one address: a town that is in no list, the letters of a state."""


def united(found: Iterable[Finding]) -> list[Finding]:
    """In order; of overlapping findings the most certain gives the kind, and together they give the span.

    >>> united([Finding("phone_number", 0, 8, 0.4), Finding("credit_card", 4, 12, 1.0)])
    [Finding(kind='credit_card', start=0, end=12, score=1.0)]
    """
    settled: list[Finding] = []
    for finding in sorted(found, key=lambda f: (f.start, -f.end, -f.score, f.kind)):
        if not settled or finding.start >= settled[-1].end:
            settled.append(finding)
            continue
        last = settled[-1]
        best = finding if (finding.score, finding.end - finding.start) > (last.score, last.end - last.start) else last
        settled[-1] = Finding(best.kind, last.start, max(last.end, finding.end), best.score)
    return settled


def layered(text: str, identifiers: Sequence[Finding], named: Iterable[Finding]) -> list[Finding]:
    """In order and apart: identifiers whole, and of the rest each character to the most certain finding that holds it.

    >>> layered("Ann Lee, 5 Elm St", [], [Finding("person", 0, 10, 0.6), Finding("street_address", 9, 17, 0.9)])
    [Finding(kind='person', start=0, end=7, score=0.6), Finding(kind='street_address', start=9, end=17, score=0.9)]
    """
    kept: dict[int, Finding] = {}
    for finding in identifiers:
        kept.update(dict.fromkeys(range(finding.start, finding.end), finding))
    ranked = sorted(named, key=lambda f: (-f.score, f.start - f.end, f.start, f.kind))
    for finding in ranked:
        for at in range(finding.start, finding.end):
            kept.setdefault(at, finding)
    pieces: list[Finding] = []
    before: tuple[int, Finding] | None = None
    for at in sorted(kept):
        finding = kept[at]
        if before == (at - 1, finding):
            pieces[-1] = Finding(finding.kind, pieces[-1].start, at + 1, finding.score)
        else:
            pieces.append(Finding(finding.kind, at, at + 1, finding.score))
        before = (at, finding)
    return list(_whole_addresses(text, (one for piece in pieces for one in _stripped(text, piece))))


def _stripped(text: str, finding: Finding) -> Iterator[Finding]:
    start, end = finding.start, finding.end
    while start < end and (text[start].isspace() or text[start] in ",;:"):
        start += 1
    while end > start and (text[end - 1].isspace() or text[end - 1] in ",;:"):
        end -= 1
    if any(character.isalnum() for character in text[start:end]):
        yield Finding(finding.kind, start, end, finding.score)


def _whole_addresses(text: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """A street and the town, region and code that directly follow it are one address."""
    last: Finding | None = None
    for finding in findings:
        if (
            last is not None
            and last.kind == "street_address"
            and finding.kind in _ADDRESS_PARTS
            and _WITHIN_ADDRESS.fullmatch(text, last.end, finding.start)
        ):
            last = Finding("street_address", last.start, finding.end, last.score)
            continue
        if last is not None:
            yield _with_town(text, last, finding.start)
        last = finding
    if last is not None:
        yield _with_town(text, last, len(text))


def _with_town(text: str, found: Finding, stop: int) -> Finding:
    """An address that ends with a code goes on with the name of the town, known or not."""
    if found.kind == "street_address" and _CODE_AT_END.search(text[max(found.start, found.end - 100) : found.end]):
        town = _TOWN_AFTER_CODE.match(text, found.end + 1, stop)
        if town:
            return Finding(found.kind, found.start, town.end(), found.score)
    return found
