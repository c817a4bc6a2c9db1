"""PDFs that loop, recurse, or expand."""

from __future__ import annotations

from collections.abc import Sequence

from eval.hostile.archives import GIB, deflated_run

_FONT = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
_PAGE = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
_DRAWN = b"BT /F1 12 Tf 72 700 Td (An honest sentence of this page.) Tj ET"


def pdf(objects: Sequence[str | bytes], *, trailer: str = "") -> bytes:
    """A PDF of these objects, numbered from 1, the first being its catalog."""
    body, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        encoded = content.encode("latin-1") if isinstance(content, str) else content
        body += b"%d 0 obj\n%s\nendobj\n" % (number, encoded)
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    end += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{len(body)}\n%%EOF\n"
    return body + end.encode()


def stream(content: bytes, entries: str = "") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), entries.encode(), content)


def one_page(contents: bytes, *, resources: str = "", more: Sequence[str | bytes] = ()) -> bytes:
    """A PDF of one page; object 4 is its contents, objects from 6 on are ``more``."""
    page = (
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        f"/Resources << /Font << /F1 5 0 R >> {resources} >> >>"
    )
    catalog, pages = "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
    return pdf([catalog, pages, page, contents, _FONT, *more])


def expanding_contents() -> bytes:
    """Ten gigabytes of white space before a sentence, in one stream."""
    packed = b"\x78\x9c" + deflated_run(b" ", 10 * GIB)
    return one_page(stream(packed, "/Filter /FlateDecode"))


def twice_packed_contents() -> bytes:
    """The same behind two filters, so that the file is small."""
    import zlib

    packed = zlib.compress(b"\x78\x9c" + deflated_run(b" ", 10 * GIB), 9)
    return one_page(stream(packed, "/Filter [/FlateDecode /FlateDecode]"))


def billion_pages() -> bytes:
    return pdf(["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [] /Count 1000000000 >>"])


def many_pages(count: int = 30_000) -> bytes:
    """One page, named very often."""
    kids = "3 0 R " * count
    return pdf(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
            _PAGE,
            stream(_DRAWN),
            _FONT,
        ]
    )


def cyclic_page_tree() -> bytes:
    return pdf(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Kids [3 0 R 2 0 R] /Count 4 /Parent 3 0 R >>",
            "<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 2 /Parent 2 0 R >>",
        ]
    )


def laughing_forms(levels: int = 12, calls: int = 10) -> bytes:
    """Drawings that each draw the next ten times: the billion laughs of PDF."""
    more = []
    for number in range(levels):
        last = number == levels - 1
        drawn = _DRAWN if last else b"/X Do " * calls
        inner = "/Font << /F1 5 0 R >>" if last else f"/XObject << /X {7 + number} 0 R >>"
        more.append(stream(drawn, f"/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << {inner} >>"))
    return one_page(stream(b"/X Do " * calls), resources="/XObject << /X 6 0 R >>", more=more)


def self_drawing_form() -> bytes:
    entries = "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R >> >>"
    return one_page(stream(b"/X Do"), resources="/XObject << /X 6 0 R >>", more=[stream(b"/X Do /X Do", entries)])


def deep_objects(levels: int = 1_000_000) -> bytes:
    return one_page(stream(_DRAWN), more=["[" * levels + "]" * levels, "<< /A " * levels + ">>" * levels])


def deep_contents(levels: int = 1_000_000) -> bytes:
    return one_page(stream(b"[" * levels + b"]" * levels + b" q" * levels + b" " + _DRAWN))


def looping_tables() -> bytes:
    """A cross-reference table that names itself as the one before it."""
    plain = one_page(stream(_DRAWN))
    at = plain.rindex(b"xref\n0")
    return plain.replace(b"/Root 1 0 R", b"/Root 1 0 R /Prev %d" % at)


def many_letters(count: int = 3_000_000) -> bytes:
    """A page of millions of words, one over the other."""
    return one_page(stream(b"BT /F1 12 Tf 72 700 Td " + b"(a b) Tj " * count + b"ET"))


def huge_image_pdf() -> bytes:
    image = "/Type /XObject /Subtype /Image /Width 200000 /Height 200000 /ColorSpace /DeviceRGB /BitsPerComponent 8"
    return one_page(stream(_DRAWN), resources="/XObject << /I 6 0 R >>", more=[stream(b"x", image)])


def long_map(entries: int = 400_000) -> bytes:
    """A font whose map to Unicode turns each letter into hundreds."""
    line = b"<41> <" + b"0061" * 200 + b">\n"
    mapped = b"begincmap\n" + b"1 beginbfchar\n" + line * (entries // 40) + b"endbfchar\nendcmap"
    return one_page(
        stream(b"BT /F2 12 Tf 72 700 Td (" + b"A" * 200_000 + b") Tj ET"),
        resources="/Font << /F2 6 0 R >>",
        more=["<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 7 0 R >>", stream(mapped)],
    )
