"""Where in a text the name model may mark something: a far smaller network tells, so that the rest is not shown to it.

Each word piece is described by eight numbers, a product of its vector in the name model's own embedding, and by how it
is written; seven neighbours decide. It was fitted to what the two models for names find (``python -m eval.name_gate``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag_service.adapters.name_gate_weights import gate_weights

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Matrix = npt.NDArray[np.float32]

WIDTH, REACH, UNITS = 8, 3, 16
"""Numbers that describe a word piece, neighbours on either side that count, and units that look at them."""
_LEAST = 0.3
_AROUND = 16
"""Word pieces that the name model sees on either side of one that may be marked. Gaps no longer are closed."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """A text's word pieces: their numbers in the vocabulary, and how each is written (``written``)."""

    ids: Sequence[int]
    cases: Sequence[int]


def written(text: str, start: int, end: int) -> int:
    """Whether a word piece begins with a capital (1), and is in capitals (2).

    >>> [written(text, 0, 3) for text in ("ann", "Ann", "ANN")]
    [0, 1, 3]
    """
    return text[start].isupper() + 2 * (end - start > 1 and text[start:end].isupper()) if start < end else 0


class NameGate:
    """Which spans of word pieces are worth the name model. ``vectors`` are its embedding: vocabulary by 384."""

    def __init__(self, vectors: Matrix) -> None:
        import numpy as np

        self._weights = gate_weights()
        described = scaled(vectors) @ self._weights["described"]
        self._described = np.concatenate([described, np.zeros((1, WIDTH), np.float32)]).astype(np.float32)

    def openings(self, texts: Sequence[Pieces], *, names_alone: bool) -> list[list[tuple[int, int]]]:
        """For each text the spans of word pieces that may hold something, with some around them, in order and apart."""
        import numpy as np

        opened = self._odds(texts)[:, :1] if names_alone else self._odds(texts)
        is_open: npt.NDArray[np.bool_] = np.any(opened >= _LEAST, axis=-1)
        spans = []
        start = REACH
        for text in texts:
            stop = start + len(text.ids)
            spans.append(list(_widened(is_open[start:stop].nonzero()[0].tolist(), len(text.ids))))
            start = stop + REACH
        return spans

    def _odds(self, texts: Sequence[Pieces]) -> Matrix:
        """Each word piece's odds of being a part of a name, and of a place or number; between texts some of nothing."""
        import numpy as np

        nothing = len(self._described) - 1
        gap = [nothing] * REACH
        ids = np.array(gap + [one for text in texts for one in (*text.ids, *gap)], np.int64)
        cases = np.array([0] * REACH + [one for text in texts for one in (*text.cases, *[0] * REACH)], np.int64)
        described = self._described[ids] + self._weights["cases"][cases] * (ids != nothing)[:, None]
        wide = np.pad(described, ((REACH, REACH), (0, 0)))
        seen = np.concatenate([wide[shift : shift + len(ids)] for shift in range(2 * REACH + 1)], 1)
        units = np.maximum(seen @ self._weights["seen"] + self._weights["seen_bias"], 0)
        sums = units @ self._weights["out"] + self._weights["out_bias"]
        odds: Matrix = np.asarray(1 / (1 + np.exp(-sums)), np.float32)
        return odds


def scaled(vectors: Matrix) -> Matrix:
    """The embedding with a deviation of one, as the gate was fitted to it."""
    deviated: Matrix = vectors / vectors.std()
    return deviated


def _widened(places: Sequence[int], length: int) -> Iterator[tuple[int, int]]:
    start: int | None = None
    end = 0
    for place in places:
        low = max(0, place - _AROUND)
        if start is None or low > end:
            if start is not None:
                yield start, end
            start = low
        end = min(length, place + _AROUND + 1)
    if start is not None:
        yield start, end
