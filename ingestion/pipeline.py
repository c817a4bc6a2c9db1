"""A document's path, in order.

upload → validate → parse → scrub → screen → chunk → embed → seal → store → index
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.chunk import chunk
from ingestion.embed import embed
from ingestion.parse import parse
from ingestion.screen import DETECTOR_VERSION, screen
from ingestion.scrub import ScrubPolicy, scrub, scrub_text
from ingestion.seal import Tag, seal
from ingestion.validate import validate
from rag_service.authentication import operate
from rag_service.crypto.sealing import place
from rag_service.detect.pii import PiiDetector
from rag_service.detect.policy import PiiPolicy
from rag_service.domain.document import ScreenedDocument, Upload
from rag_service.domain.errors import EmbeddingMismatch, Refused
from rag_service.domain.identity import EVERYONE, Principal
from rag_service.follow import IndexFollower
from rag_service.ports import Embedder
from rag_service.store.documents import Documents
from rag_service.store.tenants import Tenant, Tenants
from rag_service.store.versions import LiveVersion, Versions

if TYPE_CHECKING:
    from rag_service.domain.document import Vector

PIPELINE_VERSION = "1"
"""Part of every content token: a pipeline that would make other chunks ingests unchanged files again."""


@dataclass(frozen=True, slots=True)
class Intake:
    """For whom a batch is ingested. ``access`` is given to new documents; others keep the list they have."""

    tenant: Tenant
    ingested_by: str
    access: Collection[Principal]


@dataclass(frozen=True, slots=True)
class IngestionParts:
    """What the document path needs; made from the service by ``ingestion_parts``."""

    tenants: Tenants
    documents: Documents
    versions: Versions
    follower: IndexFollower
    embedder: Embedder
    detector: PiiDetector
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Ingested:
    """A new version is live and indexed."""

    document_id: str
    version: int
    chunks: int
    title: str
    removed: dict[str, int]
    suspicions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The same content went through the same pipeline before: nothing was done."""

    document_id: str


async def ingest(upload: Upload, intake: Intake, parts: IngestionParts) -> Ingested | Unchanged:
    """The upload is a live, indexed version of its document, or was one already.

    Raises ``Refused`` where it cannot become a document; an earlier version then stays live.
    """
    tenant, operator = intake.tenant, operate(intake.tenant)
    policy = ScrubPolicy(PiiPolicy(tenant.pii_policy), tenant.keys.pseudonym_key)
    validated = validate(upload, max_bytes=parts.max_bytes)
    token = _content_token(upload, intake, parts)
    live = await parts.versions.live(operator, tenant.keys, upload.source)
    if live is not None and live.content_token == token:
        await parts.follower.catch_up(tenant.id)  # it may have been stored by a run that died before the index had it
        return Unchanged(live.document_id)
    if live is not None:
        await _refuse_wider_access(live, intake, parts)
    parsed = await asyncio.to_thread(parse, validated)
    scrubbed = await asyncio.to_thread(scrub, parsed, policy, parts.detector)
    screened = await asyncio.to_thread(screen, scrubbed)
    chunks = await asyncio.to_thread(chunk, screened, parts.embedder.token_starts)
    if not chunks:
        raise Refused("no_text", "the file holds no text that can be read")
    known = await _known_vectors(live, intake, parts)
    embedded = await asyncio.to_thread(embed, chunks, parts.embedder, known)
    shown_source, _ = scrub_text(upload.source, policy, parts.detector)
    tag = Tag(
        document_id=live.document_id if live else secrets.token_hex(8),
        version=live.version + 1 if live else 1,
        upload=upload,
        source=shown_source,
        ingested_by=intake.ingested_by,
        content_token=token,
        access=intake.access,
    )
    sealed = seal(screened, embedded, tag, tenant.keys)
    await parts.versions.switch(operator, sealed)
    await parts.follower.catch_up(tenant.id)
    return _ingested(tag, screened, len(chunks))


async def prepare_tenant(tenant: Tenant, parts: IngestionParts) -> Tenant:
    """The tenant, bound to the embedding model of its first ingestion. Raises ``EmbeddingMismatch``."""
    if tenant.embedding is None:
        await parts.tenants.set_embedding(tenant, parts.embedder.fingerprint)
        return await parts.tenants.by_id(tenant.id)
    if tenant.embedding != parts.embedder.fingerprint:
        raise EmbeddingMismatch(tenant.embedding, parts.embedder.fingerprint)
    return tenant


def _content_token(upload: Upload, intake: Intake, parts: IngestionParts) -> str:
    """Equal for equal bytes, title, policy, detectors and model; keyed, so that it tells nothing of the content."""
    facts = place(
        hashlib.sha256(upload.content).hexdigest(),
        upload.name,
        upload.title or "",
        intake.tenant.pii_policy,
        DETECTOR_VERSION,
        parts.embedder.fingerprint,
        PIPELINE_VERSION,
    )
    return intake.tenant.keys.token("content", hashlib.sha256(facts).hexdigest())


async def _refuse_wider_access(live: LiveVersion, intake: Intake, parts: IngestionParts) -> None:
    """A document keeps its access list; new content is not put under one that is wider than was asked for."""
    tenant = intake.tenant
    stored = await parts.documents.access(operate(tenant), tenant.keys, live.document_id)
    if EVERYONE not in intake.access and not set(stored) <= {str(principal) for principal in intake.access}:
        raise Refused(
            "access_wider",
            f"document {live.document_id} has this source already, and more people may read it than are named now; "
            "name them too, or narrow its list first with `rag documents access`",
        )


async def _known_vectors(live: LiveVersion | None, intake: Intake, parts: IngestionParts) -> dict[str, Vector]:
    """The vectors of the version that is live now, by the text they were made from."""
    if live is None:
        return {}
    tenant = intake.tenant
    stored, _ = await parts.versions.points(operate(tenant), tenant.keys, live.document_id)
    return {point.lexical_text: point.vector for point in stored}


def _ingested(tag: Tag, screened: ScreenedDocument, chunks: int) -> Ingested:
    kinds = {finding.kind for finding in screened.suspicions} | set(screened.concealments)
    return Ingested(
        document_id=tag.document_id,
        version=tag.version,
        chunks=chunks,
        title=screened.document.title,
        removed=dict(screened.document.removed),
        suspicions=tuple(sorted(kinds)),
    )
