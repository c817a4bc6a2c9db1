"""Removes from an HTML tree what a reader of the page does not see, and tells what it was."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from ingestion.parsers.css import Colour, Declarations, Sheet, colour, pixels, with_variables
from ingestion.parsers.css_away import is_away
from ingestion.parsers.extract import one_line

_UNSEEN_TAGS = frozenset({"noscript", "template", "noframes", "noembed", "del", "s", "strike"})
_IGNORED_TAGS = frozenset({"script", "style", "head", "title", "link"})
_TOLD = ("alt", "title", "aria-label", "aria-description", "placeholder", "summary", "srcdoc")
"""Attributes whose text a browser shows on hovering, reads out, or shows in place of something."""
_TOLD_OF_PAGE = re.compile(
    r"\A(?:description|keywords|author|subject|abstract|summary|(?:og|twitter|dc|dcterms)[:.].{1,40})\Z", re.IGNORECASE
)
_TINY = 2.0
_SAME = 16
"""Steps of 255 by which two colours differ at most if no reader can tell them apart."""
_FAINT = 0.04
_MOST_VARIABLES, _LONGEST_VALUE = 1000, 100
"""Of a page's own; the largest frameworks have some hundred, and colours and lengths are short."""
_WHITE: Colour = (255, 255, 255, 1.0)


@dataclass
class Apart:
    """What the page keeps from its reader, and what it shows so that nobody sees it, in document order."""

    concealed: list[str] = field(default_factory=list)
    disguised: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Look:
    """How letters are drawn at a place: what elements take over from those around them.

    ``ground`` is ``None`` where it is a picture or is not known.
    """

    size: float = 16.0
    ink: Colour | None = (0, 0, 0, 1.0)
    ground: Colour | None = _WHITE
    is_visible: bool = True
    variables: Declarations = field(default_factory=dict)

    @property
    def is_disguise(self) -> bool:
        if self.size <= _TINY or (self.ink is not None and self.ink[3] <= _FAINT):
            return True
        if self.ink is None or self.ground is None:
            return False
        return all(abs(one - other) <= _SAME for one, other in zip(self.ink[:3], self.ground[:3], strict=True))


def take_concealed(root: Any) -> Apart:
    """What a reader of the page does not see: removed from the tree under ``root``.

    Knows comments, attributes, hidden inputs, and styles: inline ones, and rules that hold without condition. Where a
    page takes its colours from elsewhere, letters of the ground's colour may be seen: they are no disguise.
    """
    from lxml import etree

    sheet, apart = Sheet(root), Apart()
    of_colour = apart.concealed if _has_sheet_elsewhere(root) else apart.disguised
    stack: list[tuple[Any, _Look]] = [(root, _Look())]
    while stack:
        node, outer = stack.pop()
        if not isinstance(node.tag, str):
            if "Comment" in type(node).__name__:
                _keep(apart.concealed, node.text or "")
            continue
        if node.tag == "meta":
            if _TOLD_OF_PAGE.match(node.get("name") or node.get("property") or ""):
                _keep(apart.concealed, node.get("content") or "")
            continue
        if node.tag in _IGNORED_TAGS and node.tag != "head":
            continue
        style = sheet.of(node)
        outer = _with_names(outer, style)
        style = with_variables(style, outer.variables)
        if node.tag in _UNSEEN_TAGS or is_away(node, style):
            _keep(apart.concealed, _text(node))
            _drop(node)
            continue
        for name in _TOLD:
            if told := node.attrib.pop(name, None):
                _keep(apart.concealed, told)
        look = _look(node, style, outer)
        if not look.is_visible:
            _take_own_text(node, apart.concealed)
        elif look.is_disguise:
            _take_own_text(node, apart.disguised if look.size <= _TINY else of_colour)
        stack.extend((child, look) for child in reversed(node))
    etree.strip_elements(root, etree.Comment, etree.ProcessingInstruction, with_tail=False)
    return apart


def _with_names(look: _Look, style: Declarations) -> _Look:
    """The look with the variables that the element declares, which all within it take over."""
    own = {name: value[:_LONGEST_VALUE] for name, value in style.items() if name.startswith("--")}
    if not own:
        return look
    known = {**look.variables, **own}
    return replace(look, variables=known) if len(known) <= _MOST_VARIABLES else look


def _look(node: Any, style: Declarations, outer: _Look) -> _Look:
    if not style and not node.attrib:
        return outer
    size = pixels(style.get("font-size"), of=outer.size)
    stated = {"font": node.get("color"), "body": node.get("text")}.get(node.tag)
    ink = style.get("-webkit-text-fill-color") or style.get("color") or stated
    visibility = style.get("visibility")
    if (spacing := pixels(style.get("letter-spacing"), of=outer.size)) is not None and spacing <= -outer.size / 2:
        size = 0.0  # letters that lie upon each other
    look = replace(
        outer,
        size=outer.size if size is None else size,
        is_visible=outer.is_visible if visibility is None else visibility not in ("hidden", "collapse"),
    )
    if ink is not None and ink not in ("inherit", "currentcolor"):
        look = replace(look, ink=colour(ink))
    if "text" in style.get("background-clip", "") + style.get("-webkit-background-clip", ""):
        return replace(look, ink=None)  # letters cut out of a picture
    painted = style.get("background-color") or style.get("background") or node.get("bgcolor")
    if node.get("background") or style.get("background-image", "none") != "none":
        return replace(look, ground=None)
    if painted and painted not in ("none", "inherit", "initial", "unset"):
        found = colour(painted) or colour(painted.split()[0])
        if found is None or found[3] > _FAINT:
            look = replace(look, ground=found if found is not None and found[3] >= 1 - _FAINT else None)
    return look


def _has_sheet_elsewhere(root: Any) -> bool:
    return any("stylesheet" in (link.get("rel") or "").lower() for link in root.iter("link"))


def _take_own_text(node: Any, into: list[str]) -> None:
    """The element's own letters are taken; its parts have looks of their own."""
    pieces = [node.text or "", *(child.tail or "" for child in node)]
    _keep(into, " ".join(pieces))
    if node.text:
        node.text = " "
    for child in node:
        if child.tail:
            child.tail = " "


def _text(node: Any) -> str:
    return one_line(" ".join(node.xpath(".//text()[not(parent::script or parent::style)]")))


def _keep(into: list[str], text: str) -> None:
    text = one_line(text)
    if any(character.isalpha() for character in text):
        into.append(text)


def _drop(node: Any) -> None:
    """Nothing is left of the node but its place: to join the text behind it to that before costs a copy of both."""
    node.clear(keep_tail=True)
    node.tag = "span"
