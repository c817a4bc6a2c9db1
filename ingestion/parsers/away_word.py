"""Parts of a Word document that lie where nobody sees them: rows without height, frames and boxes off the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ingestion.parsers.css import declarations, pixels
from ingestion.parsers.extract import one_line

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_NAMES = {"w": W[1:-1]}
_FLATTEST = 40
"""Twentieths of a point that a row is high."""
_BESIDE, _BEYOND = -7200, 31680
"""The same, that a frame or paragraph lies off: five inches to the left, or the largest page to the right."""
_SPECK, _FAR_LEFT, _FAR_RIGHT = 25_400, -1_828_800, 20_116_800
"""The units of drawings: two points; two inches off the left or upper edge; the largest page."""
_AWAY = -500.0
"""Pixels, of boxes in the older form."""
_WHOLE = re.compile(r"-?\d{1,10}\Z")


def take_away(root: Any) -> list[str]:
    """Those parts below ``root`` are removed from it; their texts."""
    found: list[str] = []
    for part in [*_rows(root), *_paragraphs(root), *_boxes(root)]:
        text = one_line(" ".join(node.text or "" for node in part.iter(f"{W}t")))
        parent = part.getparent()
        if parent is not None:
            parent.remove(part)
            found += filter(None, [text])
    return list(dict.fromkeys(found))


def _rows(root: Any) -> Iterator[Any]:
    for row in root.iter(f"{W}tr"):
        marks = row.find("w:trPr", _NAMES)
        if marks is None:
            continue
        hidden, height = marks.find("w:hidden", _NAMES), marks.find("w:trHeight", _NAMES)
        is_hidden = hidden is not None and (hidden.get(f"{W}val") or "1").lower() not in ("0", "false", "off")
        is_flat = height is not None and height.get(f"{W}hRule") == "exact" and _number(height, f"{W}val") <= _FLATTEST
        if is_hidden or is_flat:
            yield row


def _paragraphs(root: Any) -> Iterator[Any]:
    for paragraph in root.iter(f"{W}p"):
        for frame in paragraph.iterfind("w:pPr/w:framePr", _NAMES):
            if any(not _BESIDE < _number(frame, f"{W}{name}") < _BEYOND for name in "xy"):
                yield paragraph
        for indent in paragraph.iterfind("w:pPr/w:ind", _NAMES):
            left = _number(indent, f"{W}left") + _number(indent, f"{W}start") + _number(indent, f"{W}firstLine")
            if left <= _BESIDE:
                yield paragraph


def _boxes(root: Any) -> Iterator[Any]:
    """The texts of drawn boxes that lie off the page, are specks, or are not shown."""
    for box in root.iter(f"{W}txbxContent"):
        for around in box.iterancestors():
            name = str(around.tag).rpartition("}")[2]
            if (name == "anchor" and _is_off_page(around)) or (
                name in ("shape", "rect", "roundrect", "group") and _is_styled_away(around.get("style") or "")
            ):
                yield box
            elif name == "p":
                break


def _is_off_page(anchor: Any) -> bool:
    extent = next((node for node in anchor if str(node.tag).endswith("}extent")), None)
    sizes = {name: _number(extent, name) if extent is not None else 0 for name in ("cx", "cy")}
    if extent is not None and min(sizes.values()) <= _SPECK:
        return True
    for node in anchor:
        name = str(node.tag).rpartition("}")[2]
        if name == "docPr" and (node.get("hidden") or "0").lower() in ("1", "true"):
            return True
        if name in ("positionH", "positionV"):
            offset = next((one.text or "" for one in node if str(one.tag).endswith("}posOffset")), "0").strip()
            place = int(offset) if _WHOLE.match(offset) else 0
            if place + sizes["cx" if name == "positionH" else "cy"] <= _FAR_LEFT or place >= _FAR_RIGHT:
                return True
    return False


def _is_styled_away(style: str) -> bool:
    stated = declarations(style)
    if stated.get("visibility") == "hidden" or stated.get("display") == "none":
        return True
    sizes = [pixels(stated.get(name)) for name in ("width", "height")]
    places = [pixels(stated.get(name)) for name in ("left", "top", "margin-left", "margin-top")]
    is_speck = any(size is not None and size <= 1 for size in sizes) and "mso-fit-shape-to-text" not in style
    return is_speck or any(place is not None and place <= _AWAY for place in places)


def _number(node: Any, name: str) -> int:
    value = node.get(name) or "0"
    return int(value) if _WHOLE.match(value) else 0
