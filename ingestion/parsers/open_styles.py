"""What the styles of an OpenDocument file say that a reader of text must know: what is hidden, where pages break."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_NS = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
OFFICE, TABLE, TEXT = (_NS % name for name in ("office", "table", "text"))
_STYLE, _PRESENTATION = _NS % "style", _NS % "presentation"
_FO = "{urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0}"
_MOST_PARENTS = 20


class Styles:
    """The named and automatic styles of a file."""

    def __init__(self, roots: Iterable[Any]) -> None:
        self._styles = {name: node for root in roots for node in root.iter(f"{_STYLE}style") if (name := _name(node))}
        self.breaks_pages = any(_breaks_before(node) for node in self._styles.values())

    def is_hidden(self, name: str | None) -> bool:
        """Whether what has this style is not shown."""
        return any(_hides(node) for node in self._line(name))

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
