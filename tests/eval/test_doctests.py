"""The examples in the measures' docstrings are true."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from eval.measures import interval, retrieval


@pytest.mark.parametrize("module", [interval, retrieval])
def test_the_examples_of_a_module_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
