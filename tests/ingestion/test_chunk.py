from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ingestion.chunk import MAX_HEADING, chunk
from rag_service.domain.document import (
    Block,
    BlockKind,
    Chunk,
    Finding,
    MediaType,
    ScreenedDocument,
    ScrubbedDocument,
)

TITLE, TEXT, TABLE = BlockKind.TITLE, BlockKind.TEXT, BlockKind.TABLE
Part = tuple[str, BlockKind, int | None, str | None]


def token_starts(text: str) -> list[int]:
    """Words and marks, long words in pieces of four letters: much as WordPiece does."""
    return [match.start() for match in re.finditer(r"\w{1,4}|[^\w\s]", text)]


def document(parts: list[Part], *, title: str = "Handbook", findings: tuple[Finding, ...] = ()) -> ScreenedDocument:
    text, blocks = "", []
    for body, kind, page, section in parts:
        start = len(text) + (2 if text else 0)
        text = f"{text}\n\n{body}" if text else body
        blocks.append(Block(start, start + len(body), kind, page, section))
    scrubbed = ScrubbedDocument(title, MediaType.TEXT, text, tuple(blocks), (), {})
    return ScreenedDocument(scrubbed, findings, (), "1")


def cut(parts: list[Part], *, budget: int, title: str = "Handbook", findings: tuple[Finding, ...] = ()) -> list[Chunk]:
    return chunk(document(parts, title=title, findings=findings), token_starts, budget=budget)


def words(count: int) -> str:
    return " ".join(["word"] * count)


part = st.tuples(
    st.text(st.sampled_from("aB .!?\n\té中😀-9"), max_size=120),
    st.sampled_from(list(BlockKind)),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([None, "A", "A > B"]),
)


@given(st.lists(part, max_size=12), st.integers(1, 40))
def test_passages_are_ordered_slices_within_budget_that_hold_every_visible_character(
    parts: list[Part], budget: int
) -> None:
    screened = document(parts)
    text = screened.document.text
    passages = chunk(screened, token_starts, budget=budget)
    at = 0
    for ordinal, passage in enumerate(passages):
        assert passage.ordinal == ordinal
        assert passage.text == text[passage.start : passage.end]
        assert passage.text.strip()
        assert not text[at : passage.start].strip()
        assert passage.start >= at
        assert len(token_starts(passage.text)) <= budget
        at = passage.end
    assert not text[at:].strip()


@given(st.text(st.sampled_from("aB .!\n"), max_size=200), st.integers(0, 50), st.integers(1, 20))
def test_text_that_no_block_holds_is_in_a_passage_too(text: str, start: int, budget: int) -> None:
    blocks = (Block(min(start, len(text)), min(start + 9, len(text)), TEXT, 1, None),)
    scrubbed = ScrubbedDocument("T", MediaType.TEXT, text, blocks, (), {})
    passages = chunk(ScreenedDocument(scrubbed, (), (), "1"), token_starts, budget=budget)
    assert "".join("".join(passage.text.split()) for passage in passages) == "".join(text.split())


def test_blocks_of_a_section_are_packed_together() -> None:
    passages = cut(
        [("Leave", TITLE, 1, "Leave"), (words(20), TEXT, 1, "Leave"), (words(20), TEXT, 1, "Leave")], budget=60
    )
    assert len(passages) == 1


@given(st.lists(part, max_size=6), st.integers(1, 40), st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60))))
def test_what_a_sentence_alone_is_suspected_of_touches_no_other_text(
    parts: list[Part], budget: int, places: list[tuple[int, int]]
) -> None:
    findings = tuple(Finding("off_topic_request", at, at + length) for at, length in places)
    screened = document(parts, findings=findings)
    text = screened.document.text
    findings = tuple(found for found in findings if found.end <= len(text))
    suspected = {at for found in findings for at in range(found.start, found.end)}
    passages = chunk(document(parts, findings=findings), token_starts, budget=budget)
    for passage in passages:
        inside = [at in suspected for at in range(passage.start, passage.end) if text[at].isalnum()]
        if passage.suspicions:
            assert all(inside)
        else:
            assert not any(inside)
    held = {at for passage in passages for at in range(passage.start, passage.end)}
    assert {at for at, character in enumerate(text) if not character.isspace()} <= held
    assert sum(passage.end - passage.start for passage in passages) == len(held)


def test_a_suspected_sentence_stands_alone_and_its_neighbours_stay() -> None:
    body = "We sell tea. Sing a song of sixpence! Tea is good."
    passages = cut([("Tea", TITLE, 1, "Tea"), (body, TEXT, 1, "Tea")], budget=50, findings=(
        Finding("off_topic_request", 5 + 13, 5 + 36),
    ))  # fmt: skip
    assert [(one.text, one.suspicions) for one in passages] == [
        ("Tea\n\nWe sell tea.", ()),
        ("Sing a song of sixpence!", ("off_topic_request",)),
        ("Tea is good.", ()),
    ]
    assert passages[2].heading == "Handbook > Tea"


