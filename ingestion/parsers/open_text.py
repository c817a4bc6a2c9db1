"""The flowing text of an OpenDocument file: headings, paragraphs, lists, tables, notes; and what it does not show."""

from __future__ import annotations

from typing import Any

from ingestion.parsers.extract import Outline, one_line, tidy
from ingestion.parsers.open_styles import OFFICE, TABLE, TEXT, Styles
from ingestion.parsers.open_tables import own_nodes, table_rows
from ingestion.parsers.tables import table_text
from rag_service.domain.document import BlockKind, Element

_HIDDEN = frozenset({f"{TEXT}tracked-changes", f"{OFFICE}annotation", f"{TEXT}hidden-text", f"{TEXT}hidden-paragraph"})
_MOST_SPACES = 100
_DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"


class TextWalk:
    """Elements in reading order; a note follows the paragraph that refers to it.

    Where the text ``is_on_paper``, white letters are a disguise; on slides they are commonly meant to be read.
    """

    def __init__(self, styles: Styles, *, page: int | None, is_on_paper: bool = False) -> None:
        self.elements: list[Element] = []
        self.concealed: list[str] = []
        self.disguised: list[str] = []
        self.is_on_paper = is_on_paper
        self._styles = styles
        self._page = page
        self._outline = Outline()

    @property
    def section(self) -> str | None:
        return self._outline.path

    def heading(self, text: str, level: int) -> None:
        if text:
            self._outline.enter(level, text)
            self._add(text, BlockKind.TITLE)

    def children(self, node: Any, *, in_list: bool = False) -> None:
        for child in node:
            if isinstance(child.tag, str):
                self.node(child, in_list=in_list)

    def node(self, node: Any, *, in_list: bool = False) -> None:
        """What a node shows is an element, or several."""
        if node.tag in _HIDDEN or node.get(f"{TEXT}display") == "none":
            self._conceal("".join(_said(node)))
        elif node.tag == f"{TEXT}soft-page-break":
            self._turn()
        elif node.tag in (f"{TEXT}p", f"{TEXT}h"):
            self._paragraph(node, in_list=in_list)
        elif node.tag == f"{TABLE}table":
            rows, header, unseen = table_rows(node, self._styles)
            self.disguised += unseen
            self._add(table_text(rows, header_rows=header or None), BlockKind.TABLE)
            for table in own_nodes(node, f"{TABLE}table"):
                self.node(table)
        else:
            self.children(node, in_list=in_list or node.tag == f"{TEXT}list-item")

    def _paragraph(self, node: Any, *, in_list: bool) -> None:
        style = node.get(f"{TEXT}style-name")
        if self._styles.breaks_before(style) and self.elements:
            self._turn()
        aside: list[Any] = []
        text = tidy("".join(self._inline(node, aside)))
        if self._styles.is_hidden(style):
            self._conceal(text)
        elif self.is_on_paper and self._styles.is_unseen(style) and not _lies_elsewhere(node):
            _keep(self.disguised, text)
        elif node.tag == f"{TEXT}h" or self._styles.is_title(style):
            level = node.get(f"{TEXT}outline-level") or "1"
            self.heading(one_line(text), int(level) if level.isdecimal() and len(level) < 3 else 1)
        elif text:
            self._add(text, BlockKind.LIST_ITEM if in_list else BlockKind.TEXT)
        for one in aside:
            self.children(one)

    def _inline(self, node: Any, aside: list[Any]) -> list[str]:
        """The text of a paragraph; what stands beside it (notes, frames) is put into ``aside``."""
        texts = [node.text or ""]
        for child in node:
            if isinstance(child.tag, str):
                name = child.tag.rpartition("}")[2]
                if child.tag in _HIDDEN or self._styles.is_hidden(child.get(f"{TEXT}style-name")):
                    self._conceal("".join(_said(child)))
                elif name == "span" and self._hides_span(node, child):
                    _keep(self.disguised, "".join(child.itertext()))
                elif name == "s":
                    count = child.get(f"{TEXT}c") or "1"
                    texts.append(" " * (min(int(count), _MOST_SPACES) if count.isdecimal() and len(count) < 5 else 1))
                elif name == "tab":
                    texts.append("\t")
                elif name == "line-break":
                    texts.append("\n")
                elif name == "soft-page-break":
                    self._turn()
                elif name == "note":
                    aside += [part for part in child if str(part.tag).endswith("}note-body")]
                elif name in ("frame", "custom-shape", "text-box", "object", "g"):
                    aside.append(child)
                elif name == "ruby":
                    texts += ["".join(part.itertext()) for part in child if str(part.tag).endswith("}ruby-base")]
                else:
                    texts += self._inline(child, aside)
            texts.append(child.tail or "")
        return texts

    def _turn(self) -> None:
        if self._page is not None:
            self._page += 1

    def _add(self, text: str, kind: BlockKind) -> None:
        if text:
            self.elements.append(Element(text, kind, self._page, self._outline.path))

    def _hides_span(self, paragraph: Any, span: Any) -> bool:
        """Whether the letters of a span are of the paper's colour or of its paragraph's ground, or specks."""
        ground = self._styles.ground(paragraph.get(f"{TEXT}style-name"))
        if ground is None and (not self.is_on_paper or _lies_elsewhere(paragraph)):
            return False
        return self._styles.is_unseen(span.get(f"{TEXT}style-name"), ground=ground)

    def _conceal(self, text: str) -> None:
        _keep(self.concealed, text)


def _lies_elsewhere(node: Any) -> bool:
    """Whether a frame or drawing lies between the text and the paper."""
    return any(one.tag.startswith(_DRAW) for one in node.iterancestors())


def _keep(into: list[str], text: str) -> None:
    if any(map(str.isalpha, text)):
        into.append(one_line(text))


def _said(node: Any) -> list[str]:
    """The text of a node and, for hidden text, the one that it holds in an attribute."""
    return [node.get(f"{TEXT}string-value") or "", *node.itertext()]
