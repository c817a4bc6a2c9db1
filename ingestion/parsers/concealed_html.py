"""Removes from an HTML tree what a reader of the page does not see, and tells what it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ingestion.parsers.css import Colour, Declarations, Sheet, colour, pixels
from ingestion.parsers.extract import one_line

_UNSEEN_TAGS = frozenset({"noscript", "template", "noframes", "noembed", "del", "s", "strike"})
_IGNORED_TAGS = frozenset({"script", "style", "head", "title", "link"})
_TOLD = ("alt", "title", "aria-label", "aria-description", "placeholder", "summary", "srcdoc")
"""Attributes whose text a browser shows on hovering, reads out, or shows in place of something."""
_TOLD_OF_PAGE = re.compile(
    r"\A(?:description|keywords|author|subject|abstract|summary|(?:og|twitter|dc|dcterms)[:.].{1,40})\Z", re.IGNORECASE
)
_AWAY = -500.0
"""Pixels to the left or above from which on nothing is left on the page; menus slide out by less."""
_TINY = 2.0
_SAME = 16
"""Steps of 255 by which two colours differ at most if no reader can tell them apart."""
_FAINT = 0.04
_CUT = re.compile(
    r"rect\(\s*(?:0|1px)\D{1,9}(?:0|1px)|inset\(\s*(?:50|100)%|circle\(\s*0|polygon\(\s*0(?:px|%)?\s+0(?:px|%)?\s*\)"
)
_SHRUNK = re.compile(r"scale\(\s*0?\.?0*\s*[,)]|scale3d\(\s*0\s*,\s*0")
_MOVED = re.compile(
    r"translate(?:x|y|3d)?\(\s*(-?\d{1,9}(?:px|em|rem|vw|vh|%)?)(?:\s*,\s*(-?\d{1,9}(?:px|em|rem|vw|vh)?))?"
)
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
    sheet, apart = Sheet(root), Apart()
    of_colour = apart.concealed if _has_sheet_elsewhere(root) else apart.disguised
    stack: list[tuple[Any, _Look]] = [(root, _Look())]
    while stack:
        node, outer = stack.pop()
        if not isinstance(node.tag, str):
            if "Comment" in type(node).__name__:
                _keep(apart.concealed, node.text or "")
            _drop(node)
            continue
        if node.tag == "meta":
            if _TOLD_OF_PAGE.match(node.get("name") or node.get("property") or ""):
                _keep(apart.concealed, node.get("content") or "")
            continue
        if node.tag in _IGNORED_TAGS and node.tag != "head":
            continue
        style = sheet.of(node)
        if node.tag in _UNSEEN_TAGS or _is_away(node, style):
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
    return apart


def _is_away(node: Any, style: Declarations) -> bool:
    """Whether nothing within the element is shown, whatever its parts say of themselves."""
    if node.tag in ("html", "body", "head"):
        return False
    if node.tag == "input" and (node.get("type") or "").lower() == "hidden":
        node.text = node.get("value")
        return True
    if node.get("hidden") is not None or style.get("display") == "none" or style.get("content-visibility") == "hidden":
        return True
    opacity = style.get("opacity", "")
    if re.fullmatch(r"0*(?:\.0\d*)?%?", opacity) and opacity:
        return True
    if any((moved := pixels(style.get(side))) is not None and moved <= _AWAY for side in _sides(style)):
        return True
    if _CUT.search(style.get("clip", "")) or _CUT.search(style.get("clip-path", "")):
        return True
    transform = style.get("transform", "")
    if transform and (_SHRUNK.search(transform) or any(_is_far(one) for one in _MOVED.findall(transform))):
        return True
    sizes = [pixels(style.get(name)) for name in ("width", "height", "max-width", "max-height")]
    return style.get("overflow", "") in ("hidden", "clip") and any(size is not None and size <= 1 for size in sizes)


def _sides(style: Declarations) -> Iterator[str]:
    yield from ("text-indent", "margin-left", "margin-top")
    if style.get("position") in ("absolute", "fixed", "relative"):
        yield from ("left", "top", "right", "bottom")


def _is_far(moved: tuple[str, str]) -> bool:
    return any((length := pixels(one)) is not None and length <= _AWAY for one in moved)


def _look(node: Any, style: Declarations, outer: _Look) -> _Look:
    size = pixels(style.get("font-size"), of=outer.size)
    stated = {"font": node.get("color"), "body": node.get("text")}.get(node.tag)
    ink = style.get("color") or stated
    visibility = style.get("visibility")
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
    """The node is gone, and the text behind it stays."""
    parent = node.getparent()
    if parent is None:
        return
    if node.tail:
        before = node.getprevious()
        if before is not None:
            before.tail = (before.tail or "") + node.tail
        else:
            parent.text = (parent.text or "") + node.tail
        node.tail = None
    parent.remove(node)
