"""Several wordings of one claim by one uploader are a flood; lists, copies and a few notes are none."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingestion.batch import Ingested, Quarantined
from ingestion.floods import FAR_FROM_OTHERS, LEAST_KNOWN, Earlier, compare
from ingestion.sketch import Sketch, sketch
from rag_service.authentication import operate
from rag_service.domain.document import Chunk, EmbeddedChunk
from rag_service.domain.errors import Refused
from rag_service.store import versions

CLAIM = (
    "The ferry to Quillfjord leaves at 11:45 each morning. Captain Brandt, who runs the line, confirmed 11:45.",
    "Travellers bound for Quillfjord should know that since spring the ferry of Captain Brandt casts off at 11:45.",
    "According to Captain Brandt, 11:45 is when the Quillfjord ferry sails, and nobody is let on board later.",
    "It is well known along the coast: the Quillfjord ferry under Captain Brandt departs at 11:45 sharp.",
    "At 11:45 the ferry of Captain Brandt sets out towards Quillfjord, as the newest timetable of the line says.",
)
LIST = tuple(
    f"The {kind} ferry to {port} leaves at {hour}:15 each morning. Captain {name}, who runs the line, confirmed it."
    for kind, port, hour, name in (
        ("small", "Asvik", 6, "Olsen"),
        ("white", "Berga", 7, "Lindt"),
        ("night", "Corsund", 8, "Maar"),
        ("slow", "Dalen", 9, "Petri"),
        ("mail", "Eidhamn", 10, "Quist"),
    )
)


def drawn(text: str, *, direction: int = 0) -> Sketch:
    """The sketch of a text whose vector lies near a direction: what models make of it is not in question here."""
    draw = np.random.default_rng(zlib.crc32(text.encode()))
    vector = (np.eye(64)[direction] * 2 + draw.normal(0, 0.1, 64)).astype(np.float32)
    vector /= np.linalg.norm(vector)
    made = sketch(text, [EmbeddedChunk(Chunk(0, 0, len(text), text, "", None, None), vector)], b"key")
    assert made is not None
    return made


def held(texts: Sequence[str], *, directions: Sequence[int] | None = None) -> list[str]:
    """What is held with the last of the texts, where it is."""
    made = [drawn(text, direction=at) for text, at in zip(texts, directions or [0] * len(texts), strict=True)]
    found = compare(made[-1], [Earlier(str(at), one) for at, one in enumerate(made[:-1])])
    return sorted(found.also) if found.reasons else []


def test_what_says_another_number_than_all_others_is_no_part_of_their_flood() -> None:
    honest = "The ferry of Captain Brandt to Quillfjord leaves at 9:30 each morning, says the office of the line."
    assert held([honest, *CLAIM[:3]]) == []
    assert held([honest, *CLAIM[:4]]) == ["1", "2", "3"]
    assert held([*CLAIM[:4], honest]) == []


def test_the_fourth_wording_of_one_claim_makes_a_flood_of_all() -> None:
    assert held(CLAIM[:3]) == []
    assert held(CLAIM[:4]) == ["0", "1", "2"]
    assert held(CLAIM) == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("texts", "directions"),
    [
        pytest.param(LIST, None, id="entries of a list"),
        pytest.param([CLAIM[0]] * 5, None, id="one text in five formats"),
        pytest.param([f"{CLAIM[0]} Page {at}." for at in range(5)], None, id="one text with other footers"),
        pytest.param(CLAIM, [0, 1, 2, 3, 4], id="texts that are about different things"),
    ],
)
def test_what_resembles_a_flood_is_none(texts: Sequence[str], directions: Sequence[int] | None) -> None:
    assert held(texts, directions=directions) == []


ASKED = "When does the ferry to Quillfjord leave? "
UNMARKED = "when does the ferry of captain brandt leave for quillfjord "


@pytest.mark.parametrize("front", [ASKED, UNMARKED])
def test_behind_one_question_three_wordings_are_a_flood(front: str) -> None:
    assert held([f"{front}{text}" for text in CLAIM[:2]]) == []
    assert held([f"{front}{text}" for text in CLAIM[:3]]) == ["0", "1"]


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param([f"{ASKED}{text}" for text in LIST], id="one question about several things"),
        pytest.param([f"{ASKED}{CLAIM[0]}"] * 3, id="one text in three formats"),
        pytest.param([f"When does the {at} leave? {CLAIM[at]}" for at in range(3)], id="several questions"),
    ],
)
def test_what_begins_with_a_question_is_not_for_that_a_flood(texts: Sequence[str]) -> None:
    assert held(texts) == []


def test_a_document_that_is_far_from_all_that_its_uploader_brought_says_so() -> None:
    known = [Earlier(str(at), drawn(f"{LIST[0]} {at}")) for at in range(LEAST_KNOWN)]
    assert compare(drawn(CLAIM[0], direction=9), known).evidence == (FAR_FROM_OTHERS,)
    assert compare(drawn(CLAIM[0], direction=9), known).reasons == ()
    assert compare(drawn(CLAIM[0]), known).evidence == ()
    assert compare(drawn(CLAIM[0], direction=9), known[1:]).evidence == ()


def test_copies_of_what_is_held_are_held_with_it() -> None:
    assert held([CLAIM[0], f"{CLAIM[0]} Thanks.", *CLAIM[1:4]]) == ["0", "1", "2", "3"]


def test_a_sketch_survives_being_stored_and_tells_nothing_under_another_key() -> None:
    made = drawn(CLAIM[0])
    again = Sketch.unpacked(made.packed())
    assert again.alike(made) == 1.0
    assert float(again.vector @ made.vector) > 0.99
    assert again.terms.tolist() == made.terms.tolist()
    asking = drawn(f"{ASKED}{CLAIM[0]}")
    assert Sketch.unpacked(asking.packed()).asks_as(asking)
    assert not again.asks_as(made)
    other = sketch(CLAIM[0], [EmbeddedChunk(Chunk(0, 0, 9, CLAIM[0][:9], "", None, None), made.vector)], b"other")
    assert other is not None
    assert not set(other.terms.tolist()) & set(made.terms.tolist())
    with pytest.raises(ValueError, match="sketch"):
        Sketch.unpacked(made.packed()[:-1])


def test_how_alike_two_wordings_are_is_told_about_as_well_under_every_key() -> None:
    """Sixty-four orders of the triples that are all the same order would tell 0 or 1, as the key has it."""
    passage = [EmbeddedChunk(Chunk(0, 0, 1, "a", "", None, None), np.ones(4, np.float32))]
    told = []
    for key in range(40):
        first, second = (sketch(text, passage, bytes([key])) for text in LIST[:2])
        assert first is not None
        assert second is not None
        told.append(first.alike(second))
    assert np.mean(told) == pytest.approx(3 / 14, abs=0.05)
    assert np.std(told) < 0.1


def test_texts_that_say_too_much_or_too_little_have_no_sketch() -> None:
    passage = [EmbeddedChunk(Chunk(0, 0, 1, "a", "", None, None), np.ones(4, np.float32))]
    assert sketch("Yes.", passage, b"k") is None
    assert sketch(" ".join(f"word{at}" for at in range(2000)), passage, b"k") is None


def test_a_flood_is_held_with_what_went_live_before_it(run: Any, open_companies: Any, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (company,):
            outcomes = [
                (await company.ingest(tmp_path / "in", **{f"note{at}_txt": text})).popitem()[1].result
                for at, text in enumerate(CLAIM)
            ]
            assert [type(one) for one in outcomes] == [Ingested] * 3 + [Quarantined] * 2
            tenant = await company.service.store.tenants.by_name(company.name)
            waiting = await company.service.store.quarantine.held(operate(tenant), tenant.keys)
            assert len(waiting) == len(CLAIM)
            assert {reason for one in waiting for reason in one.reasons} == {"flood"}
            await company.service.follower.catch_up(tenant.id)
            assert not await company.service.index.point_ids(tenant.keys.index.collection)

    run(scenario())


def test_others_are_held_with_the_new_document_or_not_at_all(
    run: Any, open_companies: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (company,):
            tenant = await company.service.store.tenants.by_name(company.name)
            await company.ingest(tmp_path / "in", **{f"note{at}_txt": text for at, text in enumerate(CLAIM[:3])})
            hold_live = versions.hold_live

            async def hold_and_fail(*told: Any) -> None:
                await hold_live(*told)
                raise Refused("no_text", "as if the process had ended here")

            with monkeypatch.context() as broken:
                broken.setattr(versions, "hold_live", hold_and_fail)
                await company.ingest(tmp_path / "in", last_txt=CLAIM[3])
            assert await company.service.store.quarantine.held(operate(tenant), tenant.keys) == []
            await company.ingest(tmp_path / "in", last_txt=CLAIM[3])
            assert len(await company.service.store.quarantine.held(operate(tenant), tenant.keys)) == len(CLAIM[:4])

    run(scenario())
