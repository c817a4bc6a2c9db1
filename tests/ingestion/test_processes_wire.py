"""What is believed of a child, and what is not."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.processes import replies
from ingestion.processes.channel import Channel, ChannelBroken, Frame, FrameTooLong, TimeIsUp
from ingestion.processes.wire import (
    Chunks,
    Malformed,
    Reply,
    decode,
    decode_reply,
    decode_rows,
    encode,
    encode_odds,
    encode_rows,
)
from ingestion.stages import Cleaned
from rag_service.domain.document import (
    Block,
    BlockKind,
    Chunk,
    Element,
    Finding,
    MediaType,
    ParsedDocument,
    ScreenedDocument,
    ScrubbedDocument,
)

ANY_TEXT = st.text(st.characters(), max_size=30)
TEXT = "Leave carries over."
SCRUBBED = ScrubbedDocument("Leave", MediaType.TEXT, TEXT, (Block(0, 19, BlockKind.TEXT, 1, None),), (), {"EMAIL": 2})
SCREENED = ScreenedDocument(SCRUBBED, (Finding("injection", 0, 5, 0.5),), (), "1")
PASSAGE = Chunk(0, 0, 19, TEXT, "Leave", 1, None, ("injection",))


@given(st.builds(Element, ANY_TEXT, st.sampled_from(BlockKind), st.none() | st.integers(1, 9), st.none() | ANY_TEXT))
def test_what_was_parsed_crosses_as_it_is_but_for_halves_of_surrogate_pairs(element: Element) -> None:
    document = ParsedDocument("Title", MediaType.HTML, (element,), ("\x00", element.text))
    came = decode(ParsedDocument, encode(document))

    def whole(text: str | None) -> str | None:
        return None if text is None else text.encode("utf-8", "ignore").decode()

    assert came.elements == (replace(element, text=whole(element.text), section=whole(element.section)),)
    assert came.concealed == ("\x00", whole(element.text))
    if whole(element.text) == element.text and whole(element.section) == element.section:
        assert came == document


@pytest.mark.parametrize(
    "change",
    [
        {"title": 7},
        {"title": None},
        {"media_type": "text/evil"},
        {"elements": [{"text": "x", "kind": "script"}]},
        {"elements": [{"text": "x", "page": "1"}]},
        {"elements": [{"text": "x", "page": 1.5}]},
        {"elements": [{"text": "x", "onload": "y"}]},
        {"elements": {"text": "x"}},
        {"more": 1},
    ],
)
def test_a_document_of_another_shape_is_not_taken(change: dict[str, object]) -> None:
    document = json.loads(encode(ParsedDocument("Title", MediaType.TEXT, (Element("x"),))))
    assert decode(ParsedDocument, json.dumps(document).encode()).title == "Title"
    with pytest.raises(Malformed):
        decode(ParsedDocument, json.dumps(document | change).encode())


@pytest.mark.parametrize("content", [b"", b"null", b"{", b"[" * 100_000, b"\x80\x04", b'{"title": "\xff"}', b"NaN"])
def test_bytes_that_are_no_document_are_not_taken(content: bytes) -> None:
    with pytest.raises(Malformed):
        decode(ParsedDocument, content)


@pytest.mark.parametrize(
    "reply",
    [
        Reply("done", float("inf")),
        Reply("done", -1.0),
        Reply("refused", 0.0, "no word", "x"),
        Reply("refused", 0.0, "word", "two\nlines"),
        Reply("refused", 0.0, "word", "\x1b[2J"),
        Reply("refused", 0.0, "word", "x" * 401),
        Reply("owned", 0.0),  # type: ignore[arg-type]  # which is the point
    ],
)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_a_reply_says_little_and_plainly(reply: Reply) -> None:
    with pytest.raises(Malformed):
        decode_reply(encode(reply))


def test_vectors_are_as_many_as_were_asked_for_and_of_unit_length() -> None:
    rows = np.eye(3, 4, dtype=np.float32)
    assert np.array_equal(decode_rows(encode_rows(rows), rows=3, dimension=4), rows)
    for wrong in (rows[:2], rows * 2, rows * np.nan, np.zeros((3, 4), np.float32), rows.astype(np.float64)):
        content = wrong.tobytes()
        with pytest.raises(Malformed):
            decode_rows(content, rows=3, dimension=4)
    with pytest.raises(Malformed):
        decode_rows(encode_rows(rows) + b"x", rows=3, dimension=4)


def test_odds_are_as_many_as_were_asked_for_and_between_none_and_certain() -> None:
    assert replies.odds(3, b"", encode_odds([0.0, 0.25, 1.0])) == [0.0, 0.25, 1.0]
    for wrong in ([0.5, 0.5], [0.5, 0.5, 1.5], [0.5, -0.1, 0.5], [0.5, float("nan"), 0.5], [0.1] * 4):
        with pytest.raises(Malformed):
            replies.odds(3, b"", encode_odds(wrong))
    with pytest.raises(Malformed):
        replies.odds(1, b"x", encode_odds([0.5]))


@pytest.mark.parametrize(
    "passages",
    [
        (replace(PASSAGE, text="Leave is lost."),),
        (replace(PASSAGE, end=999),),
        (replace(PASSAGE, start=-5),),
        (replace(PASSAGE, ordinal=1),),
        (replace(PASSAGE, heading="What another tenant wrote"),),
        (replace(PASSAGE, section="What another tenant wrote"),),
        (replace(PASSAGE, page=7),),
        (replace(PASSAGE, suspicions=()),),
        (replace(PASSAGE, suspicions=("what_another_tenant_wrote",)),),
        (PASSAGE, replace(PASSAGE, ordinal=1)),
    ],
)
def test_passages_say_what_the_document_says(passages: tuple[Chunk, ...]) -> None:
    assert replies.chunks(SCREENED, encode(Chunks((PASSAGE,))), b"") == [PASSAGE]
    with pytest.raises(Malformed):
        replies.chunks(SCREENED, encode(Chunks(passages)), b"")


@pytest.mark.parametrize(
    "document",
    [
        replace(SCREENED, suspicions=(Finding("x", 0, 20),)),
        replace(SCREENED, suspicions=(Finding("x", -1, 3),)),
        replace(SCREENED, requests=(Finding("x", 3, 99),)),
        replace(SCREENED, document=replace(SCRUBBED, blocks=(SCRUBBED.blocks[0], SCRUBBED.blocks[0]))),
        replace(SCREENED, document=replace(SCRUBBED, blocks=(replace(SCRUBBED.blocks[0], end=20),))),
        replace(SCREENED, document=replace(SCRUBBED, hiding=(Finding("x", 30, 31),))),
    ],
)
def test_spans_lie_in_their_text(document: ScreenedDocument) -> None:
    assert replies.cleaned(encode(Cleaned(SCREENED, "s")), b"") == Cleaned(SCREENED, "s")
    with pytest.raises(Malformed):
        replies.cleaned(encode(Cleaned(document, "s")), b"")


def test_an_answer_brings_no_bytes_that_nobody_asked_for() -> None:
    with pytest.raises(Malformed):
        replies.parsed(encode(ParsedDocument("T", MediaType.TEXT, ())), b"more")


def test_frames_arrive_whole_and_in_order_and_no_longer_than_allowed() -> None:
    reading, writing = os.pipe()
    ours, theirs = Channel(reading), Channel(writing)
    theirs.send(Frame(b"head", b"body", b""))
    theirs.send(Frame(b"", b"", b"x" * 1000))
    assert ours.receive(limit=100) == Frame(b"head", b"body", b"")
    with pytest.raises(FrameTooLong):
        ours.receive(limit=100)
    theirs.close()
    ours.close()


def test_what_is_no_frame_or_ends_early_is_told_apart_from_one_that_does_not_come() -> None:
    reading, writing = os.pipe()
    ours = Channel(reading)
    with pytest.raises(TimeIsUp):
        ours.receive(limit=100, deadline=time.monotonic() + 0.01)
    os.write(writing, b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(ChannelBroken):
        ours.receive(limit=100)
    os.write(writing, b"rag")
    os.close(writing)
    with pytest.raises(ChannelBroken):
        ours.receive(limit=100)
    ours.close()
