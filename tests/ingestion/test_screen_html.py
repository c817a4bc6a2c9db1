"""What styles hide from the reader of a page is kept apart, and what they only seem to hide is shown."""

from __future__ import annotations

import pytest

from ingestion.parsers.extract import Extract
from ingestion.parsers.markup import parse_html, parse_markdown


def read(body: str, *, style: str = "", head: str = "") -> Extract:
    page = f"<html><head><style>{style}</style>{head}</head><body><p>First.</p>{body}<p>Last.</p></body></html>"
    return parse_html(page.encode())


def shown(page: Extract) -> str:
    return " ".join(element.text for element in page.elements)


@pytest.mark.parametrize(
    ("body", "style"),
    [
        ("<p style='color:#fefefe'>SECRET words</p>", ""),
        ("<p style='color:rgb(250, 251, 252)'>SECRET words</p>", ""),
        ("<p style='color:hsl(0 0% 99%)'>SECRET words</p>", ""),
        ("<p style='color:rgba(0,0,0,0.01)'>SECRET words</p>", ""),
        ("<div style='background:#123456'><p style='color:#133557'>SECRET words</p></div>", ""),
        ("<div style='background-color:navy'><i style='background:white;color:snow'>SECRET words</i></div>", ""),
        ("<p style='font-size:.1em'>SECRET words</p>", ""),
        ("<p style='font-size:1.5pt'>SECRET words</p>", ""),
        ("<font color='#FFFFFF'>SECRET words</font>", ""),
        ("<div><p class=x>SECRET words</p></div>", "div > p.x { color: white }"),
        ("<p data-k=1>SECRET words</p>", "p[data-k] { font-size: 1px }"),
        ("<p class=x>SECRET words</p>", "@media screen { .x { color: white } }"),
        ("<p class=x>SECRET words</p>", "@media only screen and (min-width: 1px) { .x { color: white } }"),
        ("<p style='color:var(--paper)'>SECRET words</p>", ":root { --paper: #fff }"),
        ("<p style='color:var(--one)'>SECRET words</p>", "body { --one: var(--two); --two: snow }"),
        ("<div style='--ink:white'><p class=x>SECRET words</p></div>", ".x { color: var(--ink) }"),
        ("<p style='color:var(--none, #fff)'>SECRET words</p>", ""),
        ("<p style='font:0/0 a'>SECRET words</p>", ""),
        ("<p style='font:italic 1px/1.5 serif'>SECRET words</p>", ""),
        ("<p style='font-size:calc(0px)'>SECRET words</p>", ""),
        ("<p style='letter-spacing:-1em'>SECRET words</p>", ""),
        ("<p style='-webkit-text-fill-color:transparent'>SECRET words</p>", ""),
        ("<p class=x style='color:black'>SECRET words</p>", ".x { color: white !important }"),
    ],
)
def test_what_is_drawn_so_that_nobody_sees_it_is_disguised(body: str, style: str) -> None:
    page = read(body, style=style)
    assert (shown(page), page.disguised, page.concealed) == ("First. Last.", ("SECRET words",), ())


@pytest.mark.parametrize(
    ("body", "style"),
    [
        ("<p style='position:absolute;left:-999px'>SECRET words</p>", ""),
        ("<p style='position:fixed;top:-100em'>SECRET words</p>", ""),
        ("<p style='text-indent:-9999px'>SECRET words</p>", ""),
        ("<p style='transform:translateX(-9999px)'>SECRET words</p>", ""),
        ("<p style='transform: scale(0)'>SECRET words</p>", ""),
        ("<p style='clip:rect(0, 0, 0, 0);position:absolute'>SECRET words</p>", ""),
        ("<p style='clip-path: inset(50%)'>SECRET words</p>", ""),
        ("<p style='height:0;overflow:hidden'>SECRET words</p>", ""),
        ("<p style='width:1px;height:1px;overflow:hidden'>SECRET words</p>", ""),
        ("<p style='opacity:0.01'>SECRET words</p>", ""),
        ("<p style='visibility:collapse'>SECRET words</p>", ""),
        ("<p style='position:absolute;left:9999px'>SECRET words</p>", ""),
        ("<p style='position:absolute;inset:-9999px auto auto -9999px'>SECRET words</p>", ""),
        ("<p style='margin:0 0 0 -9999px'>SECRET words</p>", ""),
        ("<p style='translate:-9999px'>SECRET words</p>", ""),
        ("<p style='scale:0'>SECRET words</p>", ""),
        ("<p style='zoom:.01'>SECRET words</p>", ""),
        ("<p style='filter:opacity(0%)'>SECRET words</p>", ""),
        ("<p style='transform:rotateY(90deg)'>SECRET words</p>", ""),
        ("<p style='height:0;overflow-y:hidden'>SECRET words</p>", ""),
        ("<p class=x>SECRET words</p>", ":root { --gone: none } .x { display: var(--gone) }"),
        ("<p class=x style='display:block'>SECRET words</p>", ".x { display: none !important }"),
        ("<div popover>SECRET words</div>", ""),
        ("<template><p>SECRET words</p></template>", ""),
        ("<div class=a><p>SECRET words</p></div>", ".a p, .b { display: none }"),
        ("<p class=x>SECRET words</p>", "/* .x { } */ @layer one { .x { display:none } }"),
        ("<noscript>SECRET words</noscript>", ""),
        ("<img src=a.png alt='SECRET words'>", ""),
        ("<i title='SECRET words'></i>", ""),
        ("<input placeholder='SECRET words'>", ""),
    ],
)
def test_what_is_not_shown_is_concealed(body: str, style: str) -> None:
    page = read(body, style=style)
    assert (shown(page), page.concealed, page.disguised) == ("First. Last.", ("SECRET words",), ())


