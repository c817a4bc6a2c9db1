"""Fits the weights of ``rag_service.query.groundedness`` on one half of the documents, and reports on the other.

    python -m eval.groundedness.fit FOLDER [--sentences 400]

Reported: what was accepted of the faithful and of the falsified wordings by kind, the Brier score, and of the wordings
that the rules let through the share that is faithful by score (reliability).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eval.groundedness.pairs import Pair, pairs
from rag_service.query import groundedness as product
from rag_service.query.groundedness import Likeness
from rag_service.settings import load_settings
from rag_service.wiring import Models

MOST_FALSE = 0.01
"""Falsified wordings that may be accepted on the half that is fitted: half of the aim, for the other half's sake."""
_RIDGE = 0.02


def fit(measured: Sequence[Pair]) -> tuple[Weights, float]:
    """The weights, the bias first, and the threshold that lets so few falsified wordings through."""
    weights = Weights(_regress([(one.values, pair.is_faithful) for pair in measured for one in pair.likenesses[:1]]))
    false = sorted((weights.score(pair) for pair in measured if not pair.is_faithful), reverse=True)
    return weights, false[int(MOST_FALSE * len(false))] + 1e-6


def _regress(rows: Sequence[tuple[tuple[float, ...], bool]]) -> tuple[float, ...]:
    """Logistic regression with a small ridge, by Newton's method."""
    x = np.array([[1.0, *values] for values, _ in rows])
    y = np.array([float(faithful) for _, faithful in rows])
    weights = np.zeros(x.shape[1])
    penalty = np.diag([0.0] + [_RIDGE] * (x.shape[1] - 1))
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ weights))
        gradient = x.T @ (p - y) + penalty @ weights
        weights -= np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]) + penalty, gradient)
    return tuple(round(float(weight), 3) for weight in weights)


@dataclass(frozen=True, slots=True)
class Weights:
    """As ``WEIGHTS`` of the product."""

    values: tuple[float, ...]

    def score(self, pair: Pair) -> float:
        """The best score that any text gives the wording; 0 where none keeps to the rules."""
        return max(map(self._of, pair.likenesses), default=0.0)

    def _of(self, likeness: Likeness) -> float:
        bias, *weights = self.values
        return float(1 / (1 + np.exp(-(bias + np.dot(weights, likeness.values)))))


def report(weights: Weights, threshold: float, measured: Sequence[Pair], title: str) -> Iterator[str]:
    """Acceptance by kind, Brier score and reliability, line by line."""
    yield (f"## {title}: {len(measured)} wordings, accepted from {threshold:.3f} on")
    kinds: dict[tuple[bool, str], list[float]] = defaultdict(list)
    for pair in measured:
        kinds[pair.is_faithful, pair.kind].append(weights.score(pair))
        kinds[pair.is_faithful, "all"].append(weights.score(pair))
    for (is_faithful, kind), scores in sorted(kinds.items()):
        accepted = sum(one >= threshold for one in scores)
        yield (f"{'faithful' if is_faithful else 'falsified':9} {kind:32} {accepted:4} of {len(scores):4} accepted")
    judged = [(weights.score(pair), pair.is_faithful) for pair in measured if pair.likenesses]
    yield (f"Brier {np.mean([(p - y) ** 2 for p, y in judged]):.4f} over {len(judged)} that keep to the rules")
    for low in np.arange(0, 1, 0.1):
        here = [(p, y) for p, y in judged if low <= p < low + 0.1 or (low > 0.85 and p == 1)]
        if here:
            mean, share = np.mean([p for p, _ in here]), np.mean([y for _, y in here])
            yield (f"  score {low:.1f} to {low + 0.1:.1f}: {len(here):4}, mean {mean:.3f}, faithful {share:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sentences", type=int, default=400)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as data:
        embedder = Models(load_settings(data_dir=Path(data))).embedder
        measured = list(pairs(arguments.folder, embedder, sentences=arguments.sentences))
    halves = [[pair for pair in measured if pair.half == half] for half in (0, 1)]
    weights, threshold = fit(halves[0])
    shipped = Weights(product.WEIGHTS)
    lines = [f"weights {weights.values}"]
    lines += report(weights, threshold, halves[0], "fitted half")
    lines += report(weights, threshold, halves[1], "other half")
    lines += report(shipped, product.ACCEPTED, halves[1], "other half, as shipped")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
