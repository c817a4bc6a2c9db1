"""Presentations: a page a slide, under the slide's title, speaker notes last; hidden slides are concealed."""

from __future__ import annotations

import io
from typing import Any

from ingestion.parsers.concealed_slides import take_hidden
from ingestion.parsers.extract import Extract, Outline, one_line, tidy
from ingestion.parsers.partition import partition
from ingestion.parsers.word import MAX_PARAGRAPHS, html_table_text, own_title
from rag_service.domain.document import BlockKind, Element
from rag_service.domain.errors import Refused

_TEXT_BODY = "{http://schemas.openxmlformats.org/presentationml/2006/main}txBody"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"


def parse_pptx(content: bytes) -> Extract:
    """The text of the shown slides in reading order."""
    import pptx

    deck = pptx.Presentation(io.BytesIO(content))
    apart = take_hidden(deck)
    notes: dict[int, str] = {}
    skipped: set[int] = set()
    titles: dict[int, set[str]] = {}
    paragraphs = 0
    for page, slide in enumerate(deck.slides, start=1):
        paragraphs += sum(1 for _ in slide.element.iter(f"{_A}p"))
        if paragraphs > MAX_PARAGRAPHS:
            raise Refused("too_large", f"The presentation has more than {MAX_PARAGRAPHS} paragraphs.")
        if (slide.element.get("show") or "1") in ("0", "false"):
            skipped.add(page)
        elif slide.has_notes_slide and (frame := slide.notes_slide.notes_text_frame) is not None:
            notes[page] = tidy(frame.text)
        _number_paragraphs(slide.element)
        if (shape := slide.shapes.title) is not None and shape.has_text_frame:
            titles[page] = {one_line(paragraph.text) for paragraph in shape.text_frame.paragraphs}
    numbered = io.BytesIO()
    deck.save(numbered)
    numbered.seek(0)
    elements = _with_notes(_shown(numbered, skipped, titles), notes)
    first = next((element.text for element in elements if element.kind is BlockKind.TITLE), None)
    title = own_title(deck.core_properties.title)
    return Extract(tuple(elements), tuple(apart.concealed), title or first, tuple(apart.disguised))


def _shown(deck: io.BytesIO, skipped: set[int], titles: dict[int, set[str]]) -> list[Element]:
    elements: list[Element] = []
    outline, page_before = Outline(), None
    for item in partition("pptx", file=deck, include_page_breaks=False, include_slide_notes=False):
        page = item.metadata.page_number
        if page in skipped:
            continue
        if page != page_before:
            outline, page_before = Outline(), page
        text, kind = tidy(item.text or ""), BlockKind.TEXT
        if item.category == "Table":
            text, kind = html_table_text(item.metadata.text_as_html) or text, BlockKind.TABLE
        elif item.category == "ListItem":
            kind = BlockKind.LIST_ITEM
        elif item.category == "Title" and one_line(text) in titles.get(page, ()):
            kind = BlockKind.TITLE
            outline.enter(1, text)
        if text:
            elements.append(Element(text, kind, page, outline.path))
    return elements


def _with_notes(elements: list[Element], notes: dict[int, str]) -> list[Element]:
    """The notes of each slide follow what the slide shows."""
    by_page: dict[int, list[Element]] = {page: [] for page in sorted({*(item.page or 0 for item in elements), *notes})}
    for element in elements:
        by_page[element.page or 0].append(element)
    ordered: list[Element] = []
    for page, shown in by_page.items():
        ordered += shown
        if notes.get(page):
            ordered.append(Element(f"Notes: {notes[page]}", page=page, section=shown[-1].section if shown else None))
    return ordered


def _number_paragraphs(slide: Any) -> None:
    """The numbers that the program draws before the items of numbered lists are written into them."""
    for body in slide.iter(_TEXT_BODY):
        counters: dict[str, int] = {}
        for paragraph in body.iter(f"{_A}p"):
            level = next((mark.get("lvl") or "0" for mark in paragraph.iter(f"{_A}pPr")), "0")
            numbering = next(paragraph.iter(f"{_A}buAutoNum"), None)
            counters = {known: count for known, count in counters.items() if known <= level}
            first = next(paragraph.iter(f"{_A}t"), None)
            if numbering is None or first is None or not (numbering.get("type") or "").startswith("arabic"):
                counters.pop(level, None)
                continue
            counters[level] = counters[level] + 1 if level in counters else _number(numbering.get("startAt"))
            first.text = f"{counters[level]}. {first.text or ''}"


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 6 else 1
