"""Office files, OpenDocument texts and books that grow when they are read."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping

from eval.hostile.archives import GIB, deflated_run, forged_zip, plain_zip

_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_ODF = "urn:oasis:names:tc:opendocument:xmlns"
LAUGHS = (
    '<!DOCTYPE a [<!ENTITY l0 "ha">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)) + "]>"
)


def docx(body: str, *, prolog: str = "", parts: Mapping[str, bytes] | None = None) -> bytes:
    """A Word file with this body."""
    document = f'<?xml version="1.0"?>{prolog}<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>'
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    return _office("word/document.xml", kind, {"word/document.xml": document.encode(), **(parts or {})})


def xlsx(rows: str, *, strings: str = "", after: str = "", before: str = "") -> bytes:
    """A workbook of one sheet with these rows."""
    listed = '<sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets>'
    book = f'<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}">{listed}</workbook>'
    sheet = f'<worksheet xmlns="{_SHEET}">{before}<sheetData>{rows}</sheetData>{after}</worksheet>'
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    relations = _relations({"r1": ("worksheet", "worksheets/sheet1.xml"), "r2": ("sharedStrings", "sharedStrings.xml")})
    shared = f'<sst xmlns="{_SHEET}">{strings}</sst>'
    parts = {
        "xl/workbook.xml": book.encode(),
        "xl/_rels/workbook.xml.rels": relations,
        "xl/worksheets/sheet1.xml": sheet.encode(),
        "xl/sharedStrings.xml": shared.encode(),
    }
    return _office("xl/workbook.xml", kind, parts)


def open_document(kind: str, body: str, *, prolog: str = "") -> bytes:
    """An OpenDocument file with this body; ``kind`` is text or spreadsheet."""
    names = " ".join(f'xmlns:{name}="{_ODF}:{name}:1.0"' for name in ("office", "text", "table"))
    content = (
        f'<?xml version="1.0"?>{prolog}<office:document-content {names} office:version="1.2"><office:body>'
        f"<office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    )
    return _open_document(kind, {"content.xml": content.encode()})


def laughing_docx() -> bytes:
    return docx("<w:p><w:r><w:t>&l9;</w:t></w:r></w:p>", prolog=LAUGHS.replace("<!DOCTYPE a", "<!DOCTYPE w:document"))


def laughing_odt() -> bytes:
    return open_document("text", "<text:p>&l9;</text:p>", prolog=LAUGHS)


def expanding_docx() -> bytes:
    """A main part of three gigabytes of spaces, and a directory that admits to it."""
    return _forged_office(3 * GIB)


def lying_docx() -> bytes:
    """The same, and a directory that says a thousand bytes."""
    return _forged_office(1000)


def deep_docx(levels: int = 200_000) -> bytes:
    return docx("<w:sdt><w:sdtContent>" * levels + "</w:sdtContent></w:sdt>" * levels)


def long_table_docx(rows: int = 1_000_000) -> bytes:
    return docx("<w:tbl>" + "<w:tr><w:tc><w:p><w:r><w:t>cell</w:t></w:r></w:p></w:tc></w:tr>" * rows + "</w:tbl>")


def wide_span_docx() -> bytes:
    """A table of one cell that spans two thousand million columns."""
    cell = '<w:tc><w:tcPr><w:gridSpan w:val="2000000000"/></w:tcPr><w:p><w:r><w:t>cell</w:t></w:r></w:p></w:tc>'
    return docx(f"<w:tbl><w:tr>{cell}</w:tr></w:tbl>")


def nested_tables_docx(levels: int = 500) -> bytes:
    return docx("<w:tbl><w:tr><w:tc>" * levels + "<w:p/>" + "</w:tc></w:tr></w:tbl><w:p/>" * levels)


def huge_image_docx() -> bytes:
    return docx("<w:p/>", parts={"word/media/image1.png": png(100_000, 100_000)})


def last_cell_xlsx() -> bytes:
    """One cell, in the last column of the last row."""
    return xlsx('<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>far away</t></is></c></row>')


def all_merged_xlsx() -> bytes:
    """One cell that is merged over the whole sheet, whose stated size is all of it."""
    row = '<row r="1"><c r="A1" t="inlineStr"><is><t>everywhere</t></is></c></row>'
    merged = '<mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    return xlsx(row, after=merged, before='<dimension ref="A1:XFD1048576"/>')


def shared_string_xlsx(cells: int = 200_000, length: int = 30_000) -> bytes:
    """One long string in very many cells: six gigabytes of text."""
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, cells + 1))
    return xlsx(rows, strings=f"<si><t>{'word ' * (length // 5)}</t></si>")


def repeated_cells_ods() -> bytes:
    """One cell that is said to be repeated over the whole sheet."""
    cell = '<table:table-cell table:number-columns-repeated="16384"><text:p>again</text:p></table:table-cell>'
    row = f'<table:table-row table:number-rows-repeated="1048576">{cell}</table:table-row>'
    return open_document("spreadsheet", f'<table:table table:name="a">{row}</table:table>')


def endless_spaces_odt() -> bytes:
    """A paragraph with two thousand million spaces in a row, by one tag."""
    return open_document("text", '<text:p>a<text:s text:c="2000000000"/>b</text:p>')


def expanding_epub() -> bytes:
    container = b'<container><rootfiles><rootfile full-path="a.opf"/></rootfiles></container>'
    packed = zlib.compress(container)[2:-4]
    stated = zlib.compress(b"application/epub+zip")[2:-4]
    return forged_zip(
        {
            "mimetype": (stated, 20),
            "META-INF/container.xml": (packed, len(container)),
            "a.xhtml": (deflated_run(b" ", GIB), GIB),
        }
    )


def png(width: int, height: int) -> bytes:
    """An image that says it is this large."""
    head = b"IHDR" + struct.pack(">2L5B", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">L", 13) + head + struct.pack(">L", zlib.crc32(head)) + b"\x00" * 64


def _office(main: str, kind: str, parts: Mapping[str, bytes]) -> bytes:
    return plain_zip({**_frame(main, kind), **parts})


def _frame(main: str, kind: str) -> dict[str, bytes]:
    types = (
        f'<Types xmlns="{_TYPES}"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/{main}" ContentType="{kind}"/>'
        '<Override PartName="/xl/sharedStrings.xml" ContentType='
        '"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>'
    )
    return {"[Content_Types].xml": types.encode(), "_rels/.rels": _relations({"r1": ("officeDocument", main)})}


def _relations(targets: Mapping[str, tuple[str, str]]) -> bytes:
    links = "".join(
        f'<Relationship Id="{name}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for name, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{_RELATIONS}">{links}</Relationships>'.encode()


def _forged_office(stated: int) -> bytes:
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    frame = _frame("word/document.xml", kind)
    members = {name: (zlib.compress(part)[2:-4], len(part)) for name, part in frame.items()}
    return forged_zip({**members, "word/document.xml": (deflated_run(b" ", 3 * GIB), stated)})


def _open_document(kind: str, parts: Mapping[str, bytes]) -> bytes:
    import zipfile

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}")
        for name, part in parts.items():
            archive.writestr(name, part, zipfile.ZIP_DEFLATED)
    return stream.getvalue()
