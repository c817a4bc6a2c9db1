"""Chunks that an epoch of the index lacks vectors of, as they are read to be embedded and sealed again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Select, exists, not_, select

from rag_service.crypto.keys import TenantKeys
from rag_service.domain.errors import IntegrityError
from rag_service.domain.identity import TenantId
from rag_service.store import tables

if TYPE_CHECKING:
    from rag_service.domain.document import Vector


@dataclass(frozen=True, slots=True)
class Lacking:
    """A chunk that lacks a vector. ``text`` is what stands for it in the index; ``None`` where its seal is broken.

    ``vector`` is that of the live epoch, where the same model made it.
    """

    chunk_id: str
    document_id: str
    version: int
    version_key: bytes
    text: str | None
    vector: Vector | None

    @property
    def place(self) -> tuple[str, str]:
        return self.document_id, self.chunk_id


@dataclass(frozen=True, slots=True)
class Made:
    """A chunk with the vector that it lacked."""

    chunk: Lacking
    vector: Vector


def missing_vectors(tenant: TenantId, epoch: int) -> Select[tuple[str]]:
    """The ids of the tenant's chunks that have no vector in the epoch."""
    return select(tables.chunks.c.id).where(tables.chunks.c.tenant_id == tenant, not_(_has_vector(epoch)))


def lacking_vectors(tenant: TenantId, epoch: int, live: int, after: tuple[str, str]) -> Select[Any]:
    """The rows of those behind ``after``, by document and id, with their vectors in the ``live`` epoch."""
    chunks, versions = tables.chunks.c, tables.versions.c
    of_live = tables.vectors.alias("known")
    document_id, chunk_id = after
    return (
        select(
            chunks.id,
            chunks.document_id,
            chunks.version,
            chunks.sealed_record,
            chunks.signature,
            versions.version_key,
            of_live.c.sealed_vector,
        )
        .join_from(
            tables.chunks,
            tables.versions,
            (versions.tenant_id == chunks.tenant_id)
            & (versions.document_id == chunks.document_id)
            & (versions.version == chunks.version),
        )
        .join(
            of_live,
            (of_live.c.tenant_id == chunks.tenant_id) & (of_live.c.chunk_id == chunks.id) & (of_live.c.epoch == live),
            isouter=True,
        )
        .where(chunks.tenant_id == tenant, not_(_has_vector(epoch)))
        .where((chunks.document_id > document_id) | ((chunks.document_id == document_id) & (chunks.id > chunk_id)))
        .order_by(chunks.document_id, chunks.id)
    )


def opened_lacking(row: Row[Any], live: TenantKeys, *, with_vector: bool) -> Lacking:
    """The chunk, opened and its signature verified; without a text where that fails, so that no other waits for it."""
    import numpy as np

    text: str | None = None
    vector: Vector | None = None
    try:
        seal = live.open_version_key(row.document_id, row.version, row.version_key)
        plain = seal.open(row.sealed_record, "chunk", row.id)
        live.verify(row.signature, plain, row.document_id, row.version, row.id)
        record = json.loads(plain)
        text = f"{record['heading']}\n{record['text']}"
        if with_vector and row.sealed_vector is not None:
            vector = np.frombuffer(seal.open(row.sealed_vector, live.index.vector_part, row.id), dtype="<f4")
    except IntegrityError:
        pass
    return Lacking(row.id, row.document_id, row.version, row.version_key, text, vector)


def sealed_row(made: Made, keys: TenantKeys) -> dict[str, object]:
    """The row of ``vectors``, for the epoch of these keys."""
    chunk = made.chunk
    seal = keys.open_version_key(chunk.document_id, chunk.version, chunk.version_key)
    return {
        "tenant_id": keys.tenant,
        "chunk_id": chunk.chunk_id,
        "epoch": keys.index.epoch,
        "sealed_vector": seal.seal(made.vector.astype("<f4").tobytes(), keys.index.vector_part, chunk.chunk_id),
    }


def _has_vector(epoch: int) -> Any:
    chunks, vectors = tables.chunks.c, tables.vectors.c
    return exists().where(vectors.tenant_id == chunks.tenant_id, vectors.chunk_id == chunks.id, vectors.epoch == epoch)
