"""A document's path, in order.

upload → accept → unpack → validate → parse → scrub → screen → judge → chunk → embed → verdict → seal → store → index

An accepted upload is durable (``rag_service.store.uploads``). A worker takes it from the queue and walks it through
``ingest``; the index follows what was stored (``rag_service.follow``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ingestion.across import Together, beside_others, with_evidence
from ingestion.containers.limits import UnpackLimits
from ingestion.content_token import content_token
from ingestion.embed import embed
from ingestion.members import Reading, Told, kin_of, member_path, read, upload_of, with_container, with_its_container
from ingestion.outliers import with_outliers
from ingestion.removal import KeyedPolicy
from ingestion.seal import Tag, kinds_of, seal
from ingestion.stages import Cleaned, Stages
from ingestion.verdict import is_of_today, verdict
from rag_service.authentication import operate
from rag_service.domain.document import Chunk, EmbeddedChunk, ScreenedDocument, Upload
from rag_service.domain.errors import IntegrityError, Refused
from rag_service.domain.identity import EVERYONE, Principal
from rag_service.domain.jobs import Report, UploadRequest
from rag_service.domain.review import Decision, told_to_uploader
from rag_service.domain.verdict import HELD_CONTAINER, Verdict
from rag_service.store.claims import Claim
from rag_service.store.documents import Documents
from rag_service.store.live_version import LiveVersion
from rag_service.store.members import NewMembers, Sources
from rag_service.store.quarantine import Quarantine
from rag_service.store.reviews import Reviewed, sealed_review
from rag_service.store.sketches import Sketches
from rag_service.store.tenants import Tenant, Tenants
from rag_service.store.uploads import seal_report
from rag_service.store.versions import Versions

if TYPE_CHECKING:
    from rag_service.domain.document import Vector


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
    recognizers: str
    holds: bool
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


@dataclass(frozen=True, slots=True)
class Made:
    """What the stages made of one upload."""

    reading: Reading
    judged: ScreenedDocument
    cleaned: Cleaned
    embedded: Sequence[EmbeddedChunk]


async def ingest(task: Task, parts: IngestionParts) -> Stored | Unchanged | HeldAlready:
    """The upload is a live version of its document, or was one already, or waits for a reviewer.

    Raises:
        Refused: it cannot become a document; an earlier version stays live.
        LeaseLost: the job was cancelled, or is another worker's by now; nothing was stored.
    """
    task, is_in_held = await with_container(task, parts)
    tenant, upload = task.tenant, task.upload
    policy = KeyedPolicy(tenant.scrubbing, tenant.keys.pseudonym_key)
    live = await parts.versions.live(operate(tenant), tenant.keys, task.request.identity)
    if live is not None and (known := await _known(live, task, parts)):
        return known
    readers = await _readers_at_most(live, task, parts)
    reading = await read(task, parts)
    cleaned = await parts.stages.scrub(reading.document, upload.source, policy)
    judged = await parts.stages.judge(cleaned.document)
    chunks = _countable(await parts.stages.chunk(judged), parts.max_passages)
    embedded = await embed(chunks, parts.stages, await _known_vectors(live, task, parts))
    judged = await asyncio.to_thread(with_outliers, judged, embedded)
    made = Made(reading, judged, cleaned, embedded)
    beside = await beside_others(task, live, made, parts)
    async with beside.turn():
        found = await beside.findings()
        made = replace(made, judged=with_evidence(judged, found))
        decided = verdict(made.judged, found)
        decided = decided if parts.holds else replace(decided, reasons=())
        decided = with_its_container(decided) if is_in_held else decided
        tag = _tag(task, live, readers, cleaned.source, decided, content_token(upload, tenant, parts.recognizers))
        together = Together(beside.sealed(tag.version), beside.held_with(found) if parts.holds else None)
        return await _store(task, made, tag, together, parts, may_be_released=not is_in_held)


async def _store(
    task: Task, made: Made, tag: Tag, together: Together, parts: IngestionParts, *, may_be_released: bool
) -> Stored:
    """The version is stored, live or in quarantine, with its job's report and the uploads of what came in it."""
    tenant, operator, keys = task.tenant, operate(task.tenant), task.tenant.keys
    about = _reviewed(tag, made.judged, tenant)
    if may_be_released:
        tag = replace(tag, released=await parts.quarantine.released_kinds(operator, keys, about))
    kin, told = await kin_of(task, made.reading, tag, parts, lambda one: content_token(one, tenant, parts.recognizers))
    tag = replace(tag, members=kin.sources if isinstance(kin, NewMembers) else Sources())
    sealed = await asyncio.to_thread(seal, made.judged, made.embedded, tag, keys, made.cleaned.values)
    review = sealed_review(keys, about, Decision.HELD, "service") if tag.is_held else None
    report = seal_report(keys, task.claim.job_id, _report(tag, made, told))
    await parts.versions.switch(operator, sealed, task.claim, report, review, kin, *together)
    return Stored(tag.version, len(made.embedded))


async def _known(live: LiveVersion, task: Task, parts: IngestionParts) -> Unchanged | HeldAlready | None:
    """What becomes of an upload that is live or in quarantine already; nothing else is done for it."""
    token = content_token(task.upload, task.tenant, parts.recognizers)
    if live.is_same(token, task.request.owner):
        await parts.versions.withdraw_held(operate(task.tenant), live.document_id)
        return Unchanged(live.document_id)
    held = live.same_held(token, task.request.owner)
    # What came in a container may have come in another version of it; and by another rule it may be held no longer.
    if held is not None and HELD_CONTAINER not in held.reasons and is_of_today(held.judged_by):
        return HeldAlready(Report(held.version, held.chunks, held=told_to_uploader(held.reasons)))
    return None


async def _readers_at_most(live: LiveVersion | None, task: Task, parts: IngestionParts) -> list[Principal] | None:
    """Who may be on the list of the document; ``None`` where it may say what it likes. Raises ``Refused``."""
    readers = None if live is None else _most_readers(live, task)
    if live is not None and readers is not None:
        await _refuse_wider_access(live, readers, task, parts)
    return readers


def _countable(chunks: list[Chunk], most: int) -> list[Chunk]:
    """The passages, where there are some and not too many. Raises ``Refused``."""
    if not chunks:
        raise Refused("no_text", "the file holds no text that can be read")
    if len(chunks) > most:
        raise Refused("too_many_passages", f"the file has {len(chunks)} passages; at most {most} are taken")
    return chunks


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


def _tag(
    task: Task, live: LiveVersion | None, readers: list[Principal] | None, source: str, decided: Verdict, token: str
) -> Tag:
    return Tag(
        document_id=live.document_id if live else task.claim.document_id,
        version=live.newest + 1 if live else 1,
        upload=task.upload,
        request=task.request,
        source=source,
        content_token=token,
        access=task.access,
        most_readers=readers,
        takes_over=live is not None and live.owner != task.request.owner,
        replaces=live.version if live else None,
        verdict=decided,
        member=member_path(task.request, source),
    )


def _report(tag: Tag, made: Made, told: Told) -> Report:
    return Report(
        version=tag.version,
        chunks=len(made.embedded),
        removed=dict(made.judged.document.removed),
        suspicions=tuple(sorted(kinds_of(made.judged))),
        stripped=made.reading.document.stripped,
        held=told_to_uploader(tag.verdict.reasons) if tag.is_held else (),
        unsearched=made.judged.document.unsearched,
        members=told.members,
        refused_members=told.refused_members,
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
