"""A parsed document becomes canonical text from which what the tenant's policy removes is gone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ingestion.canonical import hiding_edits, joined, plain_text
from ingestion.edits import Edit, apply
from rag_service.detect.pii import PiiDetector
from rag_service.detect.policy import PiiPolicy
from rag_service.detect.pseudonyms import pseudonym
from rag_service.domain.document import Block, Finding, ParsedDocument, ScrubbedDocument
from rag_service.domain.errors import Refused

_PLACEHOLDER = re.compile(r"\[[A-Z][A-Z_]{1,40}(?:_[0-9a-f]{8})?\]")
_MOST_PASSES = 12


@dataclass(frozen=True, slots=True)
class ScrubPolicy:
    """What a tenant has removed. ``keep`` are literal values that stay, such as its own public contacts.

    ``pseudonym_key`` is the tenant's: the same name gives the same pseudonym within a tenant and another outside it.
    """

    pii: PiiPolicy = PiiPolicy.IDENTIFIERS
    pseudonym_key: bytes = field(default=b"", repr=False)
    keep: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.pii is not PiiPolicy.IDENTIFIERS and len(self.pseudonym_key) < 16:
            raise ValueError("a policy that removes names needs a pseudonym key of at least 16 bytes")


def scrub(document: ParsedDocument, policy: ScrubPolicy, detector: PiiDetector) -> ScrubbedDocument:
    """Canonical text, title, sections and concealed text hold nothing that the policy removes.

    Blocks stay in order and apart: of two that share a removed value, the first keeps its placeholder. What hidden
    characters spelled joins ``concealed``, and where they stood is kept in ``hiding``.

    Raises:
        Refused: ``scrub_unsettled``, if removing does not come to an end.
    """
    removed: Counter[str] = Counter()

    def clean(text: str) -> str:
        scrubbed, counts = scrub_text(text, policy, detector)
        removed.update(counts)
        return scrubbed

    title = plain_text(document.title)
    plain, blocks = joined(document.elements)
    text, moves, counts = _settled(plain.text, policy, detector)
    removed.update(counts)
    sections = {section: clean(section) for section in dict.fromkeys(b.section for b in blocks) if section}
    concealed = tuple(clean(piece) for piece in (*document.concealed, title.hidden, plain.hidden) if piece.strip())
    return ScrubbedDocument(
        title=clean(title.text.replace("\n", " ")),
        media_type=document.media_type,
        text=text,
        blocks=tuple(_moved_blocks(blocks, moves, sections)),
        concealed=concealed,
        removed=dict(sorted(removed.items())),
        hiding=tuple(_moved_findings(plain.hiding, moves)),
        disguised=tuple(clean(piece) for piece in document.disguised if piece.strip()),
    )


def scrub_text(text: str, policy: ScrubPolicy, detector: PiiDetector) -> tuple[str, Mapping[str, int]]:
    """The text as ``scrub`` leaves it, and how much was removed by entity type: for titles, questions and names."""
    scrubbed, _, counts = _settled(plain_text(text).text, policy, detector)
    return scrubbed, counts


def _settled(
    text: str, policy: ScrubPolicy, detector: PiiDetector
) -> tuple[str, list[Callable[[int], int]], Counter[str]]:
    """The text after as many rounds as it takes until nothing more is found."""
    counts: Counter[str] = Counter()
    moves: list[Callable[[int], int]] = []
    for _ in range(_MOST_PASSES):
        edits = []
        for finding in _outside_placeholders(text, detector.detect(text, policy.pii.entities)):
            value = text[finding.start : finding.end]
            if value in policy.keep:
                continue
            kind = finding.kind.upper()
            counts[kind] += 1
            stand_in = pseudonym(value, policy.pseudonym_key) if kind == "PERSON" else f"[{kind}]"
            edits.append(Edit(finding.start, finding.end, stand_in))
        # A joiner that its neighbour justified may be left without one.
        edits = edits or hiding_edits(text)
        if not edits:
            return text, moves, counts
        text, moved = apply(text, edits)
        moves.append(moved)
    raise Refused("scrub_unsettled", "removing personal data from this file did not come to an end")


def _outside_placeholders(text: str, findings: Sequence[Finding]) -> Iterable[Finding]:
    """The findings without the parts that are placeholders already."""
    placeholders = [match.span() for match in _PLACEHOLDER.finditer(text)] if findings else []
    index = 0
    for finding in findings:
        position = finding.start
        while index < len(placeholders) and placeholders[index][1] <= finding.start:
            index += 1
        for start, end in (*placeholders[index : index + 64], (finding.end, finding.end)):
            yield from _trimmed(text, finding, position, min(start, finding.end))
            position = max(position, end)
            if position >= finding.end:
                break


def _trimmed(text: str, finding: Finding, start: int, end: int) -> Iterable[Finding]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if any(character.isalnum() for character in text[start:end]):
        yield replace(finding, start=start, end=end)


def _moved(at: int, moves: Iterable[Callable[[int], int]]) -> int:
    for move in moves:
        at = move(at)
    return at


def _moved_blocks(
    blocks: Iterable[Block], moves: Sequence[Callable[[int], int]], sections: Mapping[str, str]
) -> Iterable[Block]:
    for block in blocks:
        start, end = _moved(block.start, moves), _moved(block.end, moves)
        if end > start:
            section = sections.get(block.section, block.section) if block.section else None
            yield replace(block, start=start, end=end, section=section)


def _moved_findings(findings: Iterable[Finding], moves: Sequence[Callable[[int], int]]) -> Iterable[Finding]:
    for finding in findings:
        start, end = _moved(finding.start, moves), _moved(finding.end, moves)
        if end > start:
            yield replace(finding, start=start, end=end)
        elif end:
            yield replace(finding, start=end - 1, end=end)
