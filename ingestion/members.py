"""What comes in an archive or a mail: read with it, and each file sent on its own way through the queue.

A container's version and the uploads of its members are stored in one transaction, so none is lost. A member is
ingested like any other upload, but it is opened no further, and has its container's owner and readers.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ingestion.containers.kinds import Kind, archive_kind
from ingestion.containers.listing import listing
from ingestion.containers.walk import Contents, Member, RefusedMember, Unpacked
from ingestion.parse import MAX_TITLE
from rag_service.authentication import operate
from rag_service.domain.document import ParsedDocument, Upload
from rag_service.domain.errors import IntegrityError, NotFound, Refused
from rag_service.domain.jobs import MemberJob, MemberRefused, UploadRequest
from rag_service.domain.verdict import HELD_CONTAINER, Verdict
from rag_service.store.members import AsMember, NewMembers, Sources
from rag_service.store.uploads import SealedUpload, seal_upload

if TYPE_CHECKING:
    from ingestion.pipeline import IngestionParts, Task
    from ingestion.seal import Tag
    from rag_service.store.tenants import Tenant
    from rag_service.wiring import Store

_MAILS = {"message/rfc822": Kind.MAIL, "application/vnd.ms-outlook": Kind.OUTLOOK}
_GONE = Refused("container_gone", "The archive or mail that the file came in was deleted or replaced meanwhile.")


@dataclass(frozen=True, slots=True)
class Reading:
    """A document, and what came in it. ``mail`` is how it was opened, where it was not as an archive."""

    document: ParsedDocument
    unpacked: Unpacked | None = None
    mail: Kind | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What a job's report says of the files that came in its upload."""

    members: tuple[MemberJob, ...] = ()
    refused_members: tuple[MemberRefused, ...] = ()


def upload_of(request: UploadRequest, content: bytes) -> Upload:
    """The upload as the stages see it: a member under its own name, not that of all it lies in."""
    return Upload(request.file_name or request.name, content, request.source, request.title)


def member_path(request: UploadRequest, scrubbed_source: str) -> str | None:
    """The way to a member within what it came in, as readers may see it."""
    if request.within is None or request.source == scrubbed_source:
        return request.within
    return scrubbed_source  # something in it was scrubbed, and it may have been there


async def with_container(task: Task, parts: IngestionParts) -> tuple[Task, bool]:
    """A member's task for its container's owner and readers, as they are now, and whether that waits for a reviewer.

    Any other task as it is. Raises ``Refused`` where the container is gone.
    """
    request, operator = task.request, operate(task.tenant)
    if request.parent is None:
        return task, False
    try:
        listed = await parts.documents.access(operator, task.tenant.keys, str(request.parent))
        is_held = await parts.versions.is_held(operator, str(request.parent), request.parent_version)
    except NotFound:
        raise _GONE from None
    readers = tuple(listed.entries)
    return replace(task, request=replace(request, owner=listed.owner, access=readers)), is_held


def with_its_container(decided: Verdict) -> Verdict:
    """What came in a container that waits for a reviewer waits with it."""
    return replace(decided, reasons=(*decided.reasons, HELD_CONTAINER))


async def read(task: Task, parts: IngestionParts) -> Reading:
    """The upload parsed, and opened if it is an archive or a mail; a member is opened no further."""
    upload = task.upload
    if task.request.parent is not None:
        return Reading(await _member(task, upload, parts))
    is_small = len(upload.content) <= parts.max_bytes  # else it is for validation to refuse
    if is_small and archive_kind(upload.name, upload.content) is not None:
        unpacked = await parts.stages.unpack(upload, parts.unpack_limits)
        if unpacked is not None:
            return Reading(listing(upload, unpacked.contents), unpacked)
    document = await parts.stages.parse(upload, parts.max_bytes)
    mail = _MAILS.get(document.media_type)
    if mail is None:
        return Reading(document)
    try:
        return Reading(document, await parts.stages.unpack(upload, parts.unpack_limits, mail=mail), mail)
    except Refused as refusal:
        if refusal.reason != "malformed":
            raise
        damaged = RefusedMember("attachments", refusal.reason, refusal.detail)
        return Reading(document, Unpacked(Contents(mail, (), (damaged,)), ()), mail)


