"""Text of a PDF that its program does not draw is kept apart: layers that are off, clips, groups, odd modes."""

from __future__ import annotations

import pytest

from ingestion.parsers.pdf import parse_pdf

SHOWN = "The office opens at nine and closes at five."
SECRET = "SECRET words of an order"
LINE = f"BT /F1 12 Tf 72 700 Td ({SHOWN}) Tj ET "
HIDDEN = f"BT /F1 12 Tf 72 600 Td ({SECRET}) Tj ET "
_LAYER = "<< /Type /OCG /Name (Layer) >>"
_OFF = "/OCProperties << /OCGs [6 0 R] /D << /OFF [6 0 R] >> >>"
_ALL_OFF = "/OCProperties << /OCGs [6 0 R] /D << /BaseState /OFF >> >>"
_ON = "/OCProperties << /OCGs [6 0 R] /D << >> >>"
_IN_LAYER = f"{LINE}/OC /L1 BDC {HIDDEN} EMC"
_NAMED = "/Properties << /L1 6 0 R >>"


def group(about: str) -> str:
    """A form that draws the text."""
    fonts = "/Resources << /Font << /F1 5 0 R >> >>"
    head = f"<< /Type /XObject /Subtype /Form {about} {fonts} /Length {len(HIDDEN)} >>"
    return f"{head}\nstream\n{HIDDEN}\nendstream"


def pdf(content: str, *more: str, resources: str = "", page: str = "", catalog: str = "") -> bytes:
    """A PDF of one page; ``more`` are its objects from the sixth on."""
    held = f"/Resources << /Font << /F1 5 0 R >> {resources} >>"
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] {page} /Contents 4 0 R {held} >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        *more,
    ]
    out = "%PDF-1.7\n"
    places = []
    for number, one in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n{one}\nendobj\n"
    table = "".join(f"{at:010d} 00000 n \n" for at in places)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n"
    end = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF"
    return (out + head + table + end).encode()


@pytest.mark.parametrize(
    ("content", "is_shown"),
    [
        pytest.param(pdf(_IN_LAYER, _LAYER, resources=_NAMED, catalog=_OFF), False, id="a layer that is off"),
        pytest.param(pdf(_IN_LAYER, _LAYER, resources=_NAMED, catalog=_ALL_OFF), False, id="all layers off"),
        pytest.param(pdf(_IN_LAYER, _LAYER, resources=_NAMED, catalog=_ON), True, id="a layer that is on"),
        pytest.param(
            pdf(
                _IN_LAYER,
                _LAYER,
                "<< /Type /OCMD /OCGs [6 0 R] /P /AllOn >>",
                resources="/Properties << /L1 7 0 R >>",
                catalog=_OFF,
            ),
            False,
            id="a rule about a layer that is off",
        ),
        pytest.param(
            pdf(
                f"{LINE}/X1 Do",
                _LAYER,
                group("/BBox [0 0 612 792] /OC 6 0 R"),
                resources="/XObject << /X1 7 0 R >>",
                catalog=_OFF,
            ),
            False,
            id="a group in a layer that is off",
        ),
        pytest.param(
            pdf(f"{LINE}/X1 Do", group("/BBox [0 0 10 10]"), resources="/XObject << /X1 6 0 R >>"),
            False,
            id="a group that is cut",
        ),
        pytest.param(
            pdf(f"{LINE}/X1 Do", group("/BBox [0 0 612 792]"), resources="/XObject << /X1 6 0 R >>"),
            True,
            id="a group",
        ),
        pytest.param(pdf(f"{LINE}q 0 0 10 10 re W n {HIDDEN} Q"), False, id="a clip beside it"),
        pytest.param(pdf(f"{LINE}q 0 500 612 200 re W n {HIDDEN} Q"), True, id="a clip around it"),
        pytest.param(pdf(LINE + HIDDEN, page="/CropBox [0 650 612 792]"), False, id="beside the page"),
        pytest.param(pdf(f"{LINE}7 Tr {HIDDEN}"), False, id="letters that only clip"),
        pytest.param(pdf(f"{LINE}1 1 1 RG 1 Tr {HIDDEN}"), False, id="white outlines"),
        pytest.param(pdf(f"{LINE}1 Tr {HIDDEN}"), True, id="outlines"),
    ],
)
def test_a_page_is_read_as_it_is_drawn(content: bytes, is_shown: bool) -> None:
    found = parse_pdf(content)
    text = " ".join(element.text for element in found.elements)
    assert SHOWN in text
    assert (SECRET in text) == is_shown
    assert (SECRET in (*found.concealed, *found.disguised)) != is_shown
