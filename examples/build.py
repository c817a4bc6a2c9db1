"""Writes the binary files of the examples, docx, pptx, xlsx and pdf, from `content.toml`. The results are committed.

python -m examples.build
"""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

from docx import Document
from openpyxl import Workbook
from pptx import Presentation

HERE = Path(__file__).parent
WRITTEN = datetime(2026, 3, 2, 9, 0)  # noqa: DTZ001  # these formats store times without a zone

Content = dict[str, Any]


def write_docx(path: Path, content: Content) -> None:
    """A Word document with a title, headings and paragraphs."""
    document = Document()
    document.core_properties.title = content["title"]
    document.core_properties.author = ""
    document.core_properties.created = document.core_properties.modified = WRITTEN
    document.add_heading(content["title"], level=0)
    for section in content["sections"]:
        document.add_heading(section["heading"], level=1)
        for paragraph in section["paragraphs"]:
            document.add_paragraph(paragraph)
    document.save(str(path))


def write_xlsx(path: Path, content: Content) -> None:
    """A workbook of one sheet."""
    workbook = Workbook()
    workbook.properties.title = content["title"]
    workbook.properties.creator = ""
    workbook.properties.created = workbook.properties.modified = WRITTEN
    sheet = workbook.active
    sheet.title = content["title"]
    for row in content["rows"]:
        sheet.append(row)
    for column, width in zip("ABCD", (28, 30, 30, 42), strict=True):
        sheet.column_dimensions[column].width = width
    workbook.save(path)


def write_pptx(path: Path, content: Content) -> None:
    """A slide deck: a heading and bullet points each."""
    deck = Presentation()
    deck.core_properties.title = content["title"]
    deck.core_properties.author = ""
    deck.core_properties.created = deck.core_properties.modified = WRITTEN
    for section in content["sections"]:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = section["heading"]
        frame = slide.placeholders[1].text_frame
        first, *others = section["paragraphs"]
        frame.text = first
        for point in others:
            frame.add_paragraph().text = point
    deck.save(str(path))


def _wrapped(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line]


def _page_stream(paragraphs: list[str]) -> bytes:
    """PDF text operators for one A4 page; a paragraph that begins with `# ` is a heading."""
    operators, y = ["BT"], 780
    for paragraph in paragraphs:
        heading = paragraph.startswith("# ")
        size, width = (15, 60) if heading else (11, 84)
        y -= 14
        for line in _wrapped(paragraph.removeprefix("# "), width):
            escaped = line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
            operators.append(f"/F{2 if heading else 1} {size} Tf 1 0 0 1 60 {y} Tm ({escaped}) Tj")
            y -= size + 5
    return "\n".join([*operators, "ET"]).encode("ascii")


def write_pdf(path: Path, content: Content) -> None:
    """A PDF 1.4 with the standard Helvetica fonts (ISO 32000-1, annex H.3, shows this smallest form)."""
    pages: list[list[str]] = content["pages"]
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /{} /Encoding /WinAnsiEncoding >>"
    first_page = 6
    numbers = [first_page + 2 * n for n in range(len(pages))]
    kids = " ".join(f"{number} 0 R" for number in numbers)
    objects: list[bytes] = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        font.format("Helvetica").encode(),
        font.format("Helvetica-Bold").encode(),
        f"<< /Title ({content['title']}) >>".encode(),
    ]
    for number, page in zip(numbers, pages, strict=True):
        stream = _page_stream(page)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {number + 1} 0 R "
            "/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>".encode()
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n".encode() + stream + b"\nendstream")
    body, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, written in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n".encode() + written + b"\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R /Info 5 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    path.write_bytes(bytes(body) + f"xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}".encode())


WRITERS = {".docx": write_docx, ".xlsx": write_xlsx, ".pptx": write_pptx, ".pdf": write_pdf}


def main() -> None:
    """The binary example files are written anew."""
    for path, content in tomllib.loads((HERE / "content.toml").read_text("utf-8")).items():
        WRITERS[Path(path).suffix](HERE / path, content)


if __name__ == "__main__":
    main()
