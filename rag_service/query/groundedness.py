"""How surely a text supports a sentence, from 0 to 1; calibrated: of sentences with 0.9, nine in ten are supported.

A logistic function of what can be measured between a sentence and a text that holds every word of it: it can go wrong
by order and by omission only. The weights were fitted by ``eval.groundedness.fit`` on one half of the documents of
three companies, on faithful and falsified wordings of their sentences, and are reported there on the other half. A
copy is 1 by definition. The rules of ``rag_service.query.support`` come before, and no score overrules them.

Sentences with a content word of their own were measured too. By the cosine of the packaged model "paid to employees" is
as near to "paid to customers" as "acquired" is to "bought": at one false acceptance in a hundred, no rewording with a
synonym in a hundred and sixty was let through. So there is no score for them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ACCEPTED = 0.875
"""The least score with which a reworded sentence leaves."""
WEIGHTS = (2.064, 1.037, -1.044, -8.192)
"""The bias, then those of ``Likeness.values``."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is measured between a sentence and a text that holds its words.

    ``told`` is the share of the text's content that the sentence tells; ``moved`` how many neighbours among its content
    words are none in the text; ``apart`` the cosine distance of both, None where there is no model of meaning.
    """

    told: float
    moved: int
    apart: float | None

    @property
    def values(self) -> tuple[float, float, float]:
        return (self.told, float(self.moved), self.apart or 0.0)


def groundedness(likeness: Likeness) -> float:
    """The score of a sentence beside the text that is nearest to it. Without a model of meaning it is just enough.

    >>> groundedness(Likeness(told=1.0, moved=0, apart=0.01)) > ACCEPTED > groundedness(Likeness(1.0, 4, 0.02))
    True
    """
    if likeness.apart is None:
        return ACCEPTED
    bias, *weights = WEIGHTS
    total = bias + sum(weight * value for weight, value in zip(weights, likeness.values, strict=True))
    return 1 / (1 + math.exp(-total))
