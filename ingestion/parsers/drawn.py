"""Whether pieces of text leave anything on a PDF page: the page is drawn with them and without them.

Layers that are switched off, clips, and groups that are not shown are PDFium's to judge: what it draws is what readers
see. Asked of pieces alone that give cause, for drawing takes longer than reading.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ingestion.parsers.painted import Box, Painted

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]

_LONGEST_EDGE = 1000
"""Pixels; a letter of a line of ordinary size is some pixels then."""
_MOST_GROUPS = 8
"""Pictures of a page besides the first; pieces that are alike in what gives cause share one."""
_MANY = 2000
"""Things on a page from which on drawing it takes long: a plan, of which one more picture is made."""


def without_trace(page: Any, texts: Sequence[Painted], things: int) -> set[int]:
    """The addresses of those of the pieces that may be taken away, and the page of so many things looks the same."""
    import pypdfium2.raw as pdfium

    if not texts:
        return set()
    most = _MOST_GROUPS if things <= _MANY else 1
    groups: dict[object, list[Painted]] = {}
    for text in texts:
        cause = text.cause if text.cause in groups or len(groups) < most else None
        groups.setdefault(cause, []).append(text)
    width, height = page.get_size()
    scale = min(1.0, _LONGEST_EDGE / max(width, height, 1.0))
    whole = _picture(page, scale)
    found: set[int] = set()
    for group in groups.values():
        for text in group:
            pdfium.FPDFPageObj_SetIsActive(_object(pdfium, text), False)
        rest = _picture(page, scale)
        for text in group:
            pdfium.FPDFPageObj_SetIsActive(_object(pdfium, text), True)
        if rest.shape != whole.shape:
            continue
        changed = whole != rest
        found |= {text.address for text in group if not _part(pdfium, page, changed, text.box).any()}
    return found


def _object(pdfium: Any, text: Painted) -> Any:
    return ctypes.cast(text.address, pdfium.FPDF_PAGEOBJECT)


def _picture(page: Any, scale: float) -> Picture:
    bitmap = page.render(scale=scale, grayscale=True, draw_annots=False, may_draw_forms=False)
    picture: Picture = bitmap.to_numpy().copy()
    bitmap.close()
    return picture


def _part(pdfium: Any, page: Any, picture: Any, box: Box) -> Any:
    """The part of the picture where the box lies, whichever way the page is turned."""
    height, width = picture.shape[:2]
    xs, ys = [], []
    x, y = ctypes.c_int(), ctypes.c_int()
    for left, bottom in ((box.left, box.bottom), (box.right, box.top)):
        pdfium.FPDF_PageToDevice(page, 0, 0, width, height, 0, left, bottom, x, y)
        xs.append(x.value)
        ys.append(y.value)
    return picture[max(min(ys) - 1, 0) : max(max(ys) + 2, 0), max(min(xs) - 1, 0) : max(max(xs) + 2, 0)]
