"""Text of a Word document that its reader does not see: taken out of the body, and told apart by how it is hidden.

A run is drawn as its own marks say, else as its character style, its paragraph's style and the document's defaults do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ingestion.parsers.away_word import take_away
from ingestion.parsers.extract import one_line
from ingestion.parsers.stated import PROPERTIES, worth_screening

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_NAMES = {"w": W[1:-1]}
_VALUE = f"{W}val"
_OFF = frozenset({"0", "false", "off", "none"})
_TINY = 4
"""Half points; letters of two points are a speck."""
_NARROWEST, _FLATTEST = 10, 40
"""Percent of a letter's width; twentieths of a point that a line is high."""
_SAME = 16
"""Steps of 255 by which two colours differ at most if no reader can tell them apart."""
Colour = tuple[int, int, int]
_WHITE: Colour = (255, 255, 255)
_LIGHT_THEMES = frozenset({"background1", "bg1", "light1"})
_DEEPEST = 12
"""Styles that are based on one another."""
_TOLD = ("descr", "title", "alt")
"""Attributes of drawings that are read out, not shown."""


@dataclass
class Apart:
    concealed: list[str] = field(default_factory=list)
    disguised: list[str] = field(default_factory=list)


def take_hidden(document: Any) -> Apart:
    """Runs that Word does not show, or shows so that nobody sees them, are removed; their text a paragraph's together.

    With them, what drawings, properties and custom parts say beside the text.
    """
    body, apart = document.element.body, Apart()
    styles = Styles(document)
    for root in (body, *_margins(document)):
        apart.concealed += take_away(root)
        take_hidden_runs(root, styles, apart)
    apart.concealed += _told_of_drawings(body)
    apart.concealed += _stated(document)
    return apart


def take_hidden_runs(root: Any, styles: Styles, apart: Apart) -> None:
    """The runs below ``root`` that nobody sees are removed from it and put apart."""
    hidden: dict[tuple[Any, bool], list[str]] = {}
    for run in list(root.iter(f"{W}r")):
        text = "".join(node.text or "" for node in run.iter(f"{W}t", f"{W}delText", f"{W}instrText"))
        if not text.strip():
            continue
        deleted = any(True for _ in run.iterancestors(f"{W}del", f"{W}moveFrom"))
        is_hidden = deleted or styles.is_on(run, "vanish") or styles.is_on(run, "webHidden")
        if is_hidden or styles.is_disguise(run):
            hidden.setdefault((next(run.iterancestors(f"{W}p"), root), not is_hidden), []).append(text)
            run.getparent().remove(run)
    for (_, is_disguise), parts in hidden.items():
        (apart.disguised if is_disguise else apart.concealed).append(one_line("".join(parts)))


def _margins(document: Any) -> Iterator[Any]:
    """The headers and footers."""
    for relation in document.part.rels.values():
        if not relation.is_external and relation.reltype.endswith(("/header", "/footer")):
            root = getattr(relation.target_part, "element", None)
            if root is not None:
                yield root


