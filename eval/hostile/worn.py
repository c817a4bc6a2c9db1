"""Small files that wear a reader out: too many pieces, or one piece that is compared with all before it."""

from __future__ import annotations

import io
import zipfile
import zlib

from eval.hostile.packages import docx, open_document, xlsx
from eval.hostile.pdfs import one_page, pdf, stream

_HEAD = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: Hello\r\nMIME-Version: 1.0\r\n"
_MIXED = _HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'


def crowded_tag(count: int = 150_000) -> bytes:
    return b"<html><body><p " + b" ".join(b"a%d" % n for n in range(count)) + b">word</p></body></html>"


def many_paragraphs(count: int = 110_000) -> bytes:
    return b"<html><body>" + b"<p>word" * count


def cells_in_cells(count: int = 40_000) -> bytes:
    """A row in a cell of a row, and so on: each holds the text of all within it."""
    return b"<html><body><table>" + b"<tr><td>a</td><td><div>" * 80 + b"<span>word</span>" * count


def deep_selectors(count: int = 2000) -> bytes:
    rules = (b"div " * 40 + b"p{color:red}") * count
    return b"<html><style>" + rules + b"</style><body>" + b"<div>" * 100 + b"<p>word</p>" * 200


def many_selectors(count: int = 45_000) -> bytes:
    rules = b"".join(b"div p.a%d{color:red}" % n for n in range(count))
    return b"<html><style>" + rules + b"</style><body><p>word"


def text_behind_hidden(count: int = 40_000) -> bytes:
    return b"<html><body>" + b"<b hidden>word</b>tail" * count


def spanned_rows(rows: int = 40_000) -> bytes:
    cell = b"<tr><td rowspan=65000>" + b"word " * 40_000 + b"</td><td>x</td></tr>"
    return b"<html><body><table>" + cell + b"<tr><td>x</td></tr>" * rows


def many_parts(count: int = 120_000) -> bytes:
    return _MIXED + b"--b\n\na\n" * count


def many_parameters(parts: int = 250) -> bytes:
    named = b"; ".join(b"filename*%d*=utf-8''b" % n for n in range(150))
    return _MIXED + (b"--b\r\nContent-Disposition: attachment; " + named + b"\r\n\r\na\r\n") * parts


def nested_boundaries(levels: int = 90, lines: int = 300_000) -> bytes:
    opened = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(levels))
    return _HEAD + opened + b"Content-Type: text/plain\r\n\r\n" + b"a\r\n" * lines


def commented_sender(count: int = 80_000) -> bytes:
    return b"Subject: a\r\nTo: b@example.org\r\nFrom: " + b"(a)" * count + b"a@example.org\r\n\r\nHello\r\n"


def paragraphs_in_a_cell(count: int = 150_000) -> bytes:
    return b"{\\rtf1 \\intbl " + b"word\\par " * count + b"}"


def lines_md(count: int = 300_000) -> bytes:
    return b"a\n\n" * count


def narrow_rows_md(rows: int = 300_000) -> bytes:
    return b"|a" * 20 + b"|\n" + b"|-" * 20 + b"|\n" + b"|b\n" * rows


def mixed_text_xml(levels: int = 120, leaves: int = 100_000) -> bytes:
    """Text beside elements on every level: each must be known to be prose or not."""
    return b"<a>x<b>y" * levels + b"<c>z</c>" * leaves + b"</b></a>" * levels


def many_paragraphs_docx(count: int = 60_000) -> bytes:
    return docx("".join(f"<w:p><w:r><w:t>word {n * 7919 % 100_003}</w:t></w:r></w:p>" for n in range(count)))


def runs_docx(count: int = 60_000) -> bytes:
    """One paragraph of very many pieces, which has no properties of its own to be found at its head."""
    return docx("<w:p>" + "".join(f"<w:r><w:t>word {n}</w:t></w:r>" for n in range(count)) + "</w:p>")


def far_cells_xlsx(rows: int = 300) -> bytes:
    return xlsx("".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(1, rows + 1)))


def many_strings_xlsx(count: int = 900_000) -> bytes:
    strings = "".join(f"<si><t>{n}</t></si>" for n in range(count))
    return xlsx('<row r="1"><c r="A1" t="s"><v>0</v></c></row>', strings=strings)


def hidden_columns_xlsx(count: int = 30_000) -> bytes:
    columns = '<col min="1" max="16384" hidden="1"/>' * count
    return xlsx('<row r="1"><c r="A1"><v>1</v></c></row>', before=f"<cols>{columns}</cols>")


def covered_cells_ods(count: int = 150_000) -> bytes:
    row = "<table:table-cell><text:p>a</text:p></table:table-cell>" + "<table:covered-table-cell/>" * count
    return open_document(
        "spreadsheet", f'<table:table table:name="a"><table:table-row>{row}</table:table-row></table:table>'
    )


def repeated_rows_ods(times: int = 4) -> bytes:
    cell = '<table:table-cell table:number-columns-repeated="1024"><text:p>word word</text:p></table:table-cell>'
    row = f'<table:table-row table:number-rows-repeated="1000">{cell}</table:table-row>'
    return open_document("spreadsheet", f'<table:table table:name="a">{row * times}</table:table>')


def nested_tables_odt(levels: int = 70, count: int = 100_000) -> bytes:
    opened, closed = "<table:table><table:table-row><table:table-cell>", "</table:table-cell></table:table-row>"
    inner = "<text:p>a</text:p>" * count
    return open_document("text", opened * levels + inner + (closed + "</table:table>") * levels)


def paragraphs_epub(count: int = 30_000, pages: int = 20) -> bytes:
    packed = io.BytesIO()
    kind = 'media-type="application/xhtml+xml"'
    items = "".join(f'<item id="i{n}" href="p{n}.xhtml" {kind}/>' for n in range(pages))
    spine = "".join(f'<itemref idref="i{n}"/>' for n in range(pages))
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("mimetype", "application/epub+zip")
        book.writestr(
            "META-INF/container.xml", '<container><rootfiles><rootfile full-path="a.opf"/></rootfiles></container>'
        )
        book.writestr("a.opf", f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>")
        for n in range(pages):
            book.writestr(f"p{n}.xhtml", f"<html><body>{'<p>word</p>' * (count // pages)}</body></html>")
    return packed.getvalue()


def packed_contents(count: int = 3_000_000) -> bytes:
    """A page of millions of words, packed to a few kilobytes."""
    drawn = zlib.compress(b"BT /F1 12 Tf 72 700 Td " + b"(a b) Tj " * count + b"ET", 9)
    return one_page(stream(drawn, "/Filter /FlateDecode"))


def shared_contents(pages: int = 4500, words: int = 20_000) -> bytes:
    """Pages that all draw the same text."""
    drawn = zlib.compress(b"BT /F1 12 Tf 72 700 Td " + b"(word) Tj 0 -14 Td " * words + b"ET", 9)
    kids = " ".join(f"{5 + n} 0 R" for n in range(pages))
    page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 3 0 R/Resources<</Font<</F1 4 0 R>>>>>>"
    return pdf(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>",
            stream(drawn, "/Filter /FlateDecode"),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            *[page] * pages,
        ]
    )
