"""Words that play another part than in the passage: nothing that keeps the words and turns the meaning is supported."""

from __future__ import annotations

import pytest

from rag_service.query.support import SupportFinder
from rag_service.wiring import Models
from tests.query.passages import passage

TEXT = (
    "Grants are given by the city to schools. The train runs from Leeds to York on weekdays. "
    "The price fell by 5 percent to 20 euros in June. "
    "Goods sold to dealers are taxed, goods sold by dealers are exempt. "
    "The insurer pays the premium refund to the insured within 20 days. Emma's brother Tom works for Lena.\n"
    "The importer is liable for important documents. The non-refundable fee is 30 euros. "
    "Apply the cream to the skin twice a day. The auditor doubts that the accounts are correct. "
    "The claim that the bridge is unsafe is false.\nIs the alarm tested weekly? It is tested monthly. "
    "Q: Can members cancel after 14 days? A: No. Silver members pay 5 euros and gold members pay 9 euros."
)


@pytest.mark.parametrize(
    "sentence",
    [
        "Grants are given to the city by schools.",
        "The train runs to Leeds from York on weekdays.",
        "The price fell to 5 percent by 20 euros in June.",
        "Goods sold by dealers are taxed, goods sold to dealers are exempt.",
        "Goods sold by dealers are taxed.",
        "Emma's brother Tom works with Lena.",
        "The insurer pays the premium refund to the insurer within 20 days.",
        "The imported is liable for important documents.",
        "The refundable fee is 30 euros.",
        "Apply the cream to the skin twice.",
        "The auditor doubts that the accounts are.",
        "The claim that the bridge is unsafe.",
        "The alarm is tested weekly.",
        "Members can cancel after 14 days.",
        "Silver members pay nine euros and gold members pay five euros.",
        "To Leeds, the train runs from York on weekdays.",
    ],
)
def test_the_same_words_with_another_meaning_are_not_supported(sentence: str, models: Models) -> None:
    assert not SupportFinder([passage(TEXT)], models.embedder).find_parts(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "grants are given by the city to schools",
        "The train runs from Leeds to York on weekdays [1].",
        "The price fell by 5% to 20 euros in June.",
        "The insurer pays the premium refund to the insured within twenty days.",
        "According to the passage, the importer is liable for important documents.",
        "In June, the price fell by 5 percent to 20 euros.",
        "On weekdays, the train runs from Leeds to York.",
        "is the alarm tested weekly?",
    ],
)
def test_the_same_meaning_stays_supported(sentence: str, models: Models) -> None:
    assert SupportFinder([passage(TEXT)], models.embedder).find_parts(sentence)
