"""Records of JSON, JSON Lines and XML read as text that says what is what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingestion.parse import parse
from ingestion.parsers.safe_xml import read_xml
from ingestion.validate import validate
from rag_service.domain.document import MediaType, ParsedDocument, Upload
from rag_service.domain.errors import Refused


def parsed(name: str, content: bytes | str) -> ParsedDocument:
    data = content.encode() if isinstance(content, str) else content
    return parse(validate(Upload(name, data, name), max_bytes=2**24))


def rows(data: Any) -> list[tuple[str | None, str]]:
    return [(element.section, element.text) for element in parsed("a.json", json.dumps(data)).elements]


CLINICS = {
    "clinics": [
        {"name": "North clinic", "phone": "555 1", "openingHours": {"monday": "9-17"}, "services": ["x-ray", "eyes"]},
        {"name": "South clinic", "wheelchair_access": True, "doctors": [{"name": "Ann", "field": "skin"}]},
    ]
}


def test_each_record_stands_under_its_name_with_a_line_for_each_value() -> None:
    assert rows(CLINICS) == [
        ("clinics > North clinic", "North clinic"),
        ("clinics > North clinic", "phone: 555 1\nopening hours monday: 9-17\nservices: x-ray, eyes"),
        ("clinics > South clinic", "South clinic"),
        ("clinics > South clinic", "wheelchair access: yes\ndoctors: name: Ann; field: skin"),
    ]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([{"title": "A", "x": 1}], [("A", "A"), ("A", "x: 1")]),
        ([{"x": 1}, {"x": 2}], [("record 1",) * 2, ("record 1", "x: 1"), ("record 2",) * 2, ("record 2", "x: 2")]),
        ([{"order_id": 7, "sum": 1.5}], [("record 7", "record 7"), ("record 7", "order id: 7\nsum: 1.5")]),
        ([[1, 2], [3, 4]], [(None, "1 | 2\n3 | 4")]),
        ([["Plan", "Price"], ["Basic", "9"]], [(None, "Plan: Basic; Price: 9")]),
        (["one", "two"], [(None, "one"), (None, "two")]),
        ("only text", [(None, "only text")]),
        ({"a": None, "b": "", "c": False}, [(None, "c: no")]),
        ({"data": {"items": [{"name": "A", "x": 1}]}}, [("A", "A"), ("A", "x: 1")]),
        ({"note": "word " * 50}, [(None, "note: " + ("word " * 50).strip())]),
        ({"m": {"name": "Ann", "x": 1}}, [("m: Ann", "m: Ann"), ("m: Ann", "x: 1")]),
    ],
)
def test_json_of_any_shape_is_read(data: Any, expected: list[tuple[str | None, str]]) -> None:
    assert rows(data) == expected


def test_encoded_data_is_not_shown_and_is_screened() -> None:
    document = parsed("a.json", json.dumps({"name": "A", "picture": "QUJD" * 300, "x": 1}))
    assert [element.text for element in document.elements] == ["name: A\nx: 1"]
    assert document.concealed == ("QUJD" * 300,)


def test_json_nested_beyond_reason_is_refused_or_read_flat() -> None:
    def nested(depth: int) -> str:
        return '{"a": ' * depth + '"end"' + "}" * depth

    assert "end" in parsed("a.json", nested(150)).elements[-1].text
    with pytest.raises(Refused):
        parsed("a.json", nested(900))


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json", "a"])
def test_json_lines_are_records(name: str) -> None:
    document = parsed(name, '{"name": "A", "x": 1}\r\n\n{"name": "B", "x": 2}\n')
    assert document.media_type is MediaType.JSON_LINES
    assert [(one.section, one.text) for one in document.elements] == [
        ("A", "A"),
        ("A", "x: 1"),
        ("B", "B"),
        ("B", "x: 2"),
    ]


# XML

XML = """<?xml version="1.0" encoding="utf-8"?><!-- SECRET note -->
<catalogue><title>Plants</title><plant id="1" note="Likes the shade"><name>Fern</name><price currency="EUR">9</price>
<care><water>often</water><light>little</light></care></plant><plant><name>Moss</name><price>4</price></plant>
<intro><p>All plants are <b>grown</b> here.</p><p>Ask us.</p></intro>
<stop code="17" where="Main street"/></catalogue>"""


def test_elements_of_xml_are_records_and_paragraphs_in_order() -> None:
    document = parsed("a.xml", XML)
    assert document.title == "Plants"
    assert [(element.section, element.text) for element in document.elements] == [
        (None, "title: Plants"),
        ("plant > Fern", "Fern"),
        ("plant > Fern", "note: Likes the shade\nprice: 9\ncare water: often\ncare light: little"),
        ("plant > Moss", "Moss"),
        ("plant > Moss", "price: 4"),
        (None, "All plants are grown here."),
        (None, "Ask us."),
        (None, "stop code: 17\nstop where: Main street"),
    ]
    assert document.concealed == ("SECRET note",)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.xml", "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "external_entities"),
        ("a.xml", "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", "external_entities"),
        ("a.xml", "<!DOCTYPE a [<!ENTITY % x SYSTEM 'a'> %x;]><a/>", "external_entities"),
        ("a.xml", "<a><b></a>", "malformed"),
        ("a.xml", "<a/>", "no_text"),
        ("a.xml", "just words", "type_mismatch"),
        ("a.json", "[1, 2", "malformed"),
        ("a.jsonl", '{"a": 1}\n{"b"', "malformed"),
        ("a.jsonl", "just words", "malformed"),
    ],
)
def test_records_that_cannot_be_read_are_refused_with_their_reason(name: str, content: str, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        parsed(name, content)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("feed.rss", "<rss><channel><title>News</title></channel></rss>", MediaType.XML),
        ("style.xsl", "<?xml version='1.0'?><x>words here</x>", MediaType.XML),
        ("page.xml", "<?xml version='1.0'?><html><body><p>Hello</p></body></html>", MediaType.HTML),
        ("page.xhtml", "<?xml version='1.0'?><html><body><p>Hello</p></body></html>", MediaType.HTML),
        ("a.txt", "<?xml version='1.0'?><x>words here</x>", MediaType.TEXT),
        ("a.yaml", "name: value", MediaType.TEXT),
        ("a.tex", "\\section{One} Words.", MediaType.TEXT),
        ("a.toml", "[section]\nname = 1", MediaType.TEXT),
        ("a.py", "def f() -> None: ...", MediaType.TEXT),
        ("a.xml", "<?xml version='1.0' encoding='koi8-r'?><a>Привет, мир</a>", MediaType.XML),
    ],
)
def test_text_is_told_apart_by_its_form(name: str, content: str, media_type: MediaType) -> None:
    encoding = "koi8-r" if "koi8" in content else "utf-8"
    document = parsed(name, content.encode(encoding))
    assert document.media_type is media_type
    if encoding == "koi8-r":
        assert document.elements[0].text == "Привет, мир"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("entity", ["x 'y'", "x SYSTEM 'file:///etc/passwd'", "% x SYSTEM 'http://a.example/'"])
def test_the_reader_of_xml_refuses_entities_by_itself(entity: str, encoding: str) -> None:
    with pytest.raises(Refused) as caught:
        read_xml(f"<!-- a --><!DOCTYPE a [<!ENTITY {entity}>]>\n<a>words</a>".encode(encoding))
    assert caught.value.reason == "external_entities"


def test_the_reader_of_xml_bears_a_document_type_without_declarations() -> None:
    root = read_xml(b"<!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.1//EN' 'http://a.example/x.dtd'><html><p>a</p></html>")
    assert "".join(root.itertext()) == "a"
