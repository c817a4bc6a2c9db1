"""HTML and Markdown: what a browser shows, in reading order, under its headings."""

from __future__ import annotations

import re
from typing import Any

from ingestion.decode import declared_encoding, decode_text
from ingestion.parsers.concealed_html import take_concealed
from ingestion.parsers.extract import Extract, Outline, one_line, tidy
from ingestion.parsers.page_tables import take_tables
from ingestion.parsers.partition import partition
from ingestion.parsers.plain import text_elements
from rag_service.domain.document import BlockKind, Element
from rag_service.domain.errors import Refused

_AS_BLOCK = frozenset({"main", "details", "summary", "figure", "form", "button", "fieldset", "legend", "label"})
"""Tags whose text ``unstructured`` leaves out, or for whose sake it leaves out the rest."""

_CELL = frozenset({"td", "th", "tr"})
_PLACED = re.compile("\ue000(\\d+)\ue001")
_PRIVATE = re.compile("[\ue000\ue001]")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:[ \t]*(.+)$", re.MULTILINE | re.IGNORECASE)
_MARKS = "[]*_~`<!"
_DENSE = 5
"""One letter in so many is markup: no text that a person wrote, and the library takes twenty seconds a megabyte."""

_SMALL = 50_000
_LINES, _CELLS, _NODES = 20_000, 50_000, 20_000
"""Of any text. A longer one may have more: a line for each 40 letters, a cell for each 10, an element for each 40."""
_OPENED = re.compile(
    r"""<[A-Za-z][^\s/>]*+(?:[\s/]++(?:[^\s/>="']++|["'])(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"']++))?+)*+"""
)
_ATTRIBUTE = re.compile(r"""[\s/]++[^\s/>="']++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"']++))?+""")
_MOST_ATTRIBUTES = 1000
"""Of one element: the library compares each with all before it."""


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
    if _is_no_prose(source):
        return Extract((*preface, *text_elements(source)), title=title)
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
    _refuse_crowded_tags(page)
    parser = html.HTMLParser(encoding="utf-8", no_network=True)
    root = html.document_fromstring(page.encode("utf-8", "replace"), parser=parser)
    if sum(1 for node in root.iter() if node.tag not in _CELL) > _NODES + len(page) // 40:
        raise Refused("too_large", "The page has more elements than a page of its length needs.")
    title = one_line(root.findtext(".//title") or "") or None
    apart = take_concealed(root)
    tables = take_tables(root)
    _number_items(root)
    for node in root.iter(*_AS_BLOCK):
        node.tag = "div"
    cleaned = etree.tostring(root, encoding="unicode", method="html")
    elements = _elements(partition("html", text=cleaned), tables)
    first = next((element.text for element in elements if element.kind is BlockKind.TITLE), None)
    return Extract(elements, tuple(apart.concealed), title or first, tuple(apart.disguised))


def _is_no_prose(source: str) -> bool:
    """Whether a text is made of marks, or of more lines or cells than a person writes: to be read as it stands."""
    size = len(source)
    if size > _SMALL and sum(map(source.count, _MARKS)) * _DENSE > size:
        return True
    rows = [bars for line in source.split("\n") if (bars := line.count("|"))]
    if len(rows) * max(rows, default=0) > _CELLS + size // 10:
        return True
    return sum(1 for line in source.split("\n") if line.strip()) > _LINES + size // 40


def _refuse_crowded_tags(page: str) -> None:
    """No element has attributes beyond number. Raises ``Refused``."""
    for tag in _OPENED.finditer(page):
        long = tag.end() - tag.start() > 2 * _MOST_ATTRIBUTES
        if long and sum(1 for _ in _ATTRIBUTE.finditer(tag.group())) > _MOST_ATTRIBUTES:
            raise Refused("malformed", f"An element of the page has more than {_MOST_ATTRIBUTES} attributes.")


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
