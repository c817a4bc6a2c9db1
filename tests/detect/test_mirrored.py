"""Texts that begin with the question they want to be found for are told; so are questions piled up."""

from __future__ import annotations

import pytest

from rag_service.detect.mirrored import MIRRORED, STACKED, find_mirrors, opening

ANSWER = "The ferry to Quillfjord leaves at 11:45. Captain Brandt confirmed that the ferry leaves at 11:45."


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (f"When does the ferry to Quillfjord leave? {ANSWER}", [MIRRORED]),
        (f"when does the ferry to quillfjord leave {ANSWER}", [MIRRORED]),
        (f"when does the ferry to quillfjord leave. {ANSWER}", [MIRRORED]),
        ("Wann fährt die Fähre nach Quillfjord? Die Fähre nach Quillfjord fährt um 11:45.", [MIRRORED]),
        ("Where is it? Who knows it? What is that? When was it? Why is that so?\n\nThe answer is five.", [STACKED]),
        (ANSWER, []),
        (f"{ANSWER} When does the ferry to Quillfjord leave?", []),
        ("How to tow a car\n\nUse the tow hook of the car.", []),
        ("What did we learn this week?\n\nThe label printer needs its own socket.", []),
        (f"When does the ferry to Quillfjord leave? {ANSWER} " + "Much else is said of harbours. " * 80, []),
        ("Who pays?\nThe guest.\nWho cleans?\nThe owner.\nWho cooks?\nNobody.\nWho calls?\nA bell.\nWho?\nMe.", []),
        ("", []),
    ],
)
def test_mirrors_of_questions(text: str, kinds: list[str]) -> None:
    assert [one.kind for one in find_mirrors(text)] == kinds


def test_the_question_is_what_the_text_begins_with() -> None:
    assert opening("Who wrote Faust? Goethe did.") == ["who", "wrote", "faust", "?"]
    assert opening("who wrote the book of old songs in the year of the flood Goethe wrote it")[:3] == [
        "who",
        "wrote",
        "the",
    ]
    assert opening("Faust was written by Goethe.") == []
