"""How far a mean over queries could be off, had other queries been drawn."""

from __future__ import annotations

from collections.abc import Sequence

_RESAMPLES = 2000
_SEED = 20_240_501


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean.

    >>> mean([0.0, 0.5, 1.0])
    0.5
    """
    return sum(values) / len(values)


def bootstrap_ci95(values: Sequence[float]) -> tuple[float, float]:
    """A 95% confidence interval of the mean: percentiles of 2000 resamples with a fixed seed.

    Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.

    >>> bootstrap_ci95([1.0, 1.0, 1.0])
    (1.0, 1.0)
    """
    import numpy as np

    sample = np.asarray(values, dtype=np.float64)
    draws = np.random.default_rng(_SEED).integers(0, len(sample), size=(_RESAMPLES, len(sample)))
    low, high = np.percentile(sample[draws].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def paired_p_value(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Two-sided p-value of a paired randomisation test: 2000 random swaps, with a fixed seed.

    Smucker, Allan and Carterette, "A Comparison of Statistical Significance Tests for Information Retrieval
    Evaluation" (CIKM 2007).

    >>> paired_p_value([0.5, 0.7], [0.5, 0.7])
    1.0
    """
    import numpy as np

    differences = np.asarray(ours, dtype=np.float64) - np.asarray(theirs, dtype=np.float64)
    observed = abs(float(differences.mean()))
    signs = np.random.default_rng(_SEED).choice((-1.0, 1.0), size=(_RESAMPLES, len(differences)))
    swapped = np.abs((signs * differences).mean(axis=1))
    return float((1 + np.count_nonzero(swapped >= observed - 1e-12)) / (_RESAMPLES + 1))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the values lie, interpolated.

    >>> percentile([1.0, 2.0, 3.0], 0.5)
    2.0
    """
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
