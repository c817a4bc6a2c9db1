"""Precision, recall and F of what was found against what is there.

``P = TP / (TP + FP)``, ``R = TP / (TP + FN)``, ``F_b = (1 + b²) P R / (b² P + R)``: F2 weighs a miss more than a false
alarm. Van Rijsbergen, "Information Retrieval" (1979), chapter 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_RESAMPLES = 2000
_SEED = 20_240_501


@dataclass(frozen=True, slots=True)
class Tally:
    """How much was found rightly, found wrongly, and missed."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.right + other.right, self.wrong + other.wrong, self.missed + other.missed)

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 0.0

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed) if self.right + self.missed else 0.0

    def f(self, beta: float) -> float:
        """The weighted harmonic mean; 0 where nothing is right.

        >>> Tally(8, 2, 8).f(1), Tally(8, 2, 8).f(2)
        (0.6153846153846154, 0.5405405405405406)
        """
        weight = beta * beta
        whole = (1 + weight) * self.right + weight * self.missed + self.wrong
        return (1 + weight) * self.right / whole if whole else 0.0


def figures(tally: Tally) -> dict[str, float]:
    """Precision, recall, F1 and F2."""
    return {"precision": tally.precision, "recall": tally.recall, "f1": tally.f(1), "f2": tally.f(2)}


def intervals(tallies: Sequence[Tally]) -> dict[str, tuple[float, float]]:
    """95% intervals of the figures over all texts together: percentiles of 2000 draws of as many texts, with a fixed
    seed. ``tallies`` holds one a text."""
    import numpy as np

    counts = np.asarray([(one.right, one.wrong, one.missed) for one in tallies], dtype=np.int64)
    rng = np.random.default_rng(_SEED)
    drawn = [
        figures(Tally(*map(int, counts[rng.integers(0, len(counts), len(counts))].sum(0)))) for _ in range(_RESAMPLES)
    ]
    found: dict[str, tuple[float, float]] = {}
    for name in figures(Tally()):
        low, high = np.percentile([one[name] for one in drawn], [2.5, 97.5])
        found[name] = (float(low), float(high))
    return found
