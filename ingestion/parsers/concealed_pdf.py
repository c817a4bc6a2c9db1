"""Text of a PDF page that its reader does not see: invisible, of the ground's colour, of a point, or off the page.

Told from the page's objects: how each piece of text is painted, and what was painted beneath it and over it; and where
that leaves a doubt, by drawing the page. The
invisible text over a scanned page is what it says, and stays. Only pages that hide something are read letter by letter.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ingestion.parsers.drawn import without_trace
from ingestion.parsers.painted import Box, Paint, Painted, covers, painted_things

SAME_COLOUR = 16
"""Steps of 255 by which two colours differ at most if no reader can tell them apart."""
LEAST_ALPHA = 13
TINY = 2.0
"""Points; the small print of packages has four."""
_INVISIBLE = 3
_FILLING = frozenset({0, 4})
"""Text render modes: neither fill nor stroke; and those that fill alone, whose colour is the fill's."""
_SCAN = 0.5
"""Least share of a page that its pictures cover, for its invisible text to be what is read in them."""
_WHITE = (255, 255, 255)
_MOST_GROUNDS = 300
"""Painted things that are compared with a piece of text; a page of more is a drawing."""


@dataclass(frozen=True, slots=True)
class Letters:
    """The letters of a page: as they are read, with what is hidden as NUL, and what was hidden.

    ``disguised`` is painted so that nobody sees it; ``unseen`` lies beside the page or under something else, as the
    marks of printers and the other page of a spread do.
    """

    text: str
    disguised: str
    unseen: str


def letters_apart(page: Any, letters: Any) -> Letters | None:
    """The page's letters with the hidden ones apart, one for one; ``None`` where nothing is hidden."""
    hidden = hidden_objects(page)
    if not hidden:
        return None
    import pypdfium2.raw as pdfium

    shown: list[str] = []
    apart: dict[bool, list[str]] = {True: [], False: []}
    how: bool | None = None
    for at in range(letters.count_chars()):
        point = pdfium.FPDFText_GetUnicode(letters, at)
        letter = chr(point) if 0 < point < 0x110000 and not 0xD800 <= point < 0xE000 else "\ufffd"
        owner = _address(pdfium.FPDFText_GetTextObject(letters, at))
        how = hidden.get(owner) if owner else how  # a space that was put between words has no owner
        if letter in "\r\n":
            shown.append(letter)
            letter = " "
        elif letter == " ":  # a blank leaves no trace, and words must not run together
            shown.append(letter)
        else:
            shown.append(letter if how is None else "\x00")
        if how is not None:
            apart[how].append(letter)
    return Letters("".join(shown), "".join(apart[True]), "".join(apart[False]))


def hidden_objects(page: Any) -> dict[int, bool]:
    """The addresses of the pieces of text that no reader sees, and whether each is disguised."""
    import pypdfium2.raw as pdfium

    rect = pdfium.FS_RECTF()
    pdfium.FPDF_GetPageBoundingBox(page, rect)
    paper = Box(
        min(rect.left, rect.right), min(rect.top, rect.bottom), max(rect.left, rect.right), max(rect.top, rect.bottom)
    )
    things = list(painted_things(page))
    texts = [one for one in things if one.kind is Paint.TEXT]
    grounds = [one for one in things if one.kind is not Paint.TEXT]
    if len(grounds) > _MOST_GROUNDS:
        grounds = sorted(sorted(grounds, key=lambda one: -one.box.area)[:_MOST_GROUNDS], key=lambda one: one.order)
    pictured = sum(one.box.area for one in grounds if one.kind is Paint.PICTURE)
    is_scan = pictured >= _SCAN * paper.area
    judged = [(one, _disguise(one, grounds, paper, is_scan=is_scan)) for one in texts]
    found = {one.address: how for one, how in judged if how is not None}
    pictures = [] if is_scan else [one for one in grounds if one.kind is Paint.PICTURE]
    doubtful = [one for one, how in judged if how is None and (one.cause is not None or _is_under(one, pictures))]
    return found | dict.fromkeys(without_trace(page, doubtful, len(things)), False)


def _is_under(text: Painted, pictures: list[Painted]) -> bool:
    return any(one.order > text.order and covers(one.box, text.box) for one in pictures)


def _disguise(text: Painted, grounds: list[Painted], paper: Box, *, is_scan: bool) -> bool | None:
    """Whether the text is painted so that nobody sees it, or lies where nobody does; ``None`` where it is seen."""
    if not text.box.touches(paper):
        return False
    if text.mode == _INVISIBLE:
        return None if is_scan else True
    if 0 < text.size < TINY:
        return True
    if text.mode not in _FILLING or text.colour is None:
        return None
    if text.alpha < LEAST_ALPHA:
        return True
    ground: Painted | None = None
    for one in grounds:
        if not covers(one.box, text.box):
            continue
        if one.order < text.order:
            ground = one
        elif one.is_sheet and not one.is_clipped and text.box.lies_in(one.box):
            return False
    if ground is None:
        return True if _is_same(text.colour, _WHITE) else None
    return True if ground.is_sheet and ground.colour is not None and _is_same(text.colour, ground.colour) else None


def _is_same(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    return all(abs(a - b) <= SAME_COLOUR for a, b in zip(one, other, strict=True))


def _address(pointer: Any) -> int:
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0


def notes_of(page: Any) -> Iterator[str]:
    """What the annotations of the page say: notes, and what links and fields tell on hovering."""
    import pypdfium2.raw as pdfium

    for at in range(min(pdfium.FPDFPage_GetAnnotCount(page), 10_000)):
        annotation = pdfium.FPDFPage_GetAnnot(page, at)
        if not annotation:
            continue
        for key in (b"Contents", b"TU"):
            length = pdfium.FPDFAnnot_GetStringValue(annotation, key, None, 0)
            if 2 < length < 2**20:
                buffer = ctypes.create_string_buffer(length)
                pdfium.FPDFAnnot_GetStringValue(
                    annotation, key, ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), length
                )
                yield buffer.raw[: length - 2].decode("utf-16-le", "replace")
        pdfium.FPDFPage_CloseAnnot(annotation)
