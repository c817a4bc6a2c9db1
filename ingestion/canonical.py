"""Elements become one text in normal form, from which characters that hide something are gone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ingestion.edits import Edit, apply
from rag_service.detect.concealment import find_concealment, hidden_message, hiding_positions
from rag_service.domain.document import Block, Element, Finding

BETWEEN = "\n\n"
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_IDLE_SPACE = re.compile(r"\A\s+|[^\S\n]+(?=\n)|\s+\Z")


@dataclass(frozen=True, slots=True)
class PlainText:
    """``text`` as a reader sees it; ``hiding`` where characters stood that hid text; ``hidden`` what tags spelled."""

    text: str
    hiding: tuple[Finding, ...]
    hidden: str


def normalize(text: str) -> str:
    """NFC, line ends as ``\\n``, no control characters but tabs.

    >>> normalize("e\\u0301\\x00\\r\\nb")
    'é\\nb'
    """
    return unicodedata.normalize("NFC", _CONTROL.sub("", _LINE_END.sub("\n", text)))


def plain_text(text: str) -> PlainText:
    """The text in normal form, stripped, without trailing spaces or hiding characters. Repeating it changes nothing.

    >>> plain_text(" pass\\u200bword  \\n").text
    'password'
    """
    text = normalize(text)
    hiding = find_concealment(text)
    hidden = hidden_message(text)
    while edits := hiding_edits(text) or [Edit(*match.span(), "") for match in _IDLE_SPACE.finditer(text)]:
        text, moved = apply(text, edits)
        hiding = [replace(found, start=moved(found.start), end=moved(found.end)) for found in hiding]
        # Two characters that an invisible one kept apart may compose.
        text = unicodedata.normalize("NFC", text)
    return PlainText(text, tuple(_visible(found, len(text)) for found in hiding if text), hidden)


def hiding_edits(text: str) -> list[Edit]:
    """What removes every hiding character. Removing one may bare the next, so ask again afterwards."""
    return [Edit(at, at + 1, "") for at in hiding_positions(text)]


def joined(elements: Iterable[Element]) -> tuple[PlainText, list[Block]]:
    """The elements that show anything, a blank line between them, and where each of them is."""
    blocks: list[Block] = []
    pieces: list[str] = []
    hiding: list[Finding] = []
    hidden: list[str] = []
    position = 0
    for element in elements:
        piece = plain_text(element.text)
        hidden.append(piece.hidden)
        if not piece.text:
            continue
        blocks.append(Block(position, position + len(piece.text), element.kind, element.page, element.section))
        pieces.append(piece.text)
        hiding += [replace(found, start=found.start + position, end=found.end + position) for found in piece.hiding]
        position += len(piece.text) + len(BETWEEN)
    return PlainText(BETWEEN.join(pieces), tuple(hiding), "\n".join(filter(None, hidden))), blocks


def _visible(found: Finding, length: int) -> Finding:
    """Takes in the characters on either side, for the hiding ones themselves are gone."""
    return replace(found, start=min(max(0, found.start - 1), length - 1), end=min(length, found.end + 1))
