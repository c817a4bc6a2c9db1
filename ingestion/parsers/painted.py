"""What is painted on a PDF page, in order: text, grounds of one colour, and all else, each with its place."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

_DEEPEST = 8
"""Groups within groups that are looked into."""
_SHEET_SEGMENTS = 5
"""A path of more is no rectangle: it may lie around a text without lying under it."""


class Paint(Enum):
    TEXT = 1
    PATH = 2
    PICTURE = 3
    SHADING = 4


@dataclass(frozen=True, slots=True)
class Box:
    left: float
    bottom: float
    right: float
    top: float

    @property
    def area(self) -> float:
        return max(self.right - self.left, 0.0) * max(self.top - self.bottom, 0.0)

    def touches(self, other: Box) -> bool:
        return (
            self.left <= other.right
            and other.left <= self.right
            and self.bottom <= other.top
            and other.bottom <= self.top
        )

    def lies_in(self, other: Box) -> bool:
        return (
            self.left >= other.left - 1
            and self.right <= other.right + 1
            and self.bottom >= other.bottom - 1
            and self.top <= other.top + 1
        )


@dataclass(frozen=True, slots=True)
class Painted:
    """One thing in the order of painting. ``size`` is of letters, in points; 0 where it is not known.

    ``is_sheet``: an opaque rectangle of ``colour``, which hides what is beneath it.
    """

    kind: Paint
    order: int
    box: Box
    address: int = 0
    mode: int = 0
    size: float = 0.0
    colour: tuple[int, int, int] | None = None
    alpha: int = 255
    is_sheet: bool = False
    is_clipped: bool = False


def covers(ground: Box, text: Box) -> bool:
    """Whether the middle of the text lies on the ground."""
    x, y = (text.left + text.right) / 2, (text.bottom + text.top) / 2
    return ground.left <= x <= ground.right and ground.bottom <= y <= ground.top


Matrix = tuple[float, float, float, float, float, float]
_IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


def painted_things(page: Any) -> Iterator[Painted]:
    """Everything on the page, what stands in groups where the group is painted."""
    import pypdfium2.raw as pdfium

    reader = _Reader(pdfium)
    yield from reader.things(
        (pdfium.FPDFPage_GetObject(page, at) for at in range(pdfium.FPDFPage_CountObjects(page))), _IDENTITY, 0
    )


class _Reader:
    """Asks PDFium about objects, with buffers that are made once."""

    def __init__(self, pdfium: Any) -> None:
        self._pdfium = pdfium
        self._edges = [ctypes.c_float() for _ in range(4)]
        self._colour = [ctypes.c_uint() for _ in range(4)]
        self._size = ctypes.c_float()
        self._fill, self._stroke = ctypes.c_int(), ctypes.c_int()
        self._matrix = pdfium.FS_MATRIX()
        self._order = 0

    def things(self, objects: Iterator[Any], place: Matrix, depth: int) -> Iterator[Painted]:
        pdfium = self._pdfium
        for one in objects:
            kind = pdfium.FPDFPageObj_GetType(one)
            self._order += 1
            if kind == pdfium.FPDF_PAGEOBJ_FORM:
                if depth < _DEEPEST:
                    inner = (
                        pdfium.FPDFFormObj_GetObject(one, at) for at in range(pdfium.FPDFFormObj_CountObjects(one))
                    )
                    yield from self.things(inner, _product(self._matrix_of(one), place), depth + 1)
            elif kind == pdfium.FPDF_PAGEOBJ_TEXT:
                yield self._text(one, place)
            elif kind == pdfium.FPDF_PAGEOBJ_PATH:
                if (path := self._path(one, place)) is not None:
                    yield path
            else:
                is_picture = kind == pdfium.FPDF_PAGEOBJ_IMAGE
                yield Painted(Paint.PICTURE if is_picture else Paint.SHADING, self._order, self._box(one, place))

    def _text(self, one: Any, place: Matrix) -> Painted:
        pdfium, size = self._pdfium, self._size
        pdfium.FPDFTextObj_GetFontSize(one, size)
        matrix = _product(self._matrix_of(one), place)
        box = self._box(one, place)
        points = abs(size.value) * (matrix[2] ** 2 + matrix[3] ** 2) ** 0.5
        colour, alpha = self._filled(one)
        return Painted(
            Paint.TEXT,
            self._order,
            box,
            address=ctypes.cast(one, ctypes.c_void_p).value or 0,
            mode=pdfium.FPDFTextObj_GetTextRenderMode(one),
            # Fonts that are drawings have sizes of their own scale: their letters are as large as they are.
            size=max(points, min(box.top - box.bottom, box.right - box.left)),
            colour=colour,
            alpha=alpha,
        )

    def _path(self, one: Any, place: Matrix) -> Painted | None:
        pdfium = self._pdfium
        pdfium.FPDFPath_GetDrawMode(one, self._fill, self._stroke)
        if not self._fill.value and not self._stroke.value:
            return None
        colour, alpha = self._filled(one) if self._fill.value else (None, 255)
        is_plain = bool(self._fill.value) and colour is not None and alpha == 255
        is_sheet = (
            is_plain
            and pdfium.FPDFPath_CountSegments(one) <= _SHEET_SEGMENTS
            and not pdfium.FPDFPageObj_HasTransparency(one)
        )
        clip = pdfium.FPDFPageObj_GetClipPath(one) if is_sheet else None
        is_clipped = bool(clip) and pdfium.FPDFClipPath_CountPaths(clip) > 0
        return Painted(
            Paint.PATH, self._order, self._box(one, place), colour=colour, is_sheet=is_sheet, is_clipped=is_clipped
        )

    def _filled(self, one: Any) -> tuple[tuple[int, int, int] | None, int]:
        red, green, blue, alpha = self._colour
        if not self._pdfium.FPDFPageObj_GetFillColor(one, red, green, blue, alpha):
            return None, 255
        return (red.value, green.value, blue.value), alpha.value

    def _matrix_of(self, one: Any) -> Matrix:
        m = self._matrix
        if not self._pdfium.FPDFPageObj_GetMatrix(one, m):
            return _IDENTITY
        return m.a, m.b, m.c, m.d, m.e, m.f

    def _box(self, one: Any, place: Matrix) -> Box:
        left, bottom, right, top = self._edges
        if not self._pdfium.FPDFPageObj_GetBounds(one, left, bottom, right, top):
            return Box(0.0, 0.0, 0.0, 0.0)
        edges = left.value, bottom.value, right.value, top.value
        if place == _IDENTITY:
            return Box(*edges)
        a, b, c, d, e, f = place
        corners = [(x, y) for x in edges[::2] for y in edges[1::2]]
        xs = [a * x + c * y + e for x, y in corners]
        ys = [b * x + d * y + f for x, y in corners]
        return Box(min(xs), min(ys), max(xs), max(ys))


def _product(inner: Matrix, outer: Matrix) -> Matrix:
    """First ``inner``, then ``outer``."""
    a, b, c, d, e, f = inner
    p, q, r, s, t, u = outer
    return a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u
