"""A document's path, in order.

upload → accept → unpack → validate → parse → scrub → screen → judge → chunk → embed → verdict → seal → store → index

An accepted upload is durable (``rag_service.store.uploads``). A worker takes it from the queue and walks it through
``ingest``; the index follows what was stored (``rag_service.follow``).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ingestion.across import Beside, sketched
from ingestion.containers.limits import UnpackLimits
from ingestion.embed import embed
from ingestion.members import as_member, kin_of, member_path, read, upload_of, with_its_container
from ingestion.removal import KeyedPolicy
from ingestion.screen import DETECTOR_VERSION
from ingestion.seal import Tag, kinds_of, seal
from ingestion.stages import Stages
from ingestion.verdict import verdict
from rag_service.authentication import operate
from rag_service.crypto.sealing import place
from rag_service.detect import credentials, pii
from rag_service.domain.document import ScreenedDocument, Upload
from rag_service.domain.errors import IntegrityError, Refused
from rag_service.domain.identity import EVERYONE, Principal
from rag_service.domain.jobs import Report, UploadRequest
from rag_service.domain.review import Decision, told_to_uploader
from rag_service.store.claims import Claim
from rag_service.store.documents import Documents
from rag_service.store.live_version import LiveVersion
from rag_service.store.quarantine import Quarantine
from rag_service.store.reviews import Reviewed, sealed_review
from rag_service.store.sketches import Sketches
from rag_service.store.tenants import Tenant, Tenants
from rag_service.store.uploads import seal_report
from rag_service.store.versions import Versions

if TYPE_CHECKING:
    from rag_service.domain.document import Vector

PIPELINE_VERSION = "3"
"""Part of every content token: a pipeline that would make other chunks ingests unchanged files again."""


@dataclass(frozen=True, slots=True)
class Task:
    """One accepted upload, opened: for whom, by which right, what was asked for, and the original."""

    tenant: Tenant
    claim: Claim
    request: UploadRequest
    content: bytes

    @property
    def upload(self) -> Upload:
        return upload_of(self.request, self.content)

    @property
    def access(self) -> list[Principal]:
        """The access list of a document that is new. Without one it is private to its owner."""
        if self.request.access is None:
            return [Principal.user(self.request.owner)] if self.request.owner else []
        return [Principal.parse(one) for one in self.request.access]


@dataclass(frozen=True, slots=True)
class IngestionParts:
    """What the document path needs; made from the store by ``ingestion_parts``."""

    tenants: Tenants
    documents: Documents
    versions: Versions
    quarantine: Quarantine
    sketches: Sketches
    stages: Stages
    max_bytes: int
    max_passages: int
    unpack_limits: UnpackLimits


@dataclass(frozen=True, slots=True)
class Stored:
    """A new version is live in SQL, and its job done when the index has followed; or it is in quarantine."""

    version: int
    chunks: int


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The same content went through the same pipeline before: nothing was done."""

    document_id: str


@dataclass(frozen=True, slots=True)
class HeldAlready:
    """The same content is in quarantine, by the same detectors: nothing was done."""

    report: Report


async def ingest(task: Task, parts: IngestionParts) -> Stored | Unchanged | HeldAlready:
    """The upload is a live version of its document, or was one already, or waits for a reviewer.

    Raises:
        Refused: it cannot become a document; an earlier version stays live.
        LeaseLost: the job was cancelled, or is another worker's by now; nothing was stored.
    """
    is_in_held = False
    if task.request.parent is not None:
        task, is_in_held = await as_member(task, parts)
    tenant, operator, upload = task.tenant, operate(task.tenant), task.upload
    policy = KeyedPolicy(tenant.scrubbing, tenant.keys.pseudonym_key)
    token = content_token(upload, tenant)
    live = await parts.versions.live(operator, tenant.keys, task.request.identity)
    if live is not None and live.is_same(token, task.request.owner):
        await parts.versions.withdraw_held(operator, live.document_id)
        return Unchanged(live.document_id)
    if live is not None and (held := live.same_held(token, task.request.owner)):
        return HeldAlready(Report(held.version, held.chunks, held=told_to_uploader(held.reasons)))
    readers = None if live is None else _most_readers(live, task)
    if live is not None and readers is not None:
        await _refuse_wider_access(live, readers, task, parts)
    reading = await read(task, parts)
    parsed = reading.document
    cleaned = await parts.stages.scrub(parsed, upload.source, policy)
    judged = await parts.stages.judge(cleaned.document)
    chunks = await parts.stages.chunk(judged)
    if not chunks:
        raise Refused("no_text", "the file holds no text that can be read")
    if len(chunks) > parts.max_passages:
        raise Refused(
            "too_many_passages", f"the file has {len(chunks)} passages; at most {parts.max_passages} are taken"
        )
    embedded = await embed(chunks, parts.stages, await _known_vectors(live, task, parts))
    document_id = live.document_id if live else task.claim.document_id
    made = await sketched(tenant, judged, embedded)
    uploader = task.request.ingested_by
    beside = Beside(operator, tenant, parts.sketches, parts.quarantine, uploader, document_id, made)
    async with beside.turn():
        decided = verdict(judged, await beside.findings())
        tag = Tag(
            document_id=document_id,
            version=live.newest + 1 if live else 1,
            upload=upload,
            request=task.request,
            source=cleaned.source,
            content_token=token,
            access=task.access,
            most_readers=readers,
            takes_over=live is not None and live.owner != task.request.owner,
            replaces=live.version if live else None,
            verdict=with_its_container(decided) if is_in_held else decided,
            member=member_path(task.request, cleaned.source),
        )
        about = _reviewed(tag, judged, tenant)
        if not is_in_held:
            tag = replace(tag, released=await parts.quarantine.released_kinds(operator, tenant.keys, about))
        sealed = await asyncio.to_thread(seal, judged, embedded, tag, tenant.keys, cleaned.values)
        review = sealed_review(tenant.keys, about, Decision.HELD, "service") if tag.is_held else None
        kin, told = await kin_of(task, reading, tag, parts, lambda one: content_token(one, tenant))
        report = replace(
            _report(tag, judged, len(chunks), parsed.stripped),
            members=told.members,
            refused_members=told.refused_members,
        )
        sealed_report = seal_report(tenant.keys, task.claim.job_id, report)
        sketch = beside.sealed(tag.version)
        await parts.versions.switch(operator, sealed, task.claim, sealed_report, review, kin, sketch)
    return Stored(tag.version, len(chunks))


