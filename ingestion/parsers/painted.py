"""What is painted on a PDF page, in order: text, grounds of one colour, and all else, each with its place."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

_DEEPEST = 8
"""Groups within groups that are looked into."""
_INVISIBLE = 3
_FILLING = frozenset({0, 2, 4, 6})
"""Text render modes: neither fill nor stroke; and those that fill."""
_LONGEST_NAME = 400
_MOST_MARKS, _MOST_CLIPS, _MOST_CORNERS = 16, 8, 64
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

    ``is_sheet``: an opaque rectangle of ``colour``, which hides what is beneath it. ``cause`` is set for text that may
    not be drawn: the layer or group that it is in, a clip that leaves it out, a mode that draws no fillings.
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
    cause: tuple[object, ...] | None = None


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
        self._group = 0
        self._name = ctypes.create_string_buffer(_LONGEST_NAME)
        self._length = ctypes.c_ulong()

    def things(self, objects: Iterator[Any], place: Matrix, depth: int) -> Iterator[Painted]:
        pdfium = self._pdfium
        for one in objects:
            kind = pdfium.FPDFPageObj_GetType(one)
            self._order += 1
            if kind == pdfium.FPDF_PAGEOBJ_FORM:
                if depth == 0:
                    self._group = ctypes.cast(one, ctypes.c_void_p).value or 0
                if depth < _DEEPEST:
                    inner = (
                        pdfium.FPDFFormObj_GetObject(one, at) for at in range(pdfium.FPDFFormObj_CountObjects(one))
                    )
                    yield from self.things(inner, _product(self._matrix_of(one), place), depth + 1)
            elif kind == pdfium.FPDF_PAGEOBJ_TEXT:
                yield self._text(one, place, self._group if depth else 0)
            elif kind == pdfium.FPDF_PAGEOBJ_PATH:
                if (path := self._path(one, place)) is not None:
                    yield path
            else:
                is_picture = kind == pdfium.FPDF_PAGEOBJ_IMAGE
                yield Painted(Paint.PICTURE if is_picture else Paint.SHADING, self._order, self._box(one, place))

    def _text(self, one: Any, place: Matrix, group: int) -> Painted:
        pdfium, size = self._pdfium, self._size
        pdfium.FPDFTextObj_GetFontSize(one, size)
        matrix = _product(self._matrix_of(one), place)
        box = self._box(one, place)
        points = abs(size.value) * (matrix[2] ** 2 + matrix[3] ** 2) ** 0.5
        colour, alpha = self._filled(one)
        mode = pdfium.FPDFTextObj_GetTextRenderMode(one)
        layers, is_cut = self._layers(one), self._is_cut(one)
        is_drawable = mode in _FILLING or mode == _INVISIBLE
        return Painted(
            Paint.TEXT,
            self._order,
            box,
            address=ctypes.cast(one, ctypes.c_void_p).value or 0,
            mode=mode,
            # Fonts that are drawings have sizes of their own scale: their letters are as large as they are.
            size=max(points, min(box.top - box.bottom, box.right - box.left)),
            colour=colour,
            alpha=alpha,
            cause=(group, layers, is_cut, mode) if group or layers or is_cut or not is_drawable else None,
        )

    def _layers(self, one: Any) -> tuple[str, ...]:
        """The names of the layers that the text is marked to be in, as far as they have any."""
        pdfium = self._pdfium
        found = []
        for at in range(min(pdfium.FPDFPageObj_CountMarks(one), _MOST_MARKS)):
            mark = pdfium.FPDFPageObj_GetMark(one, at)
            if mark and self._wide(pdfium.FPDFPageObjMark_GetName, mark) == "OC":
                found.append(self._wide(pdfium.FPDFPageObjMark_GetParamStringValue, mark, b"Name") or "OC")
        return tuple(found)

    def _wide(self, read: Any, *about: Any) -> str:
        pointer = ctypes.cast(self._name, ctypes.POINTER(self._pdfium.FPDF_WCHAR))
        if not read(*about, pointer, _LONGEST_NAME, self._length) or not 2 <= self._length.value <= _LONGEST_NAME:
            return ""
        return self._name.raw[: self._length.value - 2].decode("utf-16-le", "replace")

    def _is_cut(self, one: Any) -> bool:
        """Whether the middle of the text lies outside of what it is clipped to, as far as that is told by corners."""
        pdfium = self._pdfium
        clip = pdfium.FPDFPageObj_GetClipPath(one)
        paths = pdfium.FPDFClipPath_CountPaths(clip) if clip else 0
        if paths <= 0:
            return False
        left, bottom, right, top = self._edges
        if not pdfium.FPDFPageObj_GetBounds(one, left, bottom, right, top):
            return False
        middle = (left.value + right.value) / 2, (bottom.value + top.value) / 2
        x, y = ctypes.c_float(), ctypes.c_float()
        for path in range(min(paths, _MOST_CLIPS)):
            xs, ys = [], []
            for at in range(min(pdfium.FPDFClipPath_CountPathSegments(clip, path), _MOST_CORNERS)):
                segment = pdfium.FPDFClipPath_GetPathSegment(clip, path, at)
                if segment and pdfium.FPDFPathSegment_GetPoint(segment, x, y):
                    xs.append(x.value)
                    ys.append(y.value)
            if xs and not (min(xs) <= middle[0] <= max(xs) and min(ys) <= middle[1] <= max(ys)):
                return True
        return False

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
