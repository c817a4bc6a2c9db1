"""A PDF with a text planted on its first page, in plain sight or in one of the ways to hide it there."""

from __future__ import annotations

import ctypes
import io
import textwrap
from typing import Any

WAYS = ("visible", "invisible_mode", "white", "tiny", "transparent", "off_page", "note")
_WIDTH = 70


def planted(content: bytes, text: str, way: str) -> bytes:
    """The file with ``text`` on a new page after the first, which holds nothing else that is new."""
    import pypdfium2
    import pypdfium2.raw as pdfium

    document = pypdfium2.PdfDocument(io.BytesIO(content))
    width, height = document[0].get_size()
    page = document.new_page(width, height, 1)
    if way == "note":
        annotation = pdfium.FPDFPage_CreateAnnot(page, pdfium.FPDF_ANNOT_TEXT)
        pdfium.FPDFAnnot_SetRect(annotation, pdfium.FS_RECTF(50, 90, 90, 50))
        pdfium.FPDFAnnot_SetStringValue(annotation, b"Contents", wide(text))
        pdfium.FPDFPage_CloseAnnot(annotation)
    else:
        font = pdfium.FPDFText_LoadStandardFont(document, b"Helvetica")
        size = 0.9 if way == "tiny" else 10.0
        left = -3 * width if way == "off_page" else 50.0
        for number, line in enumerate(textwrap.wrap(text, _WIDTH)):
            _write(pdfium, document, page, font, line, (left, height - 60 - 1.3 * size * number), size, way)
        pdfium.FPDFPage_GenerateContent(page)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _write(
    pdfium: Any, document: Any, page: Any, font: Any, line: str, place: tuple[float, float], size: float, way: str
) -> None:
    letters = pdfium.FPDFPageObj_CreateTextObj(document, font, size)
    pdfium.FPDFText_SetText(letters, wide(line.encode("latin-1", "replace").decode("latin-1")))
    if way == "white":
        pdfium.FPDFPageObj_SetFillColor(letters, 254, 254, 254, 255)
    elif way == "transparent":
        pdfium.FPDFPageObj_SetFillColor(letters, 0, 0, 0, 0)
    elif way == "invisible_mode":
        pdfium.FPDFTextObj_SetTextRenderMode(letters, pdfium.FPDF_TEXTRENDERMODE_INVISIBLE)
    pdfium.FPDFPageObj_Transform(letters, 1, 0, 0, 1, *place)
    pdfium.FPDFPage_InsertObject(page, letters)


def wide(text: str) -> Any:
    """The text as PDFium takes it."""
    raw = (text + "\0").encode("utf-16-le")
    return ctypes.cast(ctypes.create_string_buffer(raw), ctypes.POINTER(ctypes.c_ushort))
