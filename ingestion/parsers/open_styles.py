"""What the styles of an OpenDocument file say that a reader of text must know: what is hidden, where pages break."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingestion.parsers.css import colour

_NS = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
OFFICE, TABLE, TEXT = (_NS % name for name in ("office", "table", "text"))
_STYLE, _PRESENTATION, _NUMBER = _NS % "style", _NS % "presentation", _NS % "datastyle"
_FO = "{urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0}"
_MOST_PARENTS = 20
_TINY = 2.0
"""Points."""
_SAME = 16
"""Steps of 255 by which two colours differ at most if no reader can tell them apart."""


class Styles:
    """The named and automatic styles of a file."""

    def __init__(self, roots: Sequence[Any]) -> None:
        self._styles = {name: node for root in roots for node in root.iter(f"{_STYLE}style") if (name := _name(node))}
        self._cells: dict[tuple[str | None, str | None], bool] = {}
        self._empty_formats = {
            str(node.get(f"{_STYLE}name"))
            for root in roots
            for node in root.iter(f"{_NUMBER}text-style")
            if not any(str(one.tag).endswith("}text-content") for one in node) and not "".join(node.itertext()).strip()
        }
        self.paints_pages = any(
            (node.get(f"{_FO}background-color") or "transparent").lower() not in ("transparent", "#ffffff")
            for root in roots
            for node in root.iter(f"{_STYLE}page-layout-properties")
        )
        self.breaks_pages = any(_breaks_before(node) for node in self._styles.values())

    def is_hidden(self, name: str | None) -> bool:
        """Whether what has this style is not shown."""
        return any(_hides(node) for node in self._line(name))

    def is_unseen(self, name: str | None, *, ground: str | None = None) -> bool:
        """Whether letters of this style are specks, or of the colour beneath them: of paper, or the ``ground``."""
        size = self._stated(name, f"{_FO}font-size") or ""
        if size.endswith("pt") and 0 < _points(size) <= _TINY:
            return True
        if self._stated(name, f"{TEXT}display") == "none":
            return True
        ink = colour(self._stated(name, f"{_FO}color"))
        beneath = self._stated(name, f"{_FO}background-color") or "transparent"
        beneath = (ground or "#ffffff") if beneath == "transparent" else beneath
        paper = colour(beneath)
        if ink is None or paper is None:
            return False
        return all(abs(one - other) <= _SAME for one, other in zip(ink[:3], paper[:3], strict=True))

    def hides_cell(self, name: str | None, ground: str | None) -> bool:
        """Whether a cell of this style shows nothing of what it holds."""
        if (name, ground) not in self._cells:
            is_empty = self._stated(name, f"{_STYLE}data-style-name") in self._empty_formats
            self._cells[name, ground] = is_empty or self.is_unseen(name, ground=ground)
        return self._cells[name, ground]

    def ground(self, name: str | None) -> str | None:
        """The colour that a style paints under its letters."""
        stated = self._stated(name, f"{_FO}background-color")
        return None if stated == "transparent" else stated

    def _stated(self, name: str | None, attribute: str) -> str | None:
        """What the style says, or the nearest of those that it is made from."""
        for style in self._line(name):
            for node in (style, *(one for one in style if isinstance(one.tag, str))):
                if (value := node.get(attribute)) is not None:
                    return str(value).strip().lower() if attribute.startswith(_FO) else str(value)
        return None

    def breaks_before(self, name: str | None) -> bool:
        """Whether a paragraph of this style begins a page."""
        return any(_breaks_before(node) for node in self._line(name))

    def is_title(self, name: str | None) -> bool:
        """Whether a paragraph of this style is the document's title."""
        return name == "Title" or any(node.get(f"{_STYLE}parent-style-name") == "Title" for node in self._line(name))

    def _line(self, name: str | None) -> list[Any]:
        """The style and those that it is made from."""
        line: list[Any] = []
        while name in self._styles and len(line) < _MOST_PARENTS:
            line.append(self._styles[name])
            name = line[-1].get(f"{_STYLE}parent-style-name")
        return line


def _name(node: Any) -> str | None:
    name = node.get(f"{_STYLE}name")
    return str(name) if name else None


def _hides(style: Any) -> bool:
    for properties in style:
        if not isinstance(properties.tag, str):
            continue
        if properties.get(f"{TEXT}display") == "none" or properties.get(f"{TABLE}display") == "false":
            return True
        if properties.get(f"{_PRESENTATION}visibility") == "hidden":
            return True
        if (size := properties.get(f"{_FO}font-size") or "").endswith("pt") and _points(size) <= 1:
            return True
        white = (properties.get(f"{_FO}color") or "").lower() == "#ffffff"
        if white and (properties.get(f"{_FO}background-color") or "transparent").lower() in ("transparent", "#ffffff"):
            # On the ground of a table, a page or a drawing, white letters are commonly meant to be read.
            return style.get(f"{_STYLE}family") == "text" and not any(
                (one.get(f"{_FO}background-color") or "transparent") != "transparent" for one in style
            )
    return False


def _points(size: str) -> float:
    try:
        return float(size.removesuffix("pt"))
    except ValueError:
        return 12.0


def _breaks_before(style: Any) -> bool:
    return any(
        isinstance(properties.tag, str) and properties.get(f"{_FO}break-before") == "page" for properties in style
    ) or bool((style.get(f"{_STYLE}master-page-name") or "").strip())
