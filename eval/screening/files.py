"""Documents with a string planted in them, in plain sight or hidden, made from real files of four formats."""

from __future__ import annotations

import html
import io
import re
import zipfile
from collections.abc import Callable, Mapping
from xml.sax.saxutils import escape

from eval.screening import plant_pdf

Planter = Callable[[bytes, str], bytes]
_PARAGRAPH_END = re.compile(rb"</w:p>")


def _page(made: Callable[[str], str]) -> Planter:
    def plant(content: bytes, text: str) -> bytes:
        page = content.decode("utf-8", "replace")
        end = page.lower().rfind("</body>")
        end = len(page) if end < 0 else end
        return f"{page[:end]}{made(html.escape(text))}{page[end:]}".encode()

    return plant


def _notes(made: Callable[[str], str]) -> Planter:
    return lambda content, text: content + f"\n\n{made(text)}\n".encode()


def _paragraph(marks: str, letters: str = "w:t") -> Planter:
    """A paragraph of its own after the first, its run with ``marks``."""

    def plant(content: bytes, text: str) -> bytes:
        run = f'<w:r><w:rPr>{marks}</w:rPr><{letters} xml:space="preserve">{escape(text)}</{letters}></w:r>'
        run = f'<w:del w:id="9001" w:author="a">{run}</w:del>' if letters == "w:delText" else run
        return _changed(content, "word/document.xml", lambda body: _after_first(body, f"<w:p>{run}</w:p>".encode()))

    return plant


def _after_first(body: bytes, paragraph: bytes) -> bytes:
    end = _PARAGRAPH_END.search(body)
    at = end.end() if end else body.rfind(b"</w:body>")
    return body[:at] + paragraph + body[at:]


def _subject(content: bytes, text: str) -> bytes:
    def stated(properties: bytes) -> bytes:
        told = f"<dc:subject>{escape(text)}</dc:subject>".encode()
        without = re.sub(rb"<dc:subject>[^<]{0,9999}</dc:subject>|<dc:subject/>", b"", properties)
        return without.replace(b"</cp:coreProperties>", told + b"</cp:coreProperties>")

    return _changed(content, "docProps/core.xml", stated)


def _changed(content: bytes, member: str, change: Callable[[bytes], bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for one in old.infolist():
            data = old.read(one)
            new.writestr(one, change(data) if one.filename == member else data)
    return out.getvalue()


def _one_line(text: str) -> str:
    return " ".join(text.split())


PLANTERS: Mapping[str, Mapping[str, Planter]] = {
    "html": {
        "visible": _page(lambda text: f"<p>{text}</p>"),
        "display_none": _page(lambda text: f'<div style="display:none">{text}</div>'),
        "comment": _page(lambda text: f"<!-- {text.replace('--', '- -')} -->"),
        "white": _page(lambda text: f'<p style="color:#fefefe">{text}</p>'),
        "tiny": _page(lambda text: f'<p style="font-size:1px">{text}</p>'),
        "off_screen": _page(lambda text: f'<p style="position:absolute;left:-9999px">{text}</p>'),
        "opacity": _page(lambda text: f'<p style="opacity:0">{text}</p>'),
        "alt": _page(lambda text: f'<img src="a.png" alt="{text}">'),
    },
    "md": {
        "visible": _notes(lambda text: text),
        "comment": _notes(lambda text: f"<!-- {_one_line(text).replace('--', '- -')} -->"),
        "reference": _notes(lambda text: "[//]: # ({})".format(re.sub(r"[()\\]", "", _one_line(text)))),
        "styled": _notes(lambda text: f'<span style="font-size:0">{html.escape(_one_line(text))}</span>'),
        "tag_characters": _notes(
            lambda text: "See above." + "".join(chr(0xE0000 + ord(one)) for one in _one_line(text) if " " <= one <= "~")
        ),
    },
    "docx": {
        "visible": _paragraph(""),
        "vanish": _paragraph("<w:vanish/>"),
        "white": _paragraph('<w:color w:val="FEFEFE"/>'),
        "tiny": _paragraph('<w:sz w:val="2"/>'),
        "deleted": _paragraph("", "w:delText"),
        "subject": _subject,
    },
    "pdf": {
        way: (lambda content, text, way=way: plant_pdf.planted(content, text, way))  # type: ignore[misc]
        for way in plant_pdf.WAYS
    },
}
"""By format and way of planting: a file and a text to the file with the text."""
