"""What a parser that was taken over can do to its parent by what it answers."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ingestion.processes import replies, wire
from ingestion.processes.wire import Malformed, decode, encode
from rag_service.domain.document import Element, MediaType, ParsedDocument

HEAD = b'{"title":"t","media_type":"text/plain","elements":['


@pytest.mark.parametrize("item", [b"{}", b"1", b"[]", b'""', b"null", b'{"text":1}'])
def test_the_first_thing_that_is_wrong_ends_the_reading(item: bytes) -> None:
    with pytest.raises(ValidationError) as caught:
        wire._validator(ParsedDocument).validate_json(HEAD + b",".join([item] * 1000) + b"]}", strict=True)
    assert caught.value.error_count() == 1


def test_things_are_counted_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_THINGS", 10)
    assert len(decode(ParsedDocument, HEAD + b",".join([b'{"text":""}'] * 9) + b"]}").elements) == 9
    with pytest.raises(Malformed):
        decode(ParsedDocument, HEAD + b",".join([b'{"text":""}'] * 10) + b"]}")
    with pytest.raises(Malformed):
        decode(ParsedDocument, HEAD + b'],"concealed":[' + b",".join([b'"a"'] * 12) + b"]}")


def test_text_about_json_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_THINGS", 10)
    document = ParsedDocument("t", MediaType.TEXT, (Element('{"a","b"} ' * 100),))
    assert replies.parsed(encode(document), b"") == document


@pytest.mark.parametrize(
    "stripped", [("Not A Word",), ("x" * 41,), ("macros",) * 41, ("<b>",), ("",), ("рус",), ("a\n",)]
)
def test_kinds_of_active_content_are_few_plain_words(stripped: tuple[str, ...]) -> None:
    document = ParsedDocument("t", MediaType.TEXT, (Element("a"),), stripped=stripped)
    with pytest.raises(Malformed):
        replies.parsed(encode(document), b"")
