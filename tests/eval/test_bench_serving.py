"""The serving bench on a tenant small enough for a test, and the made-up text it is built from."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from eval.bench_serving import bench
from eval.mixed_embedder import MixedEmbedder
from eval.synthetic_text import documents, question


@pytest.mark.slow
def test_a_bench_serves_what_it_built_and_sets_it_beside_the_bare_cost() -> None:
    figures = bench(chunks=20, data=None, embed_every=4, asked=5)
    assert figures["chunks"] >= 20
    assert figures["search_ms"]["searches"] == 5
    assert figures["ready_s"] > 0
    assert figures["rss_mib"] > 50
    bare = figures["bare_ms"]["embed_p50"] + figures["bare_ms"]["index_p50"]
    assert 0 < bare < figures["search_ms"]["p95"]
    assert figures["ratio"] == pytest.approx(figures["search_ms"]["p50"] / bare, rel=0.5)


def test_made_up_documents_are_the_same_for_the_same_seed_and_no_two_alike() -> None:
    made = list(itertools.islice(documents(3), 20))
    assert made == list(itertools.islice(documents(3), 20))
    assert made != list(itertools.islice(documents(4), 20))
    assert len({text for _, text in made}) == 20


def test_a_question_asks_in_words_of_its_document() -> None:
    _, text = next(documents(3))
    asked = question(text, random.Random(1)).removeprefix("what about ").removesuffix("?").split()
    assert 4 <= len(asked) <= 10
    assert set(asked) <= set(text.lower().replace(".", "").split())


class CountingEmbedder:
    """Unit vectors by a fixed rule, counting how many texts were embedded."""

    fingerprint, dimension, max_tokens = "counting", 16, 256

    def __init__(self) -> None:
        self.embedded = 0

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.embedded += len(texts)
        rows = np.random.default_rng(len(texts[0])).normal(size=(len(texts), 16)).astype(np.float32)
        unit: npt.NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    def token_starts(self, text: str) -> list[int]:
        return list(range(len(text)))


def test_mixed_vectors_are_unit_vectors_of_which_most_cost_nothing() -> None:
    real = CountingEmbedder()
    mixed = MixedEmbedder(real, every=10)
    vectors = mixed.embed(["x" * length for length in range(1, 501)])
    assert vectors.shape == (500, 16)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(500), abs=1e-5)
    assert real.embedded < 150
    assert mixed.fingerprint == real.fingerprint
