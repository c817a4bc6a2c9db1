"""Whatever was found: vetting invents nothing, and does not depend on the order of equals."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_service.domain.answer import Passage
from rag_service.query.collapse import Collapse
from rag_service.query.open_passages import Opened
from rag_service.query.vet import is_usable, vet
from tests.query.passages import passage

QUESTION = "how many berths has the harbour of Brimsay"
_WORDS = "harbour berths brimsay ninety 90 14 boats coast total visitors stone crane guild the of has in".split()


@st.composite
def passages(draw: st.DrawFn) -> list[Passage]:
    """Short and long ones of few documents and users, often about the question, their vectors near each other."""
    made = []
    for number in range(draw(st.integers(0, 12))):
        text = " ".join(draw(st.lists(st.sampled_from(_WORDS), min_size=1, max_size=12)))
        if draw(st.booleans()):
            text = f"{QUESTION} {text}"
        vector = np.ones(4, dtype=np.float32) + draw(st.integers(0, 3)) * np.eye(4, dtype=np.float32)[number % 4]
        made.append(
            passage(
                text,
                chunk=f"c{number}",
                document=f"d{draw(st.integers(0, 9))}",
                uploader=draw(st.sampled_from(["ann", "bob"])),
                ingested_at=draw(st.sampled_from(["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "no date"])),
                document_passages=draw(st.integers(1, 2)),
                suspicions=draw(st.sampled_from([(), (), ("zero_width",), ("injected_instruction",)])),
                cosine=draw(st.sampled_from([0.9, 0.5, None])),
                vector=vector / np.linalg.norm(vector),
            )
        )
    return made


@settings(max_examples=40)
@given(passages(), st.integers(1, 15))
def test_nothing_is_invented_altered_or_doubled(found: list[Passage], limit: int) -> None:
    result = vet(QUESTION, Opened(tuple(found), ()), limit=limit)
    places = [next(at for at, one in enumerate(found) if one is kept) for kept in result.passages]
    assert len(set(places)) == len(places) <= limit
    assert all(is_usable(one) for one in result.passages)
    assert {flag.document_id for flag in result.flags} <= {one.document_id for one in found}


@settings(max_examples=40)
@given(passages())
def test_something_usable_is_always_kept(found: list[Passage]) -> None:
    result = vet(QUESTION, Opened(tuple(found), ()), limit=5)
    assert bool(result.passages) == any(is_usable(one) for one in found)


@settings(max_examples=40)
@given(passages())
def test_what_was_kept_stands_in_its_order_but_for_what_was_demoted(found: list[Passage]) -> None:
    result = vet(QUESTION, Opened(tuple(found), ()), limit=20)
    demoted = {flag.document_id for flag in result.flags if flag.action == "demoted"}
    order = [found.index(one) for one in result.passages if one.document_id not in demoted]
    assert order == sorted(order)


@settings(max_examples=40)
@given(passages(), st.randoms(use_true_random=False))
def test_the_order_of_equal_ranks_changes_no_decision(found: list[Passage], random: object) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # random.Random, which Hypothesis types as its own
    first, second = (vet(QUESTION, Opened(tuple(one), ()), limit=20) for one in (found, shuffled))
    assert set(first.flags) == set(second.flags)
    assert {one.chunk_id for one in first.passages} == {one.chunk_id for one in second.passages}


def test_a_copy_in_which_a_word_was_exchanged_stands_for_nothing() -> None:
    honest = (
        "Invoices of Corvane Bearings are paid 45 days after delivery, and the treasurer signs each of them by hand. "
    )
    honest += "The desk answers questions on every working day between nine and five, by letter or by telephone."
    for old, new in (("45", "10"), ("treasurer", "intern"), ("Corvane", "Corvain")):
        seen = Collapse()
        assert seen.is_new(honest.replace(old, new))
        assert seen.is_new(honest)
        assert not seen.is_new(honest.upper())
