"""Seal: every part tagged with its source, signed, and encrypted under the version's own key."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rag_service.crypto.keys import TenantKeys, VersionSeal
from rag_service.domain.document import (
    EmbeddedChunk,
    Finding,
    RemovedValue,
    ScreenedDocument,
    SealedChunk,
    SealedVersion,
    Upload,
)
from rag_service.domain.identity import Principal
from rag_service.domain.jobs import UploadRequest
from rag_service.domain.verdict import Verdict
from rag_service.store.access import sealed_access, sealed_owner
from rag_service.store.database import now
from rag_service.store.members import Sources
from rag_service.store.restoring import sealable


@dataclass(frozen=True, slots=True)
class Tag:
    """Where a version comes from, and which version of which document it is to be.

    ``source`` is shown to readers and therefore scrubbed; the upload's own source is the document's identity.
    ``most_readers`` are those who may read it at most; ``None`` leaves that to the list of the document it replaces.
    ``takes_over`` says that this document was another's: it is the request's owner's from then on, and the list that
    the request names takes the place of the former.

    ``replaces`` is the live version of the document, 0 where none is, ``None`` where the document is new. ``released``
    are the kinds of suspicions with which a reviewer released just this content before: then its verdict holds nothing.
    ``member`` is the way to it within the archive or mail that it came in, scrubbed like ``source``. ``members`` are
    what comes in this version, where it is an archive or a mail.
    """

    document_id: str
    version: int
    upload: Upload
    request: UploadRequest
    source: str
    content_token: str
    access: Collection[Principal]
    most_readers: Collection[Principal] | None = None
    takes_over: bool = False
    replaces: int | None = None
    verdict: Verdict = field(default_factory=lambda: Verdict((), ""))
    released: Collection[str] | None = None
    member: str | None = None
    members: Sources = field(default_factory=Sources)

    @property
    def is_held(self) -> bool:
        """Whether the version goes to quarantine."""
        return self.verdict.holds and self.released is None


def seal(
    document: ScreenedDocument,
    chunks: Sequence[EmbeddedChunk],
    tag: Tag,
    keys: TenantKeys,
    values: Sequence[RemovedValue] = (),
) -> SealedVersion:
    """The version, ready to be stored. Nothing in it can be read, moved or altered without being noticed.

    ``values`` are what was taken out of its text and may be restored: sealed by themselves, and in no other part.
    """
    version_seal, wrapped = keys.new_version_key(tag.document_id, tag.version)
    content_sha256 = hashlib.sha256(tag.upload.content).hexdigest()
    ingested_at = now().isoformat(timespec="seconds") + "Z"
    scrubbed = document.document
    meta = {
        "title": scrubbed.title,
        "source": tag.source,
        "source_token": keys.token("source", tag.request.identity),
        "media_type": scrubbed.media_type,
        "owner": tag.request.owner,
        "ingested_by": tag.request.ingested_by,
        "ingested_at": ingested_at,
        "chunks": len(chunks),
        "characters": len(scrubbed.text),
        "content_sha256": content_sha256,
        "detector_version": document.detector_version,
        "removed": dict(scrubbed.removed),
        "actions": dict(scrubbed.actions),
        "unsearched": list(scrubbed.unsearched),
        "restorable": len(values),
        "suspicions": dict(Counter(finding.kind for finding in document.suspicions)),
        "concealments": list(document.concealments),
        "verdict": {"reasons": list(tag.verdict.reasons), "detector_version": tag.verdict.detector_version},
        **_more(tag, keys),
        "parent_id": tag.request.parent,
        "parent_version": tag.request.parent_version,
        "member": tag.member,
    }
    source_of_chunk = {
        "content_sha256": content_sha256,
        "detector_version": document.detector_version,
        "ingested_by": tag.request.ingested_by,
        "ingested_at": ingested_at,
    }
    return SealedVersion(
        tenant=keys.tenant,
        document_id=tag.document_id,
        version=tag.version,
        source_token=keys.token("source", tag.request.identity),
        content_token=tag.content_token,
        version_key=wrapped,
        text=version_seal.seal(scrubbed.text.encode(), "text"),
        meta=version_seal.seal(json.dumps(meta).encode(), "meta"),
        values=version_seal.seal(sealable(values), "values") if values else None,
        screening=version_seal.seal(json.dumps(screening_record(document)).encode(), "screening"),
        chunks=tuple(_seal_chunk(one, source_of_chunk, tag, keys, version_seal) for one in chunks),
        access=sealed_access(keys, tag.document_id, tag.access),
        epoch=keys.index.epoch,
        most_readers=None if tag.most_readers is None else frozenset(map(keys.principal_token, tag.most_readers)),
        owner_token=None if tag.request.owner is None else keys.token("user", tag.request.owner),
        sealed_owner=None if tag.request.owner is None else sealed_owner(keys, tag.document_id, tag.request.owner),
        moves_owner=tag.takes_over,
        replaces_access=tag.takes_over and tag.request.access is not None,
        replaces=tag.replaces,
        folder_token=None if tag.request.folder is None else keys.token("folder", tag.request.folder),
    )


def kinds_of(document: ScreenedDocument) -> set[str]:
    """The kinds of everything suspicious in a document."""
    return {finding.kind for finding in document.suspicions} | set(document.concealments)


def screening_record(document: ScreenedDocument) -> dict[str, Any]:
    """What the file hid, and where findings are: not needed to answer, and so kept apart from the metadata."""
    return {
        "concealed": list(document.document.concealed),
        "disguised": list(document.document.disguised),
        "hiding": [_written(one) for one in document.document.hiding],
        "suspicions": [_written(one) for one in document.suspicions],
        "evidence": [_written(one) for one in document.evidence],
    }


def _written(finding: Finding) -> list[Any]:
    return [finding.kind, finding.start, finding.end, finding.score]


def _more(tag: Tag, keys: TenantKeys) -> Mapping[str, Any]:
    """Who released this content before; and what comes true when a version that waits for a reviewer goes live."""
    if tag.released is not None:
        return {"released": {"kinds": sorted(tag.released), "reasons": list(tag.verdict.reasons)}}
    if not tag.is_held:
        return {}
    members = {"members": sorted(tag.members.all), "unchanged": sorted(tag.members.unchanged)}
    if not tag.replaces or not (tag.takes_over or tag.most_readers is not None):
        return members
    readers = None if tag.most_readers is None else sorted(map(keys.principal_token, tag.most_readers))
    named = None if tag.request.access is None or not tag.takes_over else sorted(map(str, tag.access))
    return {**members, "waits_with": {"access": named, "most_readers": readers}}


def _seal_chunk(
    embedded: EmbeddedChunk, source: dict[str, str], tag: Tag, keys: TenantKeys, version_seal: VersionSeal
) -> SealedChunk:
    chunk, chunk_id = embedded.chunk, str(uuid.uuid4())
    record = json.dumps(
        {
            "ordinal": chunk.ordinal,
            "start": chunk.start,
            "end": chunk.end,
            "page": chunk.page,
            "section": chunk.section,
            "heading": chunk.heading,
            "text": chunk.text,
            "suspicions": chunk.suspicions,
            **source,
        }
    ).encode()
    return SealedChunk(
        chunk_id=chunk_id,
        ordinal=chunk.ordinal,
        record=version_seal.seal(record, "chunk", chunk_id),
        signature=keys.sign(record, tag.document_id, tag.version, chunk_id),
        vector=version_seal.seal(embedded.vector.astype("<f4").tobytes(), keys.index.vector_part, chunk_id),
    )
