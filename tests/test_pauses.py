"""What waits for something looks often while it happens, and seldom while it does not."""

from __future__ import annotations

import doctest

from rag_service import pauses


def test_the_example_holds() -> None:
    result = doctest.testmod(pauses)
    assert result.attempted > 0
    assert result.failed == 0


def test_an_idle_minute_costs_few_looks_and_the_first_change_after_it_waits_half_a_second_at_most() -> None:
    waiting, looks, passed = pauses.Pauses(), 0, 0.0
    longest = 0.0
    while passed < 60:
        pause = waiting.next_s()
        looks, passed, longest = looks + 1, passed + pause, max(longest, pause)
    assert looks < 140
    assert longest <= 0.5
