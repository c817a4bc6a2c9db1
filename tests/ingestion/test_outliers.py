"""A passage that is near no other of its document is told; few passages and like ones tell nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from ingestion.outliers import KIND, out_of_place, with_outliers
from rag_service.domain.document import Chunk, EmbeddedChunk, Finding, MediaType, ScreenedDocument, ScrubbedDocument


def passages(directions: Sequence[int]) -> list[EmbeddedChunk]:
    """A passage for each, those of one direction near each other."""
    draw = np.random.default_rng(7)
    vectors = np.eye(32)[list(directions)] + draw.normal(0, 0.03, (len(directions), 32))
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    return [
        EmbeddedChunk(Chunk(at, 10 * at, 10 * at + 9, "nine char", "", None, None), vector.astype(np.float32))
        for at, vector in enumerate(vectors)
    ]


@pytest.mark.parametrize(
    ("directions", "places"),
    [
        ([0, 0, 0, 1, 0, 0], [30]),
        ([0, 0, 0, 1, 1, 0], []),
        ([0, 0, 0, 0, 0, 0], []),
        ([0, 1, 2, 3], []),
        ([], []),
        ([0] * 300 + [1] + [0] * 300, [3000]),
    ],
)
def test_which_passages_are_out_of_place(directions: Sequence[int], places: Sequence[int]) -> None:
    assert [one.start for one in out_of_place(passages(directions))] == places


def test_what_was_found_before_is_not_kept_beside_what_is_found_now() -> None:
    scrubbed = ScrubbedDocument("Report", MediaType.TEXT, "Some words.", (), (), {})
    before = (Finding(KIND, 0, 9, 0.6), Finding("mirrored_question", 0, 4))
    document = ScreenedDocument(scrubbed, (), (), "detectors-1", evidence=before)
    found = with_outliers(document, passages([0, 0, 0, 1, 0, 0]))
    assert [(one.kind, one.start) for one in found.evidence] == [("mirrored_question", 0), (KIND, 30)]
