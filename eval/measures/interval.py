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


def upper_bound_95(failures: int, trials: int) -> float:
    """The exact one-sided 95% upper bound of a rate: whoever claims more has 5% at most to be right.

    Clopper and Pearson, "The use of confidence or fiducial limits" (Biometrika, 1934). The rate at which so few
    failures or fewer have a chance of 0.05; without any failure that is ``1 - 0.05 ** (1 / trials)``.

    >>> round(upper_bound_95(0, 100), 4)
    0.0295
    >>> round(upper_bound_95(3, 20), 4)
    0.3437
    """
    from math import exp, lgamma, log, log1p

    if failures >= trials:
        return 1.0
    if failures == 0:
        return float(1.0 - 0.05 ** (1.0 / trials))

    def chance_of_so_few(rate: float) -> float:
        ways = (lgamma(trials + 1) - lgamma(one + 1) - lgamma(trials - one + 1) for one in range(failures + 1))
        return sum(exp(way + one * log(rate) + (trials - one) * log1p(-rate)) for one, way in enumerate(ways))

    low, high = failures / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if chance_of_so_few(middle) > 0.05 else (low, middle)
    return high


def bootstrap_median_difference(
    ours: Sequence[float], theirs: Sequence[float]
) -> tuple[float, float, float, tuple[float, float]]:
    """Both medians, theirs less ours, and its 95% interval: percentiles of 2000 resamples of each, with a fixed seed.

    >>> bootstrap_median_difference([1.0, 1.0, 1.0], [3.0, 3.0, 3.0])
    (1.0, 3.0, 2.0, (2.0, 2.0))
    """
    import numpy as np

    rng = np.random.default_rng(_SEED)
    one, other = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    drawn = [
        np.median(sample[rng.integers(0, len(sample), (_RESAMPLES, len(sample)))], axis=1) for sample in (one, other)
    ]
    low, high = np.percentile(drawn[1] - drawn[0], [2.5, 97.5])
    medians = float(np.median(one)), float(np.median(other))
    return *medians, medians[1] - medians[0], (round(float(low), 4), round(float(high), 4))


def mann_whitney_p(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Two-sided p-value that neither sample tends to larger values; the normal approximation, for 20 values and more.

    Mann and Whitney, "On a test of whether one of two random variables is stochastically larger" (1947). Measured times
    have hardly a tie, so none are corrected for.

    >>> mann_whitney_p(range(0, 60, 2), range(1, 60, 2)) > 0.5
    True
    >>> mann_whitney_p(range(30), range(100, 130)) < 0.001
    True
    """
    from math import erfc, sqrt

    import numpy as np

    both = np.concatenate([np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)])
    ranks = np.empty(len(both))
    ranks[np.argsort(both, kind="stable")] = np.arange(1, len(both) + 1)
    one, other = len(ours), len(theirs)
    larger = float(ranks[:one].sum()) - one * (one + 1) / 2
    deviation = sqrt(one * other * (one + other + 1) / 12)
    return float(erfc(abs(larger - one * other / 2) / deviation / sqrt(2)))
