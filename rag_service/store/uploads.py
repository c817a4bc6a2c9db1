"""Accepting uploads: each is durable from then on, and sealed until it is a document."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, delete, func, insert, select, update

from rag_service.crypto.keys import TenantKeys
from rag_service.domain.errors import Conflict, NotFound, QueueFull
from rag_service.domain.identity import AccessScope, OperatorScope, Role, TenantId
from rag_service.domain.jobs import KEPT, PENDING, JobState, Report, UploadRequest
from rag_service.store import tables
from rag_service.store.access import opened_owner
from rag_service.store.database import Connection, Database, now

_RETRY_AFTER_S = 10


@dataclass(frozen=True, slots=True)
class SealedUpload:
    """An upload ready to be accepted: nothing in it can be read."""

    tenant: str
    job_id: str
    source_token: str
    content_token: str
    owner_token: str | None
    request: bytes
    content_key: bytes
    content: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """The upload is durable. It may be one that was accepted before and still waits."""

    document_id: str
    job_id: str


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How much a tenant may have waiting."""

    jobs: int
    size: int


def seal_upload(keys: TenantKeys, request: UploadRequest, content: bytes) -> SealedUpload:
    """The request and its content, sealed. Takes time in proportion to the content."""
    job_id = secrets.token_hex(8)
    asked = json.dumps(asdict(request))
    seal, wrapped = keys.new_upload_key(job_id)
    both = hashlib.sha256(content).hexdigest() + hashlib.sha256(asked.encode()).hexdigest()
    return SealedUpload(
        tenant=keys.tenant,
        job_id=job_id,
        source_token=keys.token("source", request.identity),
        content_token=keys.token("upload", both),
        owner_token=None if request.owner is None else keys.token("user", request.owner),
        request=keys.seal_name("request", asked, job_id),
        content_key=wrapped,
        content=seal.seal(content, "content"),
        size=len(content),
    )


def seal_report(keys: TenantKeys, job_id: str, report: Report) -> bytes:
    return keys.seal_name("report", json.dumps(asdict(report)), job_id)


class Uploads:
    """The uploads and jobs of one tenant. No method can be called without a scope."""

    def __init__(self, database: Database, limits: QueueLimits) -> None:
        self._database = database
        self._limits = limits

    async def accept(self, scope: AccessScope | OperatorScope, keys: TenantKeys, upload: SealedUpload) -> Accepted:
        """The upload is durable, and waits for its turn. One that waits already, unchanged, is not taken twice.

        Raises:
            NotFound: the tenant is gone.
            QueueFull: the tenant has as much waiting as it may have.
            Conflict: the source is that of a document which this caller may not replace.
        """
        if upload.tenant != scope.tenant or keys.tenant != scope.tenant:
            raise ValueError("an upload sealed for one tenant is never accepted for another")
        if isinstance(scope, AccessScope) and upload.owner_token != keys.token("user", scope.user):
            raise ValueError("what a user uploads is their own")
        async with self._database.write(scope.tenant) as connection:
            tenant = select(tables.tenants.c.id).where(tables.tenants.c.id == scope.tenant)
            if (await connection.execute(tenant)).one_or_none() is None:
                raise NotFound("tenant")
            document_id, may_replace, same = await self._of_this_source(connection, scope, keys, upload)
            if not may_replace:
                raise Conflict("document", "another user owns the document with that source")
            if same is not None:
                return Accepted(document_id, same)
            await self._refuse_overflow(connection, scope, upload)
            await insert_upload(connection, upload, document_id)
        return Accepted(document_id, upload.job_id)

    async def open(self, operator: OperatorScope, keys: TenantKeys, job_id: str) -> tuple[UploadRequest, bytes]:
        """What was asked for, and the original. Raises ``NotFound`` where it is gone."""
        uploads, spool = tables.uploads.c, tables.spool.c
        query = (
            select(uploads.sealed_request, spool.content_key, spool.sealed_content)
            .join_from(
                tables.uploads, tables.spool, (spool.tenant_id == uploads.tenant_id) & (spool.job_id == uploads.job_id)
            )
            .where(uploads.tenant_id == operator.tenant, uploads.job_id == job_id)
        )
        async with self._database.read(operator.tenant) as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound("upload")
        request = opened_request(keys, job_id, row.sealed_request)
        return request, keys.open_upload_key(job_id, row.content_key).open(row.sealed_content, "content")

    async def _of_this_source(
        self, connection: Connection, scope: AccessScope | OperatorScope, keys: TenantKeys, upload: SealedUpload
    ) -> tuple[str, bool, str | None]:
        """The document that the source names or will name, whether the caller may replace it, and a job that will.

        A dead letter has its say as well: it may be tried again, and must then neither make a second document of the
        source nor one that somebody else replaced.
        """
        documents, jobs = tables.documents.c, tables.jobs.c
        stored = select(documents.id, documents.sealed_owner).where(
            documents.tenant_id == scope.tenant, documents.source_token == upload.source_token
        )
        of_source = (
            (jobs.tenant_id == scope.tenant) & (jobs.source_token == upload.source_token) & jobs.state.in_(sorted(KEPT))
        )
        latest = (
            select(jobs.id, jobs.document_id, jobs.content_token, jobs.state)
            .where(of_source)
            .order_by(jobs.position.desc())
            .limit(1)
        )
        document = (await connection.execute(stored)).one_or_none()
        job = (await connection.execute(latest)).one_or_none()
        owners = {owner for (owner,) in await connection.execute(select(jobs.owner_token).where(of_source).distinct())}
        if document is not None:
            owner = opened_owner(keys, document.id, document.sealed_owner)
            owners.add(None if owner is None else keys.token("user", owner))
        may = isinstance(scope, OperatorScope) or Role.ADMIN in scope.roles or owners <= {upload.owner_token}
        document_id = document.id if document else job.document_id if job else secrets.token_hex(8)
        is_same = job is not None and job.state in PENDING and job.content_token == upload.content_token
        return document_id, may, job.id if job is not None and is_same else None

    async def _refuse_overflow(
        self, connection: Connection, scope: AccessScope | OperatorScope, upload: SealedUpload
    ) -> None:
        """Of a user's tenant dead letters count as well, as their content is kept; none is in the operator's way."""
        jobs = tables.jobs.c
        states = PENDING if isinstance(scope, OperatorScope) else KEPT
        query = select(func.count(), func.coalesce(func.sum(jobs.size), 0)).where(
            jobs.state.in_(sorted(states)), jobs.tenant_id == scope.tenant
        )
        count, size = (await connection.execute(query)).one()
        # One upload is always taken, however large: else it would wait for ever.
        if count and (count >= self._limits.jobs or size + upload.size > self._limits.size):
            raise QueueFull(_RETRY_AFTER_S)


