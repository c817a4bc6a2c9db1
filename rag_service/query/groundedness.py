"""How surely a text supports a sentence, from 0 to 1; calibrated: of sentences with 0.9, nine in ten are supported.

Two logistic functions of what can be measured between the two: one for sentences that have no word of their own, which
can go wrong by order and omission only, and one for those that have. The weights were fitted by
``eval.groundedness.fit`` on one half of the documents of three companies, on faithful and falsified wordings of their
sentences, and are reported there on the other half. A copy is 1 by definition. The rules of
``rag_service.query.support`` come before, and no score overrules them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ACCEPTED = 0.94
"""The least score with which a reworded sentence leaves."""
WITHOUT_OWN_WORDS = (0.0, 0.0, 0.0, 0.0)
WITH_OWN_WORDS = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""The bias, then the weights of ``Likeness.values``."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is measured between a sentence and a text.

    ``told`` is the share of the text's content that the sentence tells; ``own`` how many of its words the text lacks;
    ``moved`` how many neighbours among the shared words are none in the text; ``length`` how much content the sentence
    has. ``apart`` is the cosine distance of both as a whole, None where there is no model of meaning.
    """

    told: float
    own: int
    moved: int
    length: int
    apart: float | None

    @property
    def values(self) -> tuple[float, ...]:
        """One word of a long sentence moves its vector little: ``apart`` counts by itself and by length."""
        apart = self.apart or 0.0
        if not self.own:
            return (self.told, float(self.moved), apart)
        return (self.told, float(self.own), float(self.moved), apart, apart * self.length)


def groundedness(likeness: Likeness) -> float:
    """The score of a sentence beside the text that is nearest to it.

    Without a model of meaning a sentence with words of its own has none, and one without them just enough.
    """
    if likeness.apart is None:
        return 0.0 if likeness.own else ACCEPTED
    bias, *weights = WITH_OWN_WORDS if likeness.own else WITHOUT_OWN_WORDS
    total = bias + sum(weight * value for weight, value in zip(weights, likeness.values, strict=True))
    return 1 / (1 + math.exp(-total))
