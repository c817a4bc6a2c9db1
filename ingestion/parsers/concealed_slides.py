"""Text of a presentation that its audience does not see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ingestion.parsers.extract import one_line
from ingestion.parsers.stated import PROPERTIES, worth_screening

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_TINY = 200
"""Hundredths of a point."""
_NEAR_WHITE = 239
_LIGHT = frozenset({"bg1", "lt1"})


@dataclass
class Apart:
    concealed: list[str] = field(default_factory=list)
    disguised: list[str] = field(default_factory=list)


def take_hidden(deck: Any) -> Apart:
    """What is too small or too white is removed, with what lies off the slides; and what the file tells beside them."""
    apart = Apart()
    for slide in deck.slides:
        if (slide.element.get("show") or "1") in ("0", "false"):
            apart.concealed.append(_drawn_text(slide.element))
            continue
        for shape in _off_slide(slide.shapes, deck):
            apart.concealed.append(_drawn_text(shape._element))  # noqa: SLF001  # python-pptx has no other way
            shape._element.getparent().remove(shape._element)  # noqa: SLF001
        apart.disguised += _take_disguised(slide)
        apart.concealed += _told_of_drawings(slide.element)
        apart.concealed += _comments(slide)
    apart.concealed += worth_screening(getattr(deck.core_properties, name) for name in PROPERTIES)
    apart.concealed = [text for text in apart.concealed if text]
    return apart


def _off_slide(shapes: Any, deck: Any) -> list[Any]:
    """What lies wholly where no one sees it, or is switched off; within groups, the whole group."""
    return [shape for shape in shapes if _is_switched_off(shape) or _is_off_slide(shape, deck)]


def _is_switched_off(shape: Any) -> bool:
    return any((node.get("hidden") or "0").lower() in ("1", "true") for node in shape._element.xpath("./*/p:cNvPr"))  # noqa: SLF001


def _is_off_slide(shape: Any, deck: Any) -> bool:
    if None in (shape.top, shape.left, shape.width, shape.height):
        return False
    beside = shape.left + shape.width <= 0 or shape.left >= (deck.slide_width or 0)
    return bool(beside or shape.top + shape.height <= 0 or shape.top >= (deck.slide_height or 0))


def _take_disguised(slide: Any) -> Iterator[str]:
    """The runs of a paragraph that nobody sees, together."""
    on_white = _is_on_white(slide)
    for paragraph in list(slide.element.iter(f"{_A}p")):
        runs = [run for run in paragraph.iter(f"{_A}r") if _is_disguise(run, on_white=on_white)]
        text = one_line("".join(node.text or "" for run in runs for node in run.iter(f"{_A}t")))
        for run in runs:
            run.getparent().remove(run)
        if text:
            yield text


def _is_disguise(run: Any, *, on_white: bool) -> bool:
    marks = run.find(f"{_A}rPr")
    size = _size(run, marks)
    if size.isdecimal() and int(size) <= _TINY:
        return True
    if marks is None:
        return False
    fill = marks.find(f"{_A}solidFill")
    if fill is None:
        return False
    if any(
        int(alpha.get("val") or "100000") <= 4000 for alpha in fill.iter(f"{_A}alpha") if _is_number(alpha)
    ):  # 4 percent
        return True
    shape = next(run.iterancestors(f"{_P}sp"), None)
    filled = shape is None or any(
        shape.find(f"{_P}spPr/{_A}{one}") is not None for one in ("solidFill", "gradFill", "blipFill", "pattFill")
    )
    styled = shape is not None and shape.find(f"{_P}style") is not None
    return on_white and not filled and not styled and _is_white(fill)


def _size(run: Any, marks: Any) -> str:
    """The size that the run states, or its shape for paragraphs of its level."""
    if marks is not None and marks.get("sz"):
        return str(marks.get("sz"))
    paragraph = run.getparent()
    own = next((node for node in paragraph[:1] if node.tag == f"{_A}pPr"), None)
    level = (own.get("lvl") if own is not None else None) or "0"
    styles = next((node for node in paragraph.getparent()[:2] if node.tag == f"{_A}lstStyle"), None)
    if styles is None or not level.isdecimal() or len(level) > 1:
        return ""
    stated = styles.find(f"{_A}lvl{int(level) + 1}pPr/{_A}defRPr")
    return "" if stated is None else str(stated.get("sz") or "")


def _is_number(node: Any) -> bool:
    return (node.get("val") or "100000").isdecimal()


def _is_white(fill: Any) -> bool:
    for ink in fill.iter(f"{_A}srgbClr"):
        try:
            return all(part >= _NEAR_WHITE for part in bytes.fromhex(ink.get("val") or "00"))
        except ValueError:
            return False
    return any(ink.get("val") in _LIGHT and not len(ink) for ink in fill.iter(f"{_A}schemeClr"))


def _is_on_white(slide: Any) -> bool:
    """Whether the slide's own ground is white, and no picture lies on it. Where no ground is stated it is not known."""
    if any(True for _ in slide.element.iter(f"{_P}pic")):
        return False
    layout = slide.slide_layout
    for part in (slide, layout, layout.slide_master):
        ground = part.element.find(f"{_P}cSld/{_P}bg")
        if ground is not None:
            fills = [fill for name in ("bgPr", "bgRef") for fill in ground.iter(f"{_P}{name}")]
            return any(_is_white(fill) for fill in fills) and not any(True for _ in ground.iter(f"{_A}blip"))
    return False


def _told_of_drawings(slide: Any) -> list[str]:
    found: dict[str, None] = {}
    for node in slide.iter(f"{_P}cNvPr"):
        for name in ("descr", "title"):
            found |= {text: None for text in [one_line(node.get(name) or "")] if text}
    return list(found)


def _comments(slide: Any) -> Iterator[str]:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    for relation in slide.part.rels.values():
        if not relation.is_external and relation.reltype.endswith("/comments"):
            root = etree.fromstring(relation.target_part.blob, parser)
            yield from (one_line(" ".join(node.itertext())) for node in root.iter() if str(node.tag).endswith("}cm"))


def _drawn_text(node: Any) -> str:
    return one_line(" ".join(piece.text or "" for piece in node.iter(f"{_A}t")))
