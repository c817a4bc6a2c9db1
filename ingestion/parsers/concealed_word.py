"""Text of a Word document that its reader does not see: taken out of the body, and told apart by how it is hidden.

A run is drawn as its own marks say, else as its character style, its paragraph's style and the document's defaults do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ingestion.parsers.extract import one_line
from ingestion.parsers.stated import PROPERTIES, worth_screening

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_NAMES = {"w": W[1:-1]}
_VALUE = f"{W}val"
_OFF = frozenset({"0", "false", "off", "none"})
_TINY = 4
"""Half points; letters of two points are a speck."""
_NEAR_WHITE = 239
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
    styles = _Styles(document)
    hidden: dict[tuple[Any, bool], list[str]] = {}
    for run in list(body.iter(f"{W}r")):
        text = "".join(node.text or "" for node in run.iter(f"{W}t", f"{W}delText", f"{W}instrText"))
        if not text.strip():
            continue
        deleted = any(True for _ in run.iterancestors(f"{W}del", f"{W}moveFrom"))
        is_hidden = deleted or styles.is_on(run, "vanish") or styles.is_on(run, "webHidden")
        if is_hidden or styles.is_disguise(run):
            hidden.setdefault((next(run.iterancestors(f"{W}p"), body), not is_hidden), []).append(text)
            run.getparent().remove(run)
    for (_, is_disguise), parts in hidden.items():
        (apart.disguised if is_disguise else apart.concealed).append(one_line("".join(parts)))
    apart.concealed += _told_of_drawings(body)
    apart.concealed += _stated(document)
    return apart


class _Styles:
    """What holds for a run: its own marks first, then those of styles."""

    def __init__(self, document: Any) -> None:
        root = document.styles.element
        self._marks: dict[str, list[Any]] = {}
        by_id = {style.get(f"{W}styleId"): style for style in root.iter(f"{W}style")}
        for name, style in by_id.items():
            self._marks[name] = list(_marks_of(style, by_id))
        default = root.find("w:docDefaults/w:rPrDefault/w:rPr", _NAMES)
        self._default = [default] if default is not None else []
        plain = [name for name, one in by_id.items() if one.get(f"{W}type") == "paragraph" and one.get(f"{W}default")]
        self._plain = plain[0] if plain else None

    def is_on(self, run: Any, name: str) -> bool:
        mark = self._first(run, name)
        return mark is not None and (mark.get(_VALUE) or "1").lower() not in _OFF

    def is_disguise(self, run: Any) -> bool:
        """Whether the run has letters of at most two points, or is white on no other ground."""
        size = self._first(run, "sz")
        if size is not None and (size.get(_VALUE) or "").isdecimal() and int(size.get(_VALUE)) <= _TINY:
            return True
        ink = self._first(run, "color")
        if ink is None or not _is_white(ink):
            return False
        # The ground of a styled table or text box stands elsewhere; there white letters are commonly meant to be read.
        if any(True for _ in run.iterancestors(f"{W}tbl", f"{W}txbxContent")):
            return False
        mark = self._first(run, "highlight")
        if mark is not None and mark.get(_VALUE) not in ("none", "white"):
            return False
        grounds = (*run.iterancestors(f"{W}p", f"{W}tc"), run)
        shades = [shade for ground in grounds for shade in ground.xpath("./*/w:shd")]
        shades += [shade for marks in self._of(run) for shade in marks.iter(f"{W}shd")]
        return not any(_is_shaded(shade) for shade in shades)

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
        style = None if paragraph is None else paragraph.find("w:pPr/w:pStyle", _NAMES)
        name = self._plain if style is None else style.get(_VALUE)
        yield from self._marks.get(name, []) if name is not None else ()
        yield from self._default


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


def _is_white(ink: Any) -> bool:
    if (ink.get(f"{W}themeColor") or "") in _LIGHT_THEMES and not ink.get(f"{W}themeShade"):
        return True
    value = ink.get(_VALUE) or ""
    try:
        return len(value) == 6 and all(part >= _NEAR_WHITE for part in bytes.fromhex(value))
    except ValueError:  # "auto"
        return False


def _is_shaded(shade: Any) -> bool:
    fill = (shade.get(f"{W}fill") or "auto").lower()
    if shade.get(f"{W}themeFill") not in (None, *_LIGHT_THEMES) or shade.get(_VALUE) not in (None, "clear", "nil"):
        return True
    return fill not in ("auto", "ffffff")


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
