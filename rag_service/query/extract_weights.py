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
        "bias": -5.6452,
        "log_words": 1.1851,
        "words": -0.9721,
        "short": -1.7216,
        "number_asked_for": 0.0746,
        "labelled": 0.6671,
        "leads": -0.5746,
        "asks": 0.0000,
        "new_share": -1.0065,
        "overlap": 0.4973,
        "overlap_with_lead": 1.4750,
        "group_size": -0.4677,
        "rank": 1.3185,
        "passage_cosine": 2.6943,
        "passage_behind": -3.4178,
        "behind": -1.4182,
        "group_best": 0.6807,
        "group_mean": -2.2054,
    },
)
