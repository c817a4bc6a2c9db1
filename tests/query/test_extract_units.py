"""Units: which lines introduce others, and which belong together."""

from __future__ import annotations

import pytest

from rag_service.query.extract_units import Unit, units_of
from tests.query.passages import passage


def _units(text: str, **facts: object) -> dict[str, Unit]:
    return {unit.text: unit for unit in units_of([passage(text, **facts)])}  # type: ignore[arg-type]  # a table of fields


@pytest.mark.parametrize(
    ("text", "section", "heading"),
    [
        ("Cards > Fees\n\nPaid monthly.", None, "Cards > Fees"),
        ("Fees\n\n- Card: 5 dollars", None, "Fees"),
        ("What does it cost?\n\nPaid monthly.", "Cards > What does it cost?", "What does it cost?"),
        ("Fees\n\nLate payment\n\nPaid monthly.", "Cards > Fees", "Late payment"),
    ],
)
def test_a_heading_is_known(text: str, section: str | None, heading: str) -> None:
    assert [unit.text for unit in _units(text, section=section).values() if unit.is_heading][-1] == heading


@pytest.mark.parametrize(
    "text",
    [
        "Tea\n\nCoffee\n\nCocoa",
        "12 Main Street, Springfield\n\nOpen daily.",
        "This line of ten words is much too long for one\n\nOpen daily.",
        "Price: 5 dollars\n\nOpen daily.",
        "Martin Luther King Jr. Day: closed\n\nOpen daily.",
        "Open daily.",
    ],
)
def test_no_heading_is_made_up(text: str) -> None:
    assert not any(unit.is_heading for unit in _units(text).values())


def test_items_know_their_lead_and_leads_part_groups() -> None:
    units = _units("Loans\n\nEligibility:\n\nFarmers\n\nGroups\n\nFees:\n\nNone at all", section="Loans")
    assert units["Farmers"].lead == units["Groups"].lead == units["Eligibility:"].place
    assert units["Eligibility:"].lead == units["Loans"].place
    assert units["None at all"].lead == units["Fees:"].place
    assert units["Loans"].group == units["Eligibility:"].group == units["Groups"].group != units["Fees:"].group


def test_leads_and_groups_do_not_reach_into_the_next_passage() -> None:
    units = units_of([passage("Fees:\n\nFive dollars"), passage("Ten dollars", chunk="c2")])
    assert units[1].lead == 0
    assert units[2].lead is None
    assert units[2].group != units[1].group


def test_what_has_no_content_word_is_left_out() -> None:
    assert list(_units("---\n\nAnd then\n\nOf the\n\nFive days")) == ["Five days"]
