"""How much each feature of a unit says. Written by ``python -m eval.answers_fit``; not by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weights:
    """Of logistic models: ``cheap`` weighs all units, ``full`` those that were compared by meaning."""

    cheap: Mapping[str, float]
    full: Mapping[str, float]


FITTED = Weights(
    cheap={
        "bias": -5.6045,
        "log_words": 1.0943,
        "words": -0.7078,
        "short": -1.0273,
        "number_asked_for": 0.0033,
        "labelled": 0.6865,
        "leads": -0.4869,
        "asks": -1.1385,
        "new_share": -1.0312,
        "overlap": 0.4467,
        "overlap_with_lead": 1.4855,
        "group_size": -0.7160,
        "rank": 1.3289,
        "passage_cosine": 1.4682,
        "passage_behind": -3.9199,
    },
    full={
        "bias": -5.6623,
        "log_words": 1.2730,
        "words": -1.1395,
        "short": -1.8354,
        "number_asked_for": -0.0192,
        "labelled": 0.6481,
        "leads": -0.6188,
        "asks": 0.0000,
        "new_share": -1.0993,
        "overlap": 0.4843,
        "overlap_with_lead": 1.2814,
        "group_size": -0.5416,
        "rank": 1.3121,
        "passage_cosine": 2.9428,
        "passage_behind": -3.7250,
        "behind": -1.8085,
        "group_best": 0.5369,
        "group_mean": -2.0626,
    },
)