async def insert_upload(
    connection: Connection, upload: SealedUpload, document_id: str, parent_id: str | None = None
) -> None:
    """As part of this transaction, the upload waits for its turn; ``parent_id`` is the document that it came in."""
    place, moment = {"tenant_id": upload.tenant, "job_id": upload.job_id}, now()
    job = {
        "id": upload.job_id,
        "tenant_id": upload.tenant,
        "document_id": document_id,
        "source_token": upload.source_token,
        "content_token": upload.content_token,
        "owner_token": upload.owner_token,
        "state": JobState.QUEUED,
        "stage": "",
        "size": upload.size,
        "attempts": 0,
        "not_before": moment,
        "created_at": moment,
        "changed_at": moment,
        "parent_id": parent_id,
    }
    await connection.execute(insert(tables.jobs).values(job))
    await connection.execute(insert(tables.uploads).values({**place, "sealed_request": upload.request}))
    await connection.execute(
        insert(tables.spool).values({**place, "content_key": upload.content_key, "sealed_content": upload.content})
    )


async def cancel_pending(connection: Connection, tenant: TenantId, document_id: str) -> None:
    """As part of this transaction, whatever waits or failed to become a version of the document never will."""
    await cancel_uploads(connection, tenant, tables.jobs.c.document_id == document_id)


async def cancel_uploads(connection: Connection, tenant: TenantId, which: ColumnElement[bool]) -> list[str]:
    """As part of this transaction, those that wait, run or failed never become documents, and their content is gone.

    Returns the ids of their jobs.
    """
    jobs, spool = tables.jobs.c, tables.spool.c
    theirs = which & (jobs.tenant_id == tenant) & jobs.state.in_(sorted(KEPT))
    await connection.execute(
        delete(tables.spool).where(spool.tenant_id == tenant, spool.job_id.in_(select(jobs.id).where(theirs)))
    )
    cancelled = (
        update(tables.jobs)
        .where(theirs)
        .values(state=JobState.CANCELLED, stage="", lease=None, lease_until=None, changed_at=now())
    )
    return [job_id for (job_id,) in await connection.execute(cancelled.returning(jobs.id))]


def opened_request(keys: TenantKeys, job_id: str, sealed: bytes) -> UploadRequest:
    asked = json.loads(keys.open_name("request", sealed, job_id))
    access = asked.pop("access")
    return UploadRequest(**asked, access=None if access is None else tuple(access))
