"""A parsed document becomes canonical text from which what the tenant's policy removes is gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from ingestion.canonical import joined, plain_text
from ingestion.removal import KeyedPolicy, Removal
from rag_service.detect.actions import counted
from rag_service.detect.languages import detected_language
from rag_service.detect.pii import PiiDetector
from rag_service.domain.document import Block, Finding, ParsedDocument, RemovedValue, ScrubbedDocument
from rag_service.domain.errors import Refused
from rag_service.domain.scrubbing import OtherLanguage

_MOST_NAMED = 8
"""Kinds that a refusal names; whoever must know more asks with fewer of them refused."""


def scrub(
    document: ParsedDocument, policy: KeyedPolicy, detector: PiiDetector
) -> tuple[ScrubbedDocument, tuple[RemovedValue, ...]]:
    """Canonical text, title, sections and concealed text hold nothing that the policy removes; beside it, what was
    taken out of the text and may be restored.

    Blocks stay in order and apart: of two that share a removed value, the first keeps its placeholder. What hidden
    characters spelled joins ``concealed``, and where they stood is kept in ``hiding``.

    Raises:
        Refused: ``pii_refused`` for what the policy does not take, ``unsupported_language``, where names cannot be
            found and it takes no such document, ``scrub_unsettled``, if removing does not come to an end.
    """
    title = plain_text(document.title)
    plain, blocks = joined(document.elements)
    language = detected_language(plain.text)
    unsearched = policy.unsearched_in(language)
    if unsearched and policy.policy.language is OtherLanguage.REFUSE:
        raise Refused("unsupported_language", f"names are to be removed, and cannot be found in a text in {language}")
    removal = Removal(policy, detector, language=language, unsearched=unsearched)

    def clean(text: str) -> str:
        return removal.clear(plain_text(text).text).text

    cleared = removal.clear(plain.text)
    sections = {section: clean(section) for section in dict.fromkeys(b.section for b in blocks) if section}
    concealed = tuple(clean(piece) for piece in (*document.concealed, title.hidden, plain.hidden) if piece.strip())
    disguised = tuple(clean(piece) for piece in document.disguised if piece.strip())
    scrubbed = ScrubbedDocument(
        title=clean(title.text.replace("\n", " ")),
        media_type=document.media_type,
        text=cleared.text,
        blocks=tuple(_moved_blocks(blocks, cleared.moves, sections)),
        concealed=concealed,
        removed=dict(sorted(removal.removed.items())),
        hiding=tuple(_moved_findings(plain.hiding, cleared.moves)),
        actions=dict(sorted(counted(removal.removed, removal.actions).items())),
        unsearched=tuple(sorted(unsearched)),
        awaits_reader=bool(unsearched) and policy.policy.language is OtherLanguage.QUARANTINE,
        disguised=disguised,
    )
    refuse_what_is_not_taken(removal.refused)
    return scrubbed, cleared.values


def scrub_text(text: str, policy: KeyedPolicy, detector: PiiDetector) -> tuple[str, Mapping[str, int]]:
    """The text as ``scrub`` leaves it, and how much was removed by entity type: for titles, sources and names.

    Raises as ``scrub`` does.
    """
    removal = Removal(policy, detector)
    scrubbed = removal.clear(plain_text(text).text).text
    refuse_what_is_not_taken(removal.refused)
    return scrubbed, removal.removed


def refuse_what_is_not_taken(refused: Counter[str]) -> None:
    """Raises ``Refused``, which names kinds and how many of each there are, and no value."""
    if refused:
        named = ", ".join(f"{count} {kind}" for kind, count in refused.most_common(_MOST_NAMED))
        more = " and more" if len(refused) > _MOST_NAMED else ""
        raise Refused("pii_refused", f"the file holds what this tenant does not take: {named}{more}")


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
