"""What the reader of an Office file does not see is kept apart."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import docx
import pptx
import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Pt, RGBColor
from pptx.dml.color import RGBColor as SlideColor
from pptx.util import Inches
from pptx.util import Pt as SlidePt

from ingestion.parsers.extract import Extract
from ingestion.parsers.slides import parse_pptx
from ingestion.parsers.word import parse_docx

SECRET = "SECRET words of an order"


def word(build: Callable[[Any], None]) -> Extract:
    document = docx.Document()
    document.core_properties.comments = ""
    document.add_paragraph("Shown.")
    build(document)
    out = io.BytesIO()
    document.save(out)
    return parse_docx(out.getvalue())


def _run(document: Any) -> Any:
    return document.add_paragraph().add_run(SECRET)


def _near_white(document: Any) -> None:
    _run(document).font.color.rgb = RGBColor(250, 250, 252)


def _two_points(document: Any) -> None:
    _run(document).font.size = Pt(2)


def _character_style(document: Any) -> None:
    style = document.styles.add_style("Quiet", WD_STYLE_TYPE.CHARACTER)
    style.font.color.rgb = RGBColor(255, 255, 255)
    _run(document).style = style


def _paragraph_style(document: Any) -> None:
    base = document.styles.add_style("Base", WD_STYLE_TYPE.PARAGRAPH)
    base.font.size = Pt(1)
    style = document.styles.add_style("Quiet", WD_STYLE_TYPE.PARAGRAPH)
    style.base_style = base
    document.add_paragraph(SECRET, style=style)


def _theme_white(document: Any) -> None:
    run = _run(document)
    run._element.get_or_add_rPr().append(
        parse_xml(f"<w:color {nsdecls('w')} w:val='AAAAAA' w:themeColor='background1'/>")
    )


def _in_a_header(document: Any) -> None:
    document.sections[0].header.paragraphs[0].add_run(SECRET).font.color.rgb = RGBColor(255, 255, 255)


def _in_a_plain_table(document: Any) -> None:
    run = document.add_table(1, 2).rows[0].cells[0].paragraphs[0].add_run(SECRET)
    run.font.color.rgb = RGBColor(255, 255, 255)


def _of_its_ground(document: Any) -> None:
    run = _run(document)
    run.font.color.rgb = RGBColor(0x1F, 0x38, 0x64)
    run._element.get_or_add_rPr().append(parse_xml(f"<w:shd {nsdecls('w')} w:val='clear' w:fill='1F3864'/>"))


def _squeezed(document: Any) -> None:
    _run(document)._element.get_or_add_rPr().append(parse_xml(f"<w:w {nsdecls('w')} w:val='1'/>"))


def _flat_line(document: Any) -> None:
    document.add_paragraph(SECRET).paragraph_format.line_spacing = Pt(0.7)


@pytest.mark.parametrize(
    "build",
    [
        _near_white,
        _two_points,
        _character_style,
        _paragraph_style,
        _theme_white,
        _in_a_header,
        _in_a_plain_table,
        _of_its_ground,
        _squeezed,
        _flat_line,
    ],
)
def test_letters_that_nobody_sees_in_a_word_file_are_disguised(build: Callable[[Any], None]) -> None:
    found = word(build)
    assert [element.text for element in found.elements] == ["Shown."]
    assert found.disguised == (SECRET,)


def _vanishing_style(document: Any) -> None:
    style = document.styles.add_style("Gone", WD_STYLE_TYPE.CHARACTER)
    style.font.hidden = True
    _run(document).style = style


def _subject(document: Any) -> None:
    document.core_properties.subject = SECRET


def _picture_text(document: Any) -> None:
    drawing = f"<w:p {nsdecls('w', 'wp')}><w:r><w:drawing><wp:inline><wp:docPr id='1' name='p' descr='{SECRET}'/>"
    document.element.body.insert(0, parse_xml(drawing + "</wp:inline></w:drawing></w:r></w:p>"))


def _hidden_header(document: Any) -> None:
    document.sections[0].header.paragraphs[0].add_run(SECRET).font.hidden = True


def _row(mark: str) -> Callable[[Any], None]:
    def build(document: Any) -> None:
        row = document.add_table(1, 1).rows[0]
        row.cells[0].text = SECRET
        row._tr.get_or_add_trPr().append(parse_xml(mark.format(nsdecls("w"))))

    return build


def _paragraph(mark: str) -> Callable[[Any], None]:
    def build(document: Any) -> None:
        document.add_paragraph(SECRET)._p.get_or_add_pPr().append(parse_xml(mark.format(nsdecls("w"))))

    return build


_TEXT = f"<w:txbxContent><w:p><w:r><w:t>{SECRET}</w:t></w:r></w:p></w:txbxContent>"


def _old_box(style: str) -> Callable[[Any], None]:
    shape = f"<v:shape style='{style}'><v:textbox>{_TEXT}</v:textbox></v:shape>"
    names = f"{nsdecls('w')} xmlns:v='urn:schemas-microsoft-com:vml'"
    return _drawn(f"<w:p {names}><w:r><w:pict>{shape}</w:pict></w:r></w:p>")


def _box_at(offset: int, *, size: int = 900_000, hidden: int = 0) -> Callable[[Any], None]:
    place = "".join(
        f"<wp:position{way} relativeFrom='page'><wp:posOffset>{at}</wp:posOffset></wp:position{way}>"
        for way, at in (("H", offset), ("V", 0))
    )
    held = f"<a:graphic><a:graphicData uri='x'>{_TEXT}</a:graphicData></a:graphic>"
    about = f"<wp:extent cx='{size}' cy='{size}'/><wp:docPr id='1' name='b' hidden='{hidden}'/>"
    anchor = f"<wp:anchor>{place}{about}{held}</wp:anchor>"
    return _drawn(f"<w:p {nsdecls('w', 'wp', 'a')}><w:r><w:drawing>{anchor}</w:drawing></w:r></w:p>")


def _drawn(paragraph: str) -> Callable[[Any], None]:
    return lambda document: document.element.body.insert(0, parse_xml(paragraph))


@pytest.mark.parametrize(
    "build",
    [
        _vanishing_style,
        _subject,
        _picture_text,
        _hidden_header,
        _row("<w:hidden {}/>"),
        _row("<w:trHeight {} w:val='1' w:hRule='exact'/>"),
        _paragraph("<w:framePr {} w:w='2000' w:x='-20000' w:y='1'/>"),
        _paragraph("<w:ind {} w:left='-20000'/>"),
        _old_box("position:absolute;margin-left:-2000pt;width:100pt;height:20pt"),
        _old_box("visibility:hidden;width:100pt;height:20pt"),
        _box_at(-90_000_000),
        _box_at(90_000_000),
        _box_at(0, size=0),
        _box_at(0, hidden=1),
    ],
)
def test_what_a_word_file_does_not_show_is_concealed(build: Callable[[Any], None]) -> None:
    found = word(build)
    assert [element.text for element in found.elements] == ["Shown."]
    assert (found.concealed, found.disguised) == ((SECRET,), ())


def _shaded(document: Any) -> None:
    run = _run(document)
    run.font.color.rgb = RGBColor(255, 255, 255)
    run._element.get_or_add_rPr().append(parse_xml(f"<w:shd {nsdecls('w')} w:val='clear' w:fill='1F3864'/>"))


def _table_head(document: Any) -> None:
    table = document.add_table(1, 2)
    table.style = "Medium Shading 1 Accent 1"  # its head is dark
    table.rows[0].cells[0].paragraphs[0].add_run(SECRET).font.color.rgb = RGBColor(255, 255, 255)


def _six_points(document: Any) -> None:
    _run(document).font.size = Pt(6)


@pytest.mark.parametrize(
    "build",
    [
        _shaded,
        _table_head,
        _six_points,
        _row("<w:trHeight {} w:val='300' w:hRule='exact'/>"),
        _paragraph("<w:ind {} w:left='-200'/>"),
        _paragraph("<w:framePr {} w:w='2000' w:x='900' w:y='900'/>"),
        _old_box("position:absolute;margin-left:20pt;width:100pt;height:20pt"),
        _box_at(900_000),
    ],
)
def test_what_a_word_file_shows_is_text(build: Callable[[Any], None]) -> None:
    found = word(build)
    assert SECRET in " ".join(element.text for element in found.elements)
    assert (found.concealed, found.disguised) == ((), ())


def deck(build: Callable[[Any, Any], None]) -> Extract:
    found = pptx.Presentation()
    slide = found.slides.add_slide(found.slide_layouts[6])
    slide.shapes.add_textbox(0, 0, Inches(3), Inches(1)).text_frame.text = "Shown."
    build(found, slide)
    out = io.BytesIO()
    found.save(out)
    return parse_pptx(out.getvalue())


def _box(slide: Any, left: float = 1.0) -> Any:
    frame = slide.shapes.add_textbox(Inches(left), Inches(2), Inches(3), Inches(1)).text_frame
    run = frame.paragraphs[0].add_run()
    run.text = SECRET
    return run


def _beside(found: Any, slide: Any) -> None:
    _box(slide, left=float(found.slide_width) / 914400 + 1)


def _white(_: Any, slide: Any) -> None:
    slide.background.fill.solid()
    slide.background.fill.fore_color.rgb = SlideColor(255, 255, 255)
    _box(slide).font.color.rgb = SlideColor(254, 255, 254)


def _tiny(_: Any, slide: Any) -> None:
    _box(slide).font.size = SlidePt(1)


def _dark(_: Any, slide: Any) -> None:
    slide.background.fill.solid()
    slide.background.fill.fore_color.rgb = SlideColor(0, 0, 60)
    _box(slide).font.color.rgb = SlideColor(255, 255, 255)


def _title_beside(found: Any, slide: Any) -> None:
    other = found.slides.add_slide(found.slide_layouts[5])
    other.shapes.title.text = SECRET
    other.shapes.title.left, other.shapes.title.top = Inches(30), 0
    other.shapes.title.width = other.shapes.title.height = Inches(3)


def _group_beside(_: Any, slide: Any) -> None:
    box = slide.shapes.add_group_shape().shapes.add_textbox(Inches(40), 0, Inches(3), Inches(1))
    box.text_frame.text = SECRET


def _table_beside(_: Any, slide: Any) -> None:
    slide.shapes.add_table(2, 1, Inches(40), 0, Inches(3), Inches(1)).table.cell(0, 0).text = SECRET


def _switched_off(_: Any, slide: Any) -> None:
    _box(slide)
    slide.shapes[-1]._element.nvSpPr.cNvPr.set("hidden", "1")


def _tiny_list(_: Any, slide: Any) -> None:
    _box(slide)
    styles = slide.shapes[-1].text_frame._txBody.find(qn("a:lstStyle"))
    styles.append(parse_xml(f"<a:lvl1pPr {nsdecls('a')}><a:defRPr sz='100'/></a:lvl1pPr>"))


@pytest.mark.parametrize(
    ("build", "is_seen"),
    [
        (_beside, False),
        (_title_beside, False),
        (_group_beside, False),
        (_table_beside, False),
        (_switched_off, False),
        (_white, False),
        (_tiny, False),
        (_tiny_list, False),
        (_dark, True),
    ],
)
def test_what_the_audience_of_slides_does_not_see_is_kept_apart(build: Any, is_seen: bool) -> None:
    found = deck(build)
    assert (SECRET in " ".join(element.text for element in found.elements)) == is_seen
    assert (SECRET in (*found.concealed, *found.disguised)) != is_seen
