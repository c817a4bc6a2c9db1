"""A queue in a real database, with tenants but without models: what is ingested here was never read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from rag_service.authentication import Caller, caller_of, operate
from rag_service.crypto.keys import KeyVault
from rag_service.domain.document import SealedChunk, SealedVersion
from rag_service.domain.errors import RagError
from rag_service.domain.identity import Role
from rag_service.domain.jobs import Job, JobState, Report, UploadRequest
from rag_service.store import claims, jobs, outbox, switch, tenant_jobs, uploads
from rag_service.store import database as database_module
from rag_service.store.access import sealed_owner
from rag_service.store.api_keys import ApiKeys
from rag_service.store.claims import Claim
from rag_service.store.database import Database
from rag_service.store.groups import Groups
from rag_service.store.jobs import JobQueue
from rag_service.store.key_uses import KeyUses
from rag_service.store.outbox import Outbox
from rag_service.store.tenant_jobs import TenantJobs
from rag_service.store.tenants import Tenant, Tenants
from rag_service.store.uploads import Accepted, QueueLimits, Uploads, seal_report, seal_upload
from rag_service.store.versions import Versions
from tests.databases import opened

VAULT = KeyVault(bytes(32))
NO_LIMITS = QueueLimits(10**9, 10**12)


class Clock:
    """The time that the store sees, once ``install`` put it there."""

    def __init__(self) -> None:
        self.time = datetime(2030, 1, 1)  # noqa: DTZ001  # as the tables store it

    def now(self) -> datetime:
        return self.time

    def pass_by(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        for module in (claims, jobs, outbox, switch, tenant_jobs, uploads):
            assert module.now is database_module.now
            patch.setattr(module, "now", self.now)


@dataclass(frozen=True)
class Queued:
    """The repositories over one database."""

    database: Database
    tenants: Tenants
    api_keys: ApiKeys
    uploads: Uploads
    jobs: TenantJobs
    queue: JobQueue
    versions: Versions
    outbox: Outbox

    async def tenant(self, name: str) -> Tenant:
        return await self.tenants.create(name, "identifiers")

    async def user(self, tenant: Tenant, name: str, *roles: Role) -> Caller:
        key = await self.api_keys.create(tenant, name, [Role.INGEST, *roles], None)
        holder, groups = await self.api_keys.verify(key.secret, None), Groups(self.database)
        return await caller_of(holder, tenant.name, Role.INGEST, tenants=self.tenants, groups_of=groups)

    async def accept(
        self, tenant: Tenant, source: str, text: str = "text", owner: str | None = None, by: Caller | None = None
    ) -> Accepted:
        """An upload by the operator, on behalf of ``owner``; or by a user, who owns it."""
        owner = by.scope.user if by else owner
        request = UploadRequest(source, source, "test", owner, ("everyone",))
        sealed = seal_upload(tenant.keys, request, text.encode())
        return await self.uploads.accept(by.scope if by else operate(tenant), tenant.keys, sealed)

    async def claim(self) -> Claim:
        claim = await self.queue.claim()
        assert claim is not None
        return claim

    async def state(self, tenant: Tenant, job_id: str) -> JobState:
        return (await self.job(tenant, job_id)).state

    async def job(self, tenant: Tenant, job_id: str) -> Job:
        return await self.jobs.job(operate(tenant), tenant.keys, job_id)

    async def store(self, tenant: Tenant, claim: Claim, version: int | None = None) -> int:
        """The claimed upload is the live version of its document, its text unscrubbed. Returns its number."""
        request, content = await self.uploads.open(operate(tenant), tenant.keys, claim.job_id)
        live = await self.versions.live(operate(tenant), tenant.keys, request.source)
        if version is None:
            version = live.newest + 1 if live else 1
        sealed = sealed_version(tenant, claim.document_id, version, request, content.decode())
        sealed = replace(sealed, replaces=live.version if live else None)
        report = seal_report(tenant.keys, claim.job_id, Report(version=version, chunks=1))
        await self.versions.switch(operate(tenant), sealed, claim, report)
        return version

    async def end(self, tenant: Tenant, claim: Claim, state: JobState = JobState.REFUSED) -> None:
        await self.queue.end(claim, state, seal_report(tenant.keys, claim.job_id, Report(reason="test")))

    async def fail(self, tenant: Tenant, claim: Claim) -> None:
        """A dead letter at once."""
        report = seal_report(tenant.keys, claim.job_id, Report(reason="test"))
        assert await self.queue.give_back(claim, most_attempts=1, sealed_report=report) is JobState.FAILED

    async def live_text(self, tenant: Tenant, source: str) -> str | None:
        live = await self.versions.live(operate(tenant), tenant.keys, source)
        if live is None:
            return None
        points, _ = await self.versions.points(operate(tenant), tenant.keys, live.document_id)
        return points[0].lexical_text.partition("\n")[2]


def _meta(tenant: Tenant, request: UploadRequest, text: str) -> dict[str, object]:
    return {
        "source": request.source,
        "source_token": tenant.keys.token("source", request.source),
        "title": request.name,
        "media_type": "text/plain",
        "ingested_by": request.ingested_by,
        "ingested_at": "2030-01-01T00:00:00Z",
        "chunks": 1,
        "characters": len(text),
        "content_sha256": "",
        "detector_version": "none",
        "removed": {},
        "suspicions": {},
        "concealments": [],
    }


def sealed_version(tenant: Tenant, document_id: str, version: int, request: UploadRequest, text: str) -> SealedVersion:
    """A version of one chunk, which is the whole text."""
    import json
    from uuid import uuid4

    seal, key = tenant.keys.new_version_key(document_id, version)
    chunk_id = str(uuid4())
    record = json.dumps({"heading": "", "text": text}).encode()
    chunk = SealedChunk(
        chunk_id=chunk_id,
        ordinal=0,
        record=seal.seal(record, "chunk", chunk_id),
        signature=tenant.keys.sign(record, document_id, version, chunk_id),
        vector=seal.seal(bytes(4), tenant.keys.index.vector_part, chunk_id),
    )
    return SealedVersion(
        tenant=tenant.id,
        document_id=document_id,
        version=version,
        source_token=tenant.keys.token("source", request.source),
        content_token=tenant.keys.token("content", text),
        version_key=key,
        text=seal.seal(text.encode(), "text"),
        meta=seal.seal(json.dumps(_meta(tenant, request, text)).encode(), "meta"),
        chunks=(chunk,),
        access=(),
        epoch=tenant.keys.index.epoch,
        owner_token=None if request.owner is None else tenant.keys.token("user", request.owner),
        sealed_owner=None if request.owner is None else sealed_owner(tenant.keys, document_id, request.owner),
    )


def over(database: Database, limits: QueueLimits = NO_LIMITS, lease_s: float = 60.0) -> Queued:
    tenants = Tenants(database, VAULT)
    return Queued(
        database=database,
        tenants=tenants,
        api_keys=ApiKeys(database, VAULT, tenants, KeyUses(database)),
        uploads=Uploads(database, limits),
        jobs=TenantJobs(database),
        queue=JobQueue(database, lease_s=lease_s),
        versions=Versions(database),
        outbox=Outbox(database),
    )


@asynccontextmanager
async def queued(path: Path, limits: QueueLimits = NO_LIMITS) -> AsyncIterator[Queued]:
    """A queue over a folder's database, which is made if it is not there."""
    database = opened(path)
    try:
        yield over(database, limits)
    finally:
        await database.close()


async def raises(kind: type[RagError], awaitable: object) -> None:
    """The awaitable failed in this way."""
    with pytest.raises(kind):
        await awaitable  # type: ignore[misc]