class Styles:
    """What holds for a run: its own marks first, then those of styles."""

    def __init__(self, document: Any) -> None:
        root = document.styles.element
        self._marks: dict[str, list[Any]] = {}
        by_id = {style.get(f"{W}styleId"): style for style in root.iter(f"{W}style")}
        for name, style in by_id.items():
            self._marks[name] = list(_marks_of(style, by_id))
        self._shaded = {name for name in by_id if _is_shaded(by_id[name], by_id)}
        default = root.find("w:docDefaults/w:rPrDefault/w:rPr", _NAMES)
        self._default = [default] if default is not None else []
        plain = [name for name, one in by_id.items() if one.get(f"{W}type") == "paragraph" and one.get(f"{W}default")]
        self._plain = plain[0] if plain else None

    def is_on(self, run: Any, name: str) -> bool:
        mark = self._first(run, name)
        return mark is not None and (mark.get(_VALUE) or "1").lower() not in _OFF

    def is_disguise(self, run: Any) -> bool:
        """Whether the run has letters of at most two points, no room, or the colour of the ground."""
        size, width = self._first(run, "sz"), self._first(run, "w")
        if (size is not None and _at_most(size, _TINY)) or (width is not None and _at_most(width, _NARROWEST)):
            return True
        paragraph = next(run.iterancestors(f"{W}p"), None)
        marks = _marks_at_head(paragraph)
        if marks is not None and any(
            spacing.get(f"{W}lineRule") == "exact" and _at_most(spacing, _FLATTEST, f"{W}line")
            for spacing in marks.iterfind("w:spacing", _NAMES)
        ):
            return True
        ink = self._first(run, "color")
        stated = None if ink is None else colour_of(ink, _VALUE, "themeColor", "themeShade")
        ground = None if stated is None else self._ground(run)
        if stated is None or ground is None:
            return False
        return all(abs(one - other) <= _SAME for one, other in zip(stated, ground, strict=True))

    def _ground(self, run: Any) -> Colour | None:
        """What is painted under the run: the nearest of what is stated, else paper; ``None`` where it is not known."""
        # The ground of a text box stands elsewhere; there white letters are commonly meant to be read.
        if any(True for _ in run.iterancestors(f"{W}txbxContent")):
            return None
        mark = self._first(run, "highlight")
        if mark is not None and mark.get(_VALUE) not in ("none", "white"):
            return None
        shades = [shade for marks in self._of(run) if (shade := marks.find("w:shd", _NAMES)) is not None]
        for place in run.iterancestors(f"{W}p", f"{W}tc", f"{W}tbl"):
            marks = _marks_at_head(place)
            if marks is None:
                continue
            shades += marks.iterfind("w:shd", _NAMES)
            style = marks.find("w:tblStyle", _NAMES)
            if style is not None and style.get(_VALUE) in self._shaded:
                return None
        for shade in shades:
            if (shade.get(f"{W}fill") or "auto").lower() != "auto" or shade.get(f"{W}themeFill"):
                return colour_of(shade, f"{W}fill", "themeFill", "themeFillShade")
            if shade.get(_VALUE) not in (None, "clear", "nil"):
                return None
        return _WHITE

    def _first(self, run: Any, name: str) -> Any:
        for marks in self._of(run):
            found = marks.find(f"w:{name}", _NAMES)
            if found is not None:
                return found
        return None

    def _of(self, run: Any) -> Iterator[Any]:
        own = run.find("w:rPr", _NAMES)
        if own is not None:
            yield own
            style = own.find("w:rStyle", _NAMES)
            yield from self._marks.get(style.get(_VALUE), []) if style is not None else ()
        paragraph = next(run.iterancestors(f"{W}p"), None)
        marks = _marks_at_head(paragraph)
        style = None if marks is None else marks.find("w:pStyle", _NAMES)
        name = self._plain if style is None else style.get(_VALUE)
        yield from self._marks.get(name, []) if name is not None else ()
        yield from self._default


def _marks_at_head(place: Any) -> Any:
    """The properties of a paragraph, a cell or a table: its first part, or it has none. To look further takes long."""
    first = None if place is None else next(place.iterchildren(), None)
    return first if first is not None and str(first.tag).endswith("Pr") else None


def _marks_of(style: Any, by_id: dict[str, Any]) -> Iterator[Any]:
    """The run and paragraph marks of a style and of those that it is based on."""
    for _ in range(_DEEPEST):
        for name in ("rPr", "pPr"):
            marks = style.find(f"w:{name}", _NAMES)
            if marks is not None:
                yield marks
        below = style.find("w:basedOn", _NAMES)
        style = None if below is None else by_id.get(below.get(_VALUE))
        if style is None:
            return


def _is_shaded(style: Any, by_id: dict[str, Any]) -> bool:
    """Whether the style, or one that it is based on, paints a ground anywhere."""
    for _ in range(_DEEPEST):
        if any(True for _ in style.iter(f"{W}shd")):
            return True
        below = style.find("w:basedOn", _NAMES)
        style = None if below is None else by_id.get(below.get(_VALUE))
        if style is None:
            break
    return False


def colour_of(node: Any, name: str, theme: str, shade: str) -> Colour | None:
    """Red, green and blue; ``None`` where the theme or the program says what it is."""
    if stated := node.get(f"{W}{theme}"):
        return _WHITE if stated in _LIGHT_THEMES and not node.get(f"{W}{shade}") else None
    value = node.get(name) or ""
    try:
        return (parts[0], parts[1], parts[2]) if len(parts := bytes.fromhex(value)) == 3 else None
    except ValueError:  # "auto"
        return None


def _at_most(node: Any, most: int, name: str = _VALUE) -> bool:
    value = node.get(name) or ""
    return value.isdecimal() and len(value) < 9 and int(value) <= most


def _told_of_drawings(body: Any) -> list[str]:
    found: dict[str, None] = {}
    for node in body.iter():
        if isinstance(node.tag, str) and node.tag.endswith(("}docPr", "}cNvPr", "}shape")):
            for name in _TOLD:
                found |= {text: None for text in [one_line(node.get(name) or "")] if text}
    return list(found)


def _stated(document: Any) -> Iterator[str]:
    """What the file's properties and its custom parts say."""
    from lxml import etree

    yield from worth_screening(getattr(document.core_properties, name) for name in PROPERTIES)
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    for part in document.part.package.iter_parts():
        if str(part.partname).startswith(("/customXml/item", "/docProps/custom")) and "Props" not in str(part.partname):
            try:
                text = one_line(" ".join(etree.fromstring(part.blob, parser).itertext()))
            except etree.XMLSyntaxError:  # a part that Word leaves alone, too
                continue
            yield from worth_screening([text])