async def bound(tenant: Tenant, fingerprint: str, tenants: Tenants) -> Tenant:
    """The tenant, with the embedding model of its first ingestion; only another epoch of its index has another."""
    if tenant.embedding is None:
        await tenants.set_embedding(tenant, fingerprint)
        return await tenants.by_id(tenant.id)
    return tenant


def content_token(upload: Upload, tenant: Tenant) -> str:
    """Equal for equal bytes, title, policy and detectors; keyed, so that it tells nothing of the content.

    The model is none of it: when the tenant's index moves to another, its vectors are made for what is stored already.
    """
    facts = place(
        hashlib.sha256(upload.content).hexdigest(),
        upload.name,
        upload.title or "",
        tenant.scrubbing.digest(),
        pii.VERSION,
        credentials.VERSION,
        DETECTOR_VERSION,
        PIPELINE_VERSION,
    )
    return tenant.keys.token("content", hashlib.sha256(facts).hexdigest())


def _most_readers(live: LiveVersion, task: Task) -> list[Principal] | None:
    """Who may be on the list of the document that is replaced; ``None`` where it may say what it likes.

    Its owner may leave the list unnamed, and it stays. Whoever else replaces a document names its readers, who take
    the place of the former: its source may have been taken by somebody who waited for just this content. Only
    operators and administrators come as far as that (``rag_service.store.uploads``).
    """
    if task.request.parent is not None:  # its container's list is its own, and was just read
        return None
    is_owner, is_named = task.request.owner == live.owner, task.request.access is not None
    stays_as_it_is, is_replaced = is_owner and not is_named, is_named and not is_owner
    return None if stays_as_it_is or is_replaced or EVERYONE in task.access else task.access


async def _refuse_wider_access(
    live: LiveVersion, readers: Sequence[Principal], task: Task, parts: IngestionParts
) -> None:
    """A document keeps its access list; new content is not put under one that is wider than was asked for."""
    tenant = task.tenant
    stored = await parts.documents.access(operate(tenant), tenant.keys, live.document_id)
    if not set(stored.principals) <= set(readers):
        raise Refused(
            "access_wider",
            f"document {live.document_id} has this source already, and more people may read it than are named now; "
            "name them too, or narrow its list first with `rag documents access`",
        )


async def _known_vectors(live: LiveVersion | None, task: Task, parts: IngestionParts) -> dict[str, Vector]:
    """The vectors of the version that is live now, by the text they were made from; none of one that does not open."""
    if live is None:
        return {}
    try:
        stored, _ = await parts.versions.points(operate(task.tenant), task.tenant.keys, live.document_id)
    except IntegrityError:  # it can still be replaced
        return {}
    return {point.lexical_text: point.vector for point in stored}


def _report(tag: Tag, screened: ScreenedDocument, chunks: int, stripped: tuple[str, ...]) -> Report:
    return Report(
        version=tag.version,
        chunks=chunks,
        removed=dict(screened.document.removed),
        suspicions=tuple(sorted(kinds_of(screened))),
        stripped=stripped,
        held=told_to_uploader(tag.verdict.reasons) if tag.is_held else (),
        unsearched=screened.document.unsearched,
    )


def _reviewed(tag: Tag, screened: ScreenedDocument, tenant: Tenant) -> Reviewed:
    return Reviewed(
        document_id=tag.document_id,
        version=tag.version,
        content_token=tag.content_token,
        source_token=tenant.keys.token("source", tag.request.identity),
        source=tag.source,
        detector_version=tag.verdict.detector_version,
        reasons=tag.verdict.reasons,
        kinds=kinds_of(screened),
    )
