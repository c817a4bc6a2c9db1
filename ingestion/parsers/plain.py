"""Plain text: paragraphs, list items, and lines that can only be headings.

Read by rules of ours: ``unstructured`` parts short wrapped lines into paragraphs of their own, and takes a line that
begins with the word "e" (Italian, Portuguese) for a bullet that was scanned badly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ingestion.decode import decode_text
from ingestion.parsers.extract import Extract, Outline, one_line, tidy
from rag_service.domain.document import BlockKind, Element

_MAX_HEADING = 80
_MAX_WRAP = 120
"""Lines longer than this are not wrapped by hand: each is a paragraph."""

_TERMINAL = re.compile(r"[.!?,;:…。！？]$")
_BULLET = re.compile(r"[•‣◦▪●○■□➢➤✓–—*·+-]\s+(?=\S)")
_NUMBERED = re.compile(r"\(?(?:\d{1,3}|[a-z])[.)]\s+\S")
_BLANK = re.compile(r"\n\s*\n")
_UNDERLINE = re.compile(r"[=\-_*~#]{3,}")


def parse_plain(content: bytes) -> Extract:
    """The paragraphs of a text file."""
    elements = text_elements(decode_text(content))
    first = elements[0] if elements else None
    return Extract(elements, title=first.text if first is not None and first.kind is BlockKind.TITLE else None)


def text_elements(text: str) -> tuple[Element, ...]:
    """Elements of plain text. A short line without an end mark that stands before longer text is a heading."""
    found = list(_paragraphs(tidy(text.removeprefix("\ufeff"))))
    outline = Outline()
    elements: list[Element] = []
    for at, (body, kind) in enumerate(found):
        following = found[at + 1][0] if at + 1 < len(found) else ""
        if kind is BlockKind.TEXT and _is_heading(body, following):
            outline.enter(1, body)
            elements.append(Element(body, BlockKind.TITLE, section=outline.path))
        else:
            elements.append(Element(body, kind, section=outline.path))
    return tuple(elements)


def _paragraphs(text: str) -> Iterator[tuple[str, BlockKind]]:
    """Paragraphs and list items; a line end that only wraps a paragraph becomes a space."""
    width = max(map(len, text.split("\n")))
    for block in _BLANK.split(text):
        body, kind, before = "", BlockKind.TEXT, ""
        for line in (one_line(line) for line in block.split("\n")):
            item = begins_as_item(line)
            if _UNDERLINE.fullmatch(line):
                continue
            if item or width > _MAX_WRAP:
                if body:
                    yield body, kind
                body, kind = without_bullet(line), BlockKind.LIST_ITEM if item else BlockKind.TEXT
            elif body:
                wrapped = len(before) + 1 + len(line.split(" ", 1)[0]) > width * 0.8 or line[:1].islower()
                body += (" " if wrapped else "\n") + line
            else:
                body = line
            before = line
        if body:
            yield body, kind


def begins_as_item(line: str) -> bool:
    """Whether a line begins with a bullet or a number, as items of a list do."""
    return bool(_BULLET.match(line) or _NUMBERED.match(line))


def without_bullet(line: str) -> str:
    """An item without its bullet; a number stays, as it says something."""
    match = _BULLET.match(line)
    return line[match.end() :] if match else line


def _is_heading(text: str, following: str) -> bool:
    if len(text) > _MAX_HEADING or "\n" in text or len(text.split()) > 12 or _TERMINAL.search(text):
        return False
    if not (text[0].isupper() or text[0].isdigit()) or not any(character.isalpha() for character in text):
        return False
    return len(following) > len(text) and (len(following) > _MAX_HEADING or bool(_TERMINAL.search(following)))
