"""Small real files of every format, built where they are needed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from typing import Any


def docx_file(build: Callable[[Any], object]) -> bytes:
    """A Word file; ``build`` is given the ``python-docx`` document."""
    import docx

    document = docx.Document()
    build(document)
    return _saved(document)


def pptx_file(build: Callable[[Any], object]) -> bytes:
    """A presentation; ``build`` is given the ``python-pptx`` presentation."""
    import pptx

    deck = pptx.Presentation()
    build(deck)
    return _saved(deck)


def xlsx_file(build: Callable[[Any], object]) -> bytes:
    """A workbook; ``build`` is given the ``openpyxl`` workbook."""
    import openpyxl

    book = openpyxl.Workbook()
    build(book)
    return _saved(book)


def _saved(document: Any) -> bytes:
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def pdf_file(pages: Sequence[Sequence[tuple[float, float, float, str]]], *, extra: str = "") -> bytes:
    """A PDF of text lines given as (left, bottom, size, text), in Helvetica."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for page in pages:
        drawn = " ".join(
            f"BT /F1 {size} Tf {left} {bottom} Td ({_escaped(text)}) Tj ET" for left, bottom, size, text in page
        )
        objects.append(f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream")
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> "
            f"/Contents {len(objects)} 0 R >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    body, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    start = len(body)
    body += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(f"{at:010d} 00000 n \n" for at in offsets)
    body += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {extra} >>\nstartxref\n{start}\n%%EOF\n"
    return body.encode("latin-1")


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def with_members(package: bytes, members: dict[str, bytes]) -> bytes:
    """A zip package with members added or replaced."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(package)) as source,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            if name not in members:
                target.writestr(name, source.read(name))
        for name, content in members.items():
            target.writestr(name, content)
    return stream.getvalue()


def member_of(package: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return archive.read(name)


def zip_file(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return stream.getvalue()
