"""The examples in the measures' docstrings are true."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from eval.answers import fit_refusal, tenants
from eval.measures import (
    citation_quality,
    entailment,
    interval,
    key_sentence,
    plain_words,
    retrieval,
    token_f1,
)
from rag_service.query import named_terms, stages

MODULES = [
    citation_quality,
    entailment,
    fit_refusal,
    interval,
    key_sentence,
    named_terms,
    plain_words,
    retrieval,
    stages,
    tenants,
    token_f1,
]


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
