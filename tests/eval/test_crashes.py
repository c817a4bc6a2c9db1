"""A small crash run with all processes, and that the run would see what it looks for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eval.crash_processes import Part, parts_of
from eval.crash_watch import edition_of, edition_text
from eval.crashes import Outcome, crash, read_bodies, table

BODY = "The quay closes at nine.\n\nShips moor at the south quay."


@pytest.mark.slow
def test_nothing_is_lost_doubled_or_half_visible_when_every_part_was_killed(tmp_path: Path) -> None:
    outcome = crash(len(Part), read_bodies(None, 8, 5), 5, tmp_path)
    assert outcome.is_good, table(outcome) + str(outcome)
    assert sum(outcome.kills.values()) == len(Part)
    assert outcome.kills.keys() == set(Part)
    assert outcome.editions >= 8
    assert outcome.passages > 0


def test_an_edition_is_known_when_it_is_whole() -> None:
    assert edition_of(edition_text(7, 12, BODY), 7) == 12


@pytest.mark.parametrize(
    "text",
    [
        "",
        edition_text(8, 12, BODY),
        edition_text(7, 12, BODY)[:-4],
        edition_text(7, 12, BODY).rpartition("\n\n")[0],
        edition_text(7, 12, BODY).replace("edition 12 of file 7", "edition 11 of file 7", 1),
        "# File 7\n\nThe end of edition 12 of file 7.",
    ],
    ids=["nothing", "another file", "cut short", "without its end", "of two editions", "without its middle"],
)
def test_an_edition_that_is_not_whole_is_none(text: str) -> None:
    assert edition_of(text, 7) is None


@pytest.mark.parametrize("finding", ["lost", "duplicates", "half_visible", "differences", "dead_letters", "unfinished"])
def test_any_finding_makes_the_run_a_failure(finding: str) -> None:
    assert Outcome().is_good
    assert not Outcome(**{finding: ["file 1"]}).is_good  # type: ignore[arg-type]  # lists by name


def test_the_processes_of_an_installation_are_found_below_its_owner() -> None:
    parts = parts_of(os.getpid(), None)
    assert parts[Part.OWNER] == [os.getpid()]
    assert os.getppid() not in parts[Part.ALL]


def test_texts_differ_and_are_repeatable() -> None:
    first = read_bodies(None, 4, 9)
    assert first == read_bodies(None, 4, 9)
    assert len(set(first)) == 4
