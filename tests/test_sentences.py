from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_service.sentences import sentence_spans


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Dr. Lee met Mr. Fox, Ltd. staff and others.", ["Dr. Lee met Mr. Fox, Ltd. staff and others."]),
        ("It costs 3.5 million. It is v1.2.3.", ["It costs 3.5 million.", "It is v1.2.3."]),
        ("See e.g. Annex 2. Then sign.", ["See e.g. Annex 2.", "Then sign."]),
        ("J. R. Smith signed. He left.", ["J. R. Smith signed.", "He left."]),
        ("The U.S. Senate met. It voted.", ["The U.S. Senate met.", "It voted."]),
        ("Call No. 5 now. He said no. Then he left.", ["Call No. 5 now.", "He said no.", "Then he left."]),
        ("Open until 5 p.m. on Monday. Closed later.", ["Open until 5 p.m. on Monday.", "Closed later."]),
        ('He asked "Why?" She said "No." Fine.', ['He asked "Why?"', 'She said "No."', "Fine."]),
        ("Wait... What? (Yes.) Good.", ["Wait...", "What?", "(Yes.)", "Good."]),
        ("Visit www.example.org today. Now.", ["Visit www.example.org today.", "Now."]),
        ("1. Open it\n2. Close it", ["1. Open it", "2. Close it"]),
        ("Plan: A; Price: 9\nPlan: B; Price: 8", ["Plan: A; Price: 9", "Plan: B; Price: 8"]),
        ("The line goes\non here. Next.", ["The line goes\non here.", "Next."]),
        ("A heading\n\nand lower case after a gap", ["A heading", "and lower case after a gap"]),
        ("Ends here.\nlower case", ["Ends here.", "lower case"]),
        ("第一句。第二句！", ["第一句。", "第二句！"]),
        (" \n\t ", []),
        ("", []),
    ],
)
def test_text_is_parted_into_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(st.sampled_from("aB1 .!?\n\r\t\u2028\x0b\"')。é"), max_size=200))
def test_sentences_are_ordered_trimmed_and_hold_every_visible_character(text: str) -> None:
    at = 0
    for start, end in sentence_spans(text):
        assert not text[at:start].strip()
        assert at <= start < end
        assert text[start:end] == text[start:end].strip()
        at = end
    assert not text[at:].strip()
