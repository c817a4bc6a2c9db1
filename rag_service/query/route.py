"""Route: which model tier a question needs. The first rule that holds decides, and its name is the reason given."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from rag_service.lexical import words
from rag_service.ports import Answerer


class Tier(StrEnum):
    FAST = "fast"
    STANDARD = "standard"
    PREMIUM = "premium"


@dataclass(frozen=True, slots=True)
class Rule:
    reason: str
    applies: Callable[[str], bool]
    tier: Tier


_REASONING = re.compile(r"\b(why|explain|implications?|trade-?offs?|evaluate|assess|recommend)\b", re.IGNORECASE)
_COMPARISON = re.compile(r"\b(compare|comparison|differ|difference|versus|vs|better|pros and cons)\b", re.IGNORECASE)
_OVERVIEW = re.compile(r"\b(summari[sz]e|overview|list all|outline|describe)\b", re.IGNORECASE)

RULES = (
    Rule("several questions in one", lambda question: question.count("?") > 1, Tier.PREMIUM),
    Rule("a long question", lambda question: len(words(question)) > 60, Tier.PREMIUM),
    Rule("asks for reasons or judgement", lambda question: bool(_REASONING.search(question)), Tier.PREMIUM),
    Rule("asks for a comparison", lambda question: bool(_COMPARISON.search(question)), Tier.STANDARD),
    Rule("asks for an overview", lambda question: bool(_OVERVIEW.search(question)), Tier.STANDARD),
    Rule("a single fact", lambda _question: True, Tier.FAST),
)


@dataclass(frozen=True, slots=True)
class RouteChoice:
    tier: Tier
    answerer: Answerer
    reason: str


def route(question: str, answerers: Mapping[Tier, Answerer]) -> RouteChoice:
    """The tier of the first rule that applies, and the answerer that serves it."""
    rule = next(rule for rule in RULES if rule.applies(question))
    return RouteChoice(rule.tier, answerers[rule.tier], rule.reason)