def test_a_heading_begins_a_passage_and_stays_with_what_follows() -> None:
    parts: list[Part] = [
        (words(40), TEXT, None, None),
        ("Leave", TITLE, None, "Leave"),
        ("Carry over", TITLE, None, "Leave > Carry over"),
        (words(90), TEXT, None, "Leave > Carry over"),
    ]
    first, second, *rest = cut(parts, budget=50)
    assert first.text == words(40)
    assert second.text.startswith("Leave\n\nCarry over\n\nword word")
    assert second.section == "Leave > Carry over"
    assert rest


def test_a_passage_lies_on_one_page() -> None:
    passages = cut([(words(3), TEXT, 1, None), (words(3), TEXT, 2, None)], budget=100)
    assert [passage.page for passage in passages] == [1, 2]


def test_a_heading_at_the_foot_of_a_page_goes_with_the_text_over_the_page() -> None:
    passages = cut([(words(30), TEXT, 1, None), ("Leave", TITLE, 1, "Leave"), (words(9), TEXT, 2, "Leave")], budget=40)
    assert [(passage.page, passage.text.startswith("Leave")) for passage in passages] == [(1, False), (2, True)]


def test_a_long_block_is_cut_between_sentences() -> None:
    sentences = [f"Sentence number {number} says a thing." for number in range(12)]
    passages = cut([(" ".join(sentences), TEXT, None, None)], budget=40)
    assert len(passages) > 2
    assert all(passage.text.endswith("thing.") for passage in passages)


def test_a_long_table_is_cut_between_rows() -> None:
    rows = [f"Plan: P{number}. Large; Price: {number} euros" for number in range(30)]
    passages = cut([("\n".join(rows), TABLE, None, None)], budget=40)
    assert len(passages) > 5
    assert [row for passage in passages for row in passage.text.split("\n")] == rows


def test_a_word_is_cut_only_where_it_alone_is_too_long() -> None:
    passages = cut([("short " + "x" * 100, TEXT, None, None)], budget=5)
    assert "".join(passage.text for passage in passages).replace(" ", "") == "short" + "x" * 100
    assert all(len(token_starts(passage.text)) <= 5 for passage in passages)


def test_a_small_tail_joins_its_neighbour_where_it_fits() -> None:
    parts: list[Part] = [(words(30), TEXT, None, "A"), ("End", TITLE, None, "B"), ("so.", TEXT, None, "B")]
    assert len(cut(parts, budget=60)) == 1
    assert len(cut(parts, budget=32)) == 2


def test_the_heading_names_title_and_section_once_and_is_short() -> None:
    (passage,) = cut([("Body.", TEXT, None, "Handbook > Leave > leave")], budget=50)
    assert passage.heading == "Handbook > Leave"
    (long,) = cut([("Body.", TEXT, None, "s" * 300)], budget=50, title="t" * 300)
    assert len(long.heading) <= MAX_HEADING


def test_a_passage_carries_the_kinds_of_the_findings_that_touch_it() -> None:
    parts: list[Part] = [(words(10), TEXT, 1, None), (words(10), TEXT, 2, None), (words(10), TEXT, 3, None)]
    first = len(words(10))
    findings = (
        Finding("injected_instruction", 3, first + 4),  # from page 1 over the first letters of page 2
        Finding("zero_width", 5, 9),
        Finding("injected_instruction", first, first + 2),  # only the white space between two passages
    )
    passages = cut(parts, budget=12, findings=findings)
    assert [passage.suspicions for passage in passages] == [
        ("injected_instruction", "zero_width"),
        ("injected_instruction",),
        (),
    ]


def test_tokens_are_counted_once_a_text() -> None:
    calls = []

    def counted(text: str) -> list[int]:
        calls.append(text)
        return token_starts(text)

    screened = document([(words(300), TEXT, None, None)])
    chunk(screened, counted, budget=20)
    assert calls == [screened.document.text]


def test_an_empty_document_has_no_passages() -> None:
    assert cut([("  ", TEXT, None, None)], budget=10) == []


def test_a_run_of_letters_that_is_one_unknown_token_is_cut_all_the_same() -> None:
    screened = document([("a" * 100_000, TEXT, None, None)])
    passages = chunk(screened, lambda _: [0])
    assert max(len(one.text) for one in passages) <= 190 * 20
    assert "".join(one.text for one in passages) == "a" * 100_000


def test_a_long_text_is_tokenized_piece_by_piece_with_the_same_result() -> None:
    text = "\n\n".join(f"Paragraph {n} tells of pier {n}." for n in range(9000))
    sizes: list[int] = []

    def counted(piece: str) -> list[int]:
        sizes.append(len(piece))
        return token_starts(piece)

    passages = chunk(document([(text, TEXT, None, None)]), counted)
    assert max(sizes) <= 50_000 < len(text) == sum(sizes)
    assert all(len(token_starts(one.text)) <= 190 for one in passages)
    assert " ".join(" ".join(one.text.split()) for one in passages) == " ".join(text.split())