@pytest.mark.parametrize(
    ("body", "style"),
    [
        ("<p class=x>PLAIN words</p>", "@media print { .x { display: none } }"),
        ("<p class=x>PLAIN words</p>", "@media (max-width: 600px) { .x { display: none } } .y { color: red }"),
        ("<p class=x>PLAIN words</p>", ".x:hover { display: none }"),
        ("<div style='font-size:0'><p style='font-size:14px'>PLAIN words</p></div>", ""),
        ("<div style='color:white'><p style='color:#222'>PLAIN words</p></div>", ""),
        ("<div style='visibility:hidden'><p style='visibility:visible'>PLAIN words</p></div>", ""),
        ("<p style='background:url(dark.png);color:white'>PLAIN words</p>", ""),
        ("<p style='background:linear-gradient(#000, #333);color:white'>PLAIN words</p>", ""),
        ("<p style='background:linear-gradient(red, blue);background-clip:text;color:transparent'>PLAIN words</p>", ""),
        ("<table bgcolor=navy><tr><td><font color=white>PLAIN words</font></td><td>.</td></tr></table>", ""),
        ("<p style='position:relative;left:-4px;margin-left:-100%'>PLAIN words</p>", ""),
        ("<p style='overflow:hidden;height:120px'>PLAIN words</p>", ""),
        ("<p style='color:var(--ink);font-size:calc(1px + 1vw)'>PLAIN words</p>", ""),
        ("<p style='color:#999'>PLAIN words</p>", ""),
        ("<p aria-hidden=true>PLAIN words</p>", ""),
        ("<p style='font:700 14px/1.5 serif'>PLAIN words</p>", ""),
        ("<p style='color:var(--ink)'>PLAIN words</p>", ":root { --ink: #222; --paper: #fff }"),
        ("<p class=x>PLAIN words</p>", "@media (min-width: 600px) { .x { display: none } }"),
        ("<p style='margin:0 auto;inset:0;opacity:1;zoom:100%;scale:1;filter:opacity(80%)'>PLAIN words</p>", ""),
        ("<p style='letter-spacing:-0.02em'>PLAIN words</p>", ""),
    ],
)
def test_what_resembles_it_is_shown(body: str, style: str) -> None:
    page = read(body, style=style)
    assert "PLAIN words" in shown(page)
    assert (page.concealed, page.disguised) == ((), ())


def test_white_letters_of_a_page_that_takes_its_colours_from_elsewhere_are_no_disguise() -> None:
    page = read("<p style='color:white'>SECRET words</p>", head="<link rel=stylesheet href=a.css>")
    assert (page.concealed, page.disguised) == (("SECRET words",), ())


def test_what_a_page_states_of_itself_is_concealed() -> None:
    page = read("", head="<meta name=description content='SECRET words'><meta name=viewport content='width=device'>")
    assert page.concealed == ("SECRET words",)


def test_the_letters_around_a_part_that_is_seen_are_taken_alone() -> None:
    page = read("<p style='color:white'>SECRET <b style='color:black'>PLAIN</b> words</p>")
    assert "PLAIN" in shown(page)
    assert page.disguised == ("SECRET words",)


def test_markdown_hides_no_better() -> None:
    page = parse_markdown(
        b'Text [link](http://a.example "SECRET one") ![SECRET two](a.png)\n\n<!-- SECRET three -->\n\n'
        b'<span style="font-size:1px">SECRET four</span>\n\n[//]: # (SECRET five)\n'
    )
    assert "SECRET" not in shown(page)
    assert sorted((*page.concealed, *page.disguised)) == [
        f"SECRET {one}" for one in ("five", "four", "one", "three", "two")
    ]
