"""XML of any vocabulary: elements that hold elements are sections or records, the others are values or paragraphs."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any

from ingestion.parsers.extract import Extract, one_line
from ingestion.parsers.record_text import Record, Value, label_of, record_extract, spoken
from ingestion.parsers.safe_xml import local_name, read_xml
from rag_service.domain.errors import Refused

_PARAGRAPHS = frozenset("p para simpara paragraph text line l v verse li listitem item note quote blockquote".split())
"""Names that say nothing of what stands in an element but that it is text."""

_TABLES = frozenset({"table", "informaltable", "tgroup", "tbl"})
_CELLS = frozenset({"td", "th", "entry", "cell"})
_SAYING = frozenset("title name label alt summary description value caption heading text".split())
_IDLE = frozenset("id class style lang space href src type ref rel version schemaLocation".split())
_PROSE = re.compile(r"[^\W\d_]{2,}\W+[^\W\d_]{2,}")
_SVG = "{http://www.w3.org/2000/svg}"
_LONG = 2000
_MOST_ATTRIBUTES = 1000
"""Of one element: the library looks for each from the first one on."""


def parse_xml(content: bytes) -> Extract:
    """The readable text of an XML file, in order, under headings from its nesting."""
    from lxml import etree

    from ingestion.parsers.open_document import flat_extract

    root = read_xml(content)
    if local_name(root) == "document" and "opendocument" in str(root.tag):
        return flat_extract(root)
    around = (*root.itersiblings(preceding=True), *root.iter(), *root.itersiblings())
    comments = [one_line(node.text or "") for node in around if node.tag is etree.Comment]
    etree.strip_elements(root, etree.Comment, f"{_SVG}script", f"{_SVG}style", with_tail=False)
    value = _value(root)
    extract = record_extract(value, title=_title(value))
    concealed = (*extract.concealed, *(text for text in comments if any(map(str.isalpha, text))))
    return Extract(extract.elements, concealed, extract.title)


def _title(value: Value) -> str | None:
    """What the root calls itself, or what stands at its head does for it."""
    if not isinstance(value, Record):
        return None
    first = next((held for _, held in value.fields if isinstance(held, Record)), None)
    return label_of(value) or (label_of(first) if first is not None else None)


def _value(node: Any) -> Value:
    """An element as a text, or as a record of what it holds."""
    children = [child for child in node if isinstance(child.tag, str)]
    if not children or _is_running_text(node):
        text = one_line("".join(node.itertext()))
        stated = _attributes(node, is_empty=not text)
        return Record((*stated, ("", text))) if stated and text else Record(stated) if stated else text
    fields: list[tuple[str, Value]] = [*_attributes(node, is_empty=False), *_stray(node.text)]
    for tag, group in groupby(children, key=lambda child: child.tag):
        same = list(group)
        name = spoken(str(tag).rpartition("}")[2])
        if name.casefold() in _TABLES and (tables := [_rows(child) for child in same]) and all(tables):
            fields += [("", rows) for rows in tables]
            continue
        values = [_value(child) for child in same]
        if name.casefold() in _PARAGRAPHS:
            fields += [("", value) for value in values]
        else:
            fields.append((name, values[0] if len(values) == 1 else values))
        for child in same:
            fields += _stray(child.tail)
    return Record(tuple(fields))


def _rows(table: Any) -> list[Value]:
    """The cells of a table as HTML, CALS and their like write them; empty where it is none."""
    rows: list[Value] = []
    for row in table.iter():
        if local_name(row).casefold() in ("tr", "row"):
            cells = [one_line("".join(cell.itertext())) for cell in row if local_name(cell).casefold() in _CELLS]
            rows += [list[Value](cells)] if cells else []
    return rows


def _is_running_text(node: Any) -> bool:
    """Whether elements stand within sentences, so that they are words of one paragraph."""
    own = [node.text or "", *(child.tail or "" for child in node)]
    stray = sum(len(text.strip()) for text in own)
    if not stray:
        return False
    most, total = max(_LONG - 1, stray * 10), 0
    for text in node.itertext():
        total += len(text)
        if total > most:
            return False
    return True


def _stray(text: str | None) -> list[tuple[str, Value]]:
    return [("", one_line(text))] if text and text.strip() else []


def _attributes(node: Any, *, is_empty: bool) -> tuple[tuple[str, Value], ...]:
    """Attributes that say something: prose, or all that an element without text has."""
    if len(node.attrib) > _MOST_ATTRIBUTES:
        raise Refused("malformed", f"An element of the XML has more than {_MOST_ATTRIBUTES} attributes.")
    found = []
    for key, text in node.attrib.items():
        name = str(key).rpartition("}")[2]
        is_said = name in _SAYING or _PROSE.search(text) or (is_empty and name not in _IDLE)
        if is_said and name not in _IDLE and text.strip():
            found.append((spoken(name), one_line(text)))
    return tuple(found)