async def kin_of(
    task: Task, reading: Reading, tag: Tag, parts: IngestionParts, token_of: Callable[[Upload], str]
) -> tuple[AsMember | NewMembers | None, Told]:
    """How the version stands to other documents, and what is told of its members.

    ``token_of`` is ``content_token``: a member that has the one of its live version costs nothing.
    """
    request, keys = task.request, task.tenant.keys
    if request.parent is not None:
        return AsMember(request.parent, request.parent_version, HELD_CONTAINER in tag.verdict.reasons), Told()
    operator = operate(task.tenant)
    known = await parts.versions.members(operator, tag.document_id) if tag.version > 1 else {}
    ids = frozenset(one.document_id for one in known.values())
    takes_over = tag.takes_over and not (tag.is_held and tag.replaces)  # else when it is released
    if reading.unpacked is None:
        return NewMembers(keys, ids, takes_over=takes_over) if tag.version > 1 else None, Told()
    unchanged: set[str] = set()
    sources, same = set[str](), set[str]()
    uploads: dict[str, SealedUpload] = {}
    jobs: list[MemberJob] = []
    async for member, content in _every(task.upload, reading, parts):
        asked = _asked(request, tag, member)
        source = keys.token("source", asked.identity)
        sources.add(source)
        stored = None if takes_over and tag.is_held else known.get(source)  # for other readers, it waits with the rest
        if stored is not None and stored.content_token == token_of(upload_of(asked, content)):
            unchanged.add(stored.document_id)
            same.add(source)
            jobs.append(MemberJob(member.path, stored.document_id, None))
            continue
        document_id = stored.document_id if stored and not takes_over else secrets.token_hex(8)
        uploads[document_id] = await asyncio.to_thread(seal_upload, keys, asked, content)
        jobs.append(MemberJob(member.path, document_id, uploads[document_id].job_id))
    listed = Sources(frozenset(sources), frozenset(same))
    return NewMembers(keys, ids, frozenset(unchanged), uploads, listed, takes_over), Told(
        tuple(jobs), tuple(map(_told, reading.unpacked.contents.refused))
    )


async def members_of(document_id: str, tenant: Tenant, store: Store) -> dict[str, str]:
    """The live documents that came in this one, by the way to them within it."""
    operator, found = operate(tenant), dict[str, str]()
    for one in (await store.versions.members(operator, document_id)).values():
        if one.content_token is None:
            continue
        try:
            meta = await store.documents.meta(operator, tenant.keys, one.document_id)
        except NotFound:
            continue
        found[meta.member or meta.title] = one.document_id
    return dict(sorted(found.items()))


async def _member(task: Task, upload: Upload, parts: IngestionParts) -> ParsedDocument:
    """The file parsed, with a title that tells what it came in."""
    document = await parts.stages.parse(upload, parts.max_bytes)
    try:
        container = (await parts.documents.meta(operate(task.tenant), task.tenant.keys, str(task.request.parent))).title
    except (NotFound, IntegrityError):  # it waits for a reviewer: then its file's name is all that is told of it
        container = task.request.name.partition("!")[0]
    own = document.title[: MAX_TITLE // 2]
    return replace(document, title=f"{own} in {container}"[:MAX_TITLE])


async def _every(upload: Upload, reading: Reading, parts: IngestionParts) -> AsyncIterator[tuple[Member, bytes]]:
    """Every member with its content, a window at a time. Raises ``Refused`` where the upload opens in another way."""
    unpacked, at = reading.unpacked, 0
    while unpacked is not None:
        members = unpacked.contents.members
        for member, content in zip(members[at:], unpacked.content, strict=False):
            yield member, content
        at += len(unpacked.content)
        if at == len(members):
            return
        before = unpacked.contents
        unpacked = await parts.stages.unpack(upload, parts.unpack_limits, mail=reading.mail, first=at)
        if unpacked is None or unpacked.contents != before or not unpacked.content:
            break
    raise Refused("malformed", "The file cannot be unpacked twice in the same way.")


def _asked(request: UploadRequest, tag: Tag, member: Member) -> UploadRequest:
    return UploadRequest(
        name=f"{request.name}!{member.path}",
        source=f"{request.source}!{member.path}",
        ingested_by=request.ingested_by,
        owner=request.owner,
        access=None,
        parent=tag.document_id,
        parent_version=tag.version,
        within=member.path,
        file_name=member.name,
    )


def _told(refused: RefusedMember) -> MemberRefused:
    return MemberRefused(refused.path, refused.reason, refused.detail)
