"""Whether the style of an element leaves nothing of it, and of what it holds, on the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ingestion.parsers.css import Declarations, pixels

_AWAY, _BEYOND = -500.0, 5000.0
"""Pixels to the left or above, and to the right or below, from which on nobody looks; menus slide out by less."""
_SMALLEST = 0.09
"""Share of its size from which on an element is a speck."""
_CUT = re.compile(
    r"rect\(\s*(?:0|1px)\D{1,9}(?:0|1px)|inset\(\s*(?:50|100)%|circle\(\s*0|polygon\(\s*0(?:px|%)?\s+0(?:px|%)?\s*\)"
)
_SHRUNK = re.compile(
    r"scale\(\s*0?\.?0*\s*[,)]|scale3d\(\s*0\s*,\s*0|matrix\(\s*0\s*,\s*0\s*,\s*0\s*,\s*0|rotate[xy]\(\s*-?90deg"
)
_MOVED = re.compile(
    r"translate(?:x|y|3d)?\(\s*(-?\d{1,9}(?:px|em|rem|vw|vh|%)?)(?:\s*,\s*(-?\d{1,9}(?:px|em|rem|vw|vh)?))?"
)
_FADED = re.compile(r"opacity\(\s{0,9}(\d{0,3}(?:\.\d{0,9})?%?)\s{0,9}\)")
_NUMBER = re.compile(r"\A(?:\d{1,3}(?:\.\d{0,9})?|\.\d{1,9})%?\Z")
_MOST_VALUES = 4


def is_away(node: Any, style: Declarations) -> bool:
    """Whether nothing within the element is shown, whatever its parts say of themselves."""
    if node.tag in ("html", "body", "head"):
        return False
    if node.tag == "input" and (node.get("type") or "").lower() == "hidden":
        node.text = node.get("value")
        return True
    if node.get("hidden") is not None or node.get("popover") is not None:
        return True
    if not style:
        return False
    if style.get("display") == "none" or style.get("content-visibility") == "hidden":
        return True
    faded = _FADED.search(style.get("filter", ""))
    if _is_nothing(style.get("opacity", "")) or (faded and _is_nothing(faded.group(1))):
        return True
    return _is_moved(style) or _is_cut(style)


def _is_nothing(share: str) -> bool:
    """Whether a share, as a number or in percent, is stated and near nothing."""
    if _NUMBER.match(share) is None:
        return False
    return float(share.rstrip("%")) / (100 if share.endswith("%") else 1) <= _SMALLEST


def _is_moved(style: Declarations) -> bool:
    for value in _places(style):
        moved = pixels(value)
        if moved is not None and (moved <= _AWAY or moved >= _BEYOND):
            return True
    transform = style.get("transform", "")
    return bool(transform) and any(_is_far(one) for one in _MOVED.findall(transform))


def _places(style: Declarations) -> Iterator[str | None]:
    yield from (style.get(name) for name in ("text-indent", "margin-left", "margin-top"))
    for name in ("margin", "translate"):
        yield from style.get(name, "").split()[:_MOST_VALUES]
    if style.get("position") in ("absolute", "fixed", "relative"):
        yield from (style.get(name) for name in ("left", "top", "right", "bottom"))
        yield from style.get("inset", "").split()[:_MOST_VALUES]


def _is_far(moved: tuple[str, str]) -> bool:
    return any((length := pixels(one)) is not None and (length <= _AWAY or length >= _BEYOND) for one in moved)


def _is_cut(style: Declarations) -> bool:
    """Whether a shape, its scale or its own measures leave nothing of the element."""
    if _CUT.search(style.get("clip", "")) or _CUT.search(style.get("clip-path", "")):
        return True
    if _SHRUNK.search(style.get("transform", "")):
        return True
    if _is_nothing(style.get("scale", "")) or _is_nothing(style.get("zoom", "")):
        return True
    sizes = [pixels(style.get(name)) for name in ("width", "height", "max-width", "max-height")]
    cuts = (style.get(name, "").split(" ")[0] for name in ("overflow", "overflow-x", "overflow-y"))
    return any(cut in ("hidden", "clip") for cut in cuts) and any(size is not None and size <= 1 for size in sizes)
