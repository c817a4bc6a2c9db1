"""Vectors stand beside their chunks, one an epoch of the tenant's index: whoever reads holds the keys of one epoch."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, select

from rag_service.domain.document import SealedVersion
from rag_service.domain.errors import Conflict
from rag_service.domain.identity import TenantId
from rag_service.store import tables
from rag_service.store.database import Connection


def is_vector_of(chunks: Any, tenant: TenantId, epoch: int) -> ColumnElement[bool]:
    """The row of ``vectors`` is the chunk's in this epoch."""
    vectors = tables.vectors.c
    condition: ColumnElement[bool] = (
        (vectors.tenant_id == tenant)
        & (vectors.tenant_id == chunks.tenant_id)
        & (vectors.chunk_id == chunks.id)
        & (vectors.epoch == epoch)
    )
    return condition


def sealed_vectors(sealed: SealedVersion) -> list[dict[str, object]]:
    """The rows of a version's vectors."""
    return [
        {
            "tenant_id": sealed.tenant,
            "chunk_id": chunk.chunk_id,
            "epoch": sealed.epoch,
            "sealed_vector": chunk.vector,
        }
        for chunk in sealed.chunks
    ]


async def refuse_other_epoch(connection: Connection, tenant: TenantId, epoch: int) -> None:
    """The tenant's live epoch is this one until the transaction ends: its writers come one after the other.

    Raises ``Conflict``: what was embedded for another is not in the index that answers, and must be embedded anew.
    """
    live = select(tables.tenants.c.index_epoch).where(tables.tenants.c.id == tenant)
    if (await connection.execute(live)).scalar_one_or_none() != epoch:
        raise Conflict("index epoch", "the tenant's index moved to another model or key meanwhile; try again")
