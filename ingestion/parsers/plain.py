"""Plain text: paragraphs, list items, and lines that can only be headings."""

from __future__ import annotations

import re

from ingestion.decode import decode_text
from ingestion.parsers.extract import Extract, Outline, tidy
from ingestion.parsers.partition import partition
from rag_service.domain.document import BlockKind, Element

_MAX_HEADING = 80
_TERMINAL = re.compile(r"[.!?,;:…。！？]$")


def parse_plain(content: bytes) -> Extract:
    """The paragraphs of a text file."""
    elements = text_elements(decode_text(content))
    first = elements[0] if elements else None
    title = first.text if first is not None and first.kind is BlockKind.TITLE else None
    return Extract(elements, title=title)


def text_elements(text: str) -> tuple[Element, ...]:
    """Elements of plain text. A short line without an end mark that stands before longer text is a heading."""
    text = tidy(text.removeprefix("\ufeff"))
    if not text:
        return ()
    found = [(tidy(item.text), item.category) for item in partition("text", text=text)]
    found = [(body, category) for body, category in found if body]
    outline = Outline()
    elements: list[Element] = []
    for at, (body, category) in enumerate(found):
        following = found[at + 1][0] if at + 1 < len(found) else ""
        if category == "ListItem":
            kind = BlockKind.LIST_ITEM
        elif _is_heading(body, following):
            kind = BlockKind.TITLE
            outline.enter(1, body)
        else:
            kind = BlockKind.TEXT
        elements.append(Element(body, kind, section=outline.path))
    return tuple(elements)


def _is_heading(text: str, following: str) -> bool:
    return (
        len(text) <= _MAX_HEADING
        and "\n" not in text
        and len(text.split()) <= 12
        and text[0].isupper() | text[0].isdigit()
        and any(character.isalpha() for character in text)
        and not _TERMINAL.search(text)
        and (len(following) > len(text) and (len(following) > _MAX_HEADING or bool(_TERMINAL.search(following))))
    )
