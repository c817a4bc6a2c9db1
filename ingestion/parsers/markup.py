"""HTML and Markdown: what a browser shows, in reading order, under its headings."""

from __future__ import annotations

import re
from typing import Any

from ingestion.decode import declared_encoding, decode_text
from ingestion.parsers.concealed_html import take_concealed
from ingestion.parsers.extract import Extract, Outline, one_line, tidy
from ingestion.parsers.partition import partition
from ingestion.parsers.tables import table_text
from rag_service.domain.document import BlockKind, Element

_AS_BLOCK = frozenset({"main", "details", "summary", "figure", "form", "button", "fieldset", "legend", "label"})
"""Tags whose text ``unstructured`` leaves out, or for whose sake it leaves out the rest."""

_FLOW_IN_CELL = frozenset({"table", "h1", "h2", "h3", "h4", "h5", "h6", "form"})
_PARTS = ("thead", "tbody", "tfoot", "tr", "td", "th", "caption")
_PLACE = "\ue000{}\ue001"
_PLACED = re.compile("\ue000(\\d+)\ue001")
_PRIVATE = re.compile("[\ue000\ue001]")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:[ \t]*(.+)$", re.MULTILINE | re.IGNORECASE)


def parse_html(content: bytes) -> Extract:
    """The visible elements of a page, and what it hides."""
    return html_extract(decode_text(content, declared=declared_encoding(content)))


def parse_markdown(content: bytes) -> Extract:
    """The elements of a Markdown file as CommonMark (with tables) renders it; front matter gives its title."""
    from markdown_it import MarkdownIt

    source = tidy(decode_text(content).removeprefix("\ufeff"))
    title: str | None = None
    preface: tuple[Element, ...] = ()
    if front := _FRONT_MATTER.match(source):
        named = _FRONT_TITLE.search(front.group(1))
        title = named.group(1).strip(" \"'") if named else None
        preface = (Element(tidy(front.group(1))),) if front.group(1).strip() else ()
        source = source[front.end() :]
    environment: dict[str, Any] = {}
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(source, environment)
    extract = html_extract(page)
    # "[//]: # (text)" is a link definition that renders as nothing: the usual way to hide a note.
    notes = [str(item.get("title") or "") for item in environment.get("references", {}).values()]
    concealed = (*extract.concealed, *(note for note in notes if note.strip()))
    return Extract((*preface, *extract.elements), concealed, title or extract.title, extract.disguised)


def html_extract(page: str) -> Extract:
    """Elements of HTML text. Tables are read here, the rest by ``unstructured`` from the cleaned tree."""
    from lxml import etree, html

    page = _PRIVATE.sub("", page.removeprefix("\ufeff"))
    if not page.strip():
        return Extract(())
    parser = html.HTMLParser(encoding="utf-8", no_network=True)
    root = html.document_fromstring(page.encode("utf-8", "replace"), parser=parser)
    title = one_line(root.findtext(".//title") or "") or None
    apart = take_concealed(root)
    tables = _take_tables(root)
    _number_items(root)
    for node in root.iter(*_AS_BLOCK):
        node.tag = "div"
    cleaned = etree.tostring(root, encoding="unicode", method="html")
    elements = _elements(partition("html", text=cleaned), tables)
    first = next((element.text for element in elements if element.kind is BlockKind.TITLE), None)
    return Extract(elements, tuple(apart.concealed), title or first, tuple(apart.disguised))


def _elements(found: Any, tables: list[str]) -> tuple[Element, ...]:
    outline = Outline()
    elements: list[Element] = []
    for item in found:
        text = tidy(item.text)
        if not text:
            continue
        if placed := _PLACED.fullmatch(text):
            text, kind = tables[int(placed.group(1))], BlockKind.TABLE
        elif item.category == "Title":
            kind = BlockKind.TITLE
            outline.enter((item.metadata.category_depth or 0) + 1, text)
        else:
            kind = BlockKind.LIST_ITEM if item.category == "ListItem" else BlockKind.TEXT
            text = _PLACED.sub(lambda match: f"\n{tables[int(match.group(1))]}\n", text).strip()
        elements.append(Element(text, kind, section=outline.path))
    return tuple(elements)


def _number_items(root: Any) -> None:
    """The numbers that a browser draws before the items of ordered lists are written into them."""
    for ordered in root.iter("ol"):
        start = ordered.get("start") or "1"
        number = int(start) if start.isdecimal() and len(start) < 9 else 1
        for item in ordered.iterchildren("li"):
            own = item[0] if len(item) and item[0].tag == "p" and not (item.text or "").strip() else item
            own.text = f"{number}. {(own.text or '').lstrip()}"
            number += 1


def _take_tables(root: Any) -> list[str]:
    """Every data table is replaced by a place holder and returned as text; layout tables become blocks."""
    from lxml import html

    texts: list[str] = []
    for table in list(root.iter("table")):
        if _is_layout(table):
            own = [node for node in table.iter(*_PARTS) if next(node.iterancestors("table")) is table]
            for node in (table, *own):
                node.tag = "div"
            continue
        rows = [[_cell_text(cell) for cell in _spread(row)] for row in table.iter("tr")]
        header = next((all(cell.tag == "th" for cell in row) and len(row) > 1 for row in table.iter("tr")), False)
        lines = table_text(rows, has_header=True if header else None)
        caption = one_line(" ".join(text for node in table.iter("caption") for text in node.itertext()))
        place = html.Element("div")
        place.tail = table.tail
        if lines or caption:
            place.text = _PLACE.format(len(texts))
            texts.append("\n".join(part for part in (caption, lines) if part))
        table.getparent().replace(table, place)
    return texts


def _is_layout(table: Any) -> bool:
    """Whether a table arranges a page rather than data: it holds other tables or headings, or has one column."""
    if (table.get("role") or "").lower() in ("presentation", "none"):
        return True
    if any(node is not table for node in table.iter(*_FLOW_IN_CELL)):
        return True
    return all(len(row.findall("td")) + len(row.findall("th")) < 2 for row in table.iter("tr"))


def _spread(row: Any) -> list[Any]:
    """The cells of a row, one that spans columns repeated so that values stay under their headers."""
    cells: list[Any] = []
    for cell in row.iter("td", "th"):
        width = cell.get("colspan") or "1"
        cells += [cell] * (min(int(width), 50) if width.isdecimal() and int(width) else 1)
    return cells


def _cell_text(cell: Any) -> str:
    """The words of a cell, with a space wherever a block or line break parts them."""
    for node in cell.iter("br", "p", "div", "li"):
        node.text, node.tail = f" {node.text or ''}", f" {node.tail or ''}"
    return one_line("".join(cell.itertext()))
