"""Made-up points and questions for the index: clustered, as embeddings are, and sealed as the service seals them.

Independent noise has no neighbours worth finding, and would tell nothing of a graph.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from eval.served import temporary_installation
from rag_service.authentication import act_as
from rag_service.crypto.index_keys import IndexKeys
from rag_service.domain.identity import AccessScope, Principal
from rag_service.domain.retrieval import SealedPoint, SealedQuery
from rag_service.settings import load_settings
from rag_service.wiring import open_store

SHARES = {"all": 1, "tenth": 10, "hundredth": 100}
"""Groups, and one point in how many their members may read."""
_CLUSTERS, _TERMS, _SPREAD = 500, 30_000, 0.6


class ClusteredPoints:
    """Unit vectors around common centres, and terms as rare as words are; the same for the same seed."""

    def __init__(self, keys: IndexKeys, scopes: dict[str, AccessScope], dimension: int, seed: int) -> None:
        self.collection = keys.collection
        self._keys = keys
        self._scopes = scopes
        self._chance = np.random.default_rng(seed)
        self._centres = _unit(self._chance.normal(size=(_CLUSTERS, dimension)))

    def points(self, numbers: range) -> list[SealedPoint]:
        """One point a number; its number says who may read it."""
        return [
            self._keys.seal_point(
                point_id=point_id(number),
                vector=vector,
                terms=self._terms(60),
                access=[Principal.group(group) for group, share in SHARES.items() if number % share == 0],
                document_id=f"d{number // 10}",
                source=f"s{number // 100}",
            )
            for number, vector in zip(numbers, self._vectors(len(numbers)), strict=True)
        ]

    def query(self, group: str) -> SealedQuery:
        """What a member of the group asks."""
        return self._keys.seal_query(self._scopes[group], vector=self._vectors(1)[0], terms=self._terms(6))

    def _vectors(self, count: int) -> npt.NDArray[np.float32]:
        centres = self._centres[self._chance.integers(0, _CLUSTERS, count)]
        return _unit(centres + _SPREAD / np.sqrt(centres.shape[1]) * self._chance.normal(size=centres.shape))

    def _terms(self, count: int) -> dict[str, float]:
        drawn = np.unique(np.minimum(self._chance.zipf(1.3, count), _TERMS))
        return {
            str(term): float(weight)
            for term, weight in zip(drawn, self._chance.uniform(0.3, 2.2, len(drawn)), strict=True)
        }


@asynccontextmanager
async def clustered_points(dimension: int, seed: int) -> AsyncIterator[ClusteredPoints]:
    """Points of a tenant of an installation that lasts as long."""
    with temporary_installation() as installation:
        key = installation.environment["RAG_MASTER_KEY"]
        async with open_store(load_settings(data_dir=installation.data_dir, master_key=key)) as store:
            await store.tenants.create("bench", "identifiers")
            tenant = await store.tenants.by_name("bench")
            callers = {group: await act_as(tenant, "evaluator", [group], groups_of=store.groups) for group in SHARES}
            scopes = {group: caller.scope for group, caller in callers.items()}
            yield ClusteredPoints(tenant.keys.index, scopes, dimension, seed)


def point_id(number: int) -> str:
    return str(UUID(int=number))


def _unit(rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    unit: npt.NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit
