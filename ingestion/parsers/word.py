"""Word documents: what a reader sees, under its headings; hidden runs, comments and deletions are concealed."""

from __future__ import annotations

import io
import re
from typing import Any

from ingestion.parsers.concealed_word import Apart, Styles, take_hidden, take_hidden_runs
from ingestion.parsers.concealed_word import W as _W
from ingestion.parsers.extract import Extract, Outline, one_line, tidy
from ingestion.parsers.partition import partition
from ingestion.parsers.tables import table_text
from ingestion.parsers.word_tables import take_word_tables
from rag_service.domain.document import BlockKind, Element
from rag_service.domain.errors import Refused

_PLACED = re.compile("\ue000(\\d{1,7})\ue001")
_NAMES = {"w": _W[1:-1]}
_TRANSPARENT = ("ins", "smartTag", "sdt", "moveTo", "customXml")
"""Wrappers that ``python-docx`` does not look into, although Word shows what they hold."""

MAX_PARAGRAPHS, _MAX_RUNS = 50_000, 150_000
"""As many as a book in ten volumes has; each takes the library half a millisecond."""

_GENERIC_TITLES = frozenset({"word document", "microsoft word", "document", "untitled", "powerpoint presentation"})


def parse_docx(content: bytes) -> Extract:
    """The paragraphs, lists, tables, text boxes and footnotes of a Word document."""
    import docx

    document = docx.Document(io.BytesIO(content))
    body = document.element.body
    if sum(1 for _ in body.iter(f"{_W}p")) > MAX_PARAGRAPHS or sum(1 for _ in body.iter(f"{_W}r")) > _MAX_RUNS:
        raise Refused("too_large", f"The document has more than {MAX_PARAGRAPHS} paragraphs, or {_MAX_RUNS} pieces.")
    apart = take_hidden(document)
    apart.concealed += _part_texts(document, "comments", "comment")
    _unwrap(body)
    styles = Styles(document)
    notes = [*_take_text_boxes(body), *_part_texts(document, "footnotes", "footnote", styles, apart)]
    notes += _part_texts(document, "endnotes", "endnote", styles, apart)
    tables = take_word_tables(body)
    cleaned = io.BytesIO()
    document.save(cleaned)
    cleaned.seek(0)
    outline = Outline()
    elements: list[Element] = []
    margins: dict[str, None] = {}
    for item in partition("docx", file=cleaned, include_page_breaks=False):
        text, kind, page = tidy(item.text or ""), BlockKind.TEXT, item.metadata.page_number
        if item.category == "Table":
            text, kind = html_table_text(item.metadata.text_as_html) or text, BlockKind.TABLE
        elif (placed := _PLACED.fullmatch(text)) and int(placed.group(1)) < len(tables):
            text, kind = tables[int(placed.group(1))], BlockKind.TABLE
        elif item.category in ("Header", "Footer"):  # every section of the document has them
            margins[text] = None
            continue
        elif item.category == "ListItem":
            kind = BlockKind.LIST_ITEM
        elif item.category == "Title":
            kind = BlockKind.TITLE
            outline.enter((item.metadata.category_depth or 0) + 1, text)
        if text:
            elements.append(Element(text, kind, page, outline.path))
    elements += [Element(text) for text in (*notes, *margins) if text]
    first = next((element.text for element in elements if element.kind is BlockKind.TITLE), None)
    title = own_title(document.core_properties.title)
    return Extract(tuple(elements), tuple(apart.concealed), title or first, tuple(apart.disguised))


def own_title(stated: str | None) -> str | None:
    """The title that an Office file states of itself, unless it is one that a program put there."""
    title = one_line(stated or "")
    return title if title and title.casefold() not in _GENERIC_TITLES else None


def html_table_text(table: str | None) -> str | None:
    """The lines of a table that ``unstructured`` rendered as HTML, or None where it rendered none."""
    from lxml import html

    if not table:
        return None
    rows: list[list[str]] = []
    for row in html.fragment_fromstring(table).iter("tr"):
        cells: list[str] = []
        for cell in row.iter("td", "th"):
            cells += [" ".join(cell.itertext())] * int(cell.get("colspan") or 1)
        rows.append(cells)
    return table_text(rows) or None


def _unwrap(body: Any) -> None:
    """What content controls, insertions and the like hold stands where they stood."""
    for wrapper in list(body.iter(*(f"{_W}{name}" for name in _TRANSPARENT))):
        parent = wrapper.getparent()
        if parent is None:
            continue
        held = wrapper.find("w:sdtContent", _NAMES) if wrapper.tag == f"{_W}sdt" else wrapper
        at = parent.index(wrapper)
        for offset, child in enumerate(list(held) if held is not None else []):
            parent.insert(at + offset, child)
        parent.remove(wrapper)


def _take_text_boxes(body: Any) -> list[str]:
    """The text of each text box, once: Word writes a box twice, for new and for old readers."""
    texts: dict[str, None] = {}
    for box in list(body.iter(f"{_W}txbxContent")):
        text = "\n".join(filter(None, (_paragraph_text(node) for node in box.iter(f"{_W}p"))))
        if text:
            texts[text] = None
    return list(texts)


def _part_texts(
    document: Any, part_name: str, tag: str, styles: Styles | None = None, apart: Apart | None = None
) -> list[str]:
    """The text of each comment or note in a part beside the document's body; what is hidden there is put ``apart``."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    texts: list[str] = []
    for relation in document.part.rels.values():
        if not relation.is_external and relation.reltype.endswith(f"/{part_name}"):
            root = etree.fromstring(relation.target_part.blob, parser)
            if styles is not None and apart is not None:
                take_hidden_runs(root, styles, apart)
            texts += [_paragraph_text(node) for node in root.iter(f"{_W}{tag}")]
    return [text for text in texts if text]


def _paragraph_text(node: Any) -> str:
    pieces = node.iter(f"{_W}t", f"{_W}tab", f"{_W}br", f"{_W}p")
    return one_line("".join((piece.text or "") if piece.tag == f"{_W}t" else " " for piece in pieces))
