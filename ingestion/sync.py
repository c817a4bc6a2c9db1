"""What `rag sync` does: a tenant's documents of a folder become what the folder holds.

look → compare → ingest what is new or newer → adopt what is the same → look again → remove what is gone

Nothing is removed on a doubt: a document goes only if neither look met its file, and every place where the file may lie
could be looked into.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ingestion.batch import FoundFile, Ingested, Intake, Outcome, Quarantined, Watcher, ingest_each
from ingestion.command import worked_through
from ingestion.content_token import content_token
from ingestion.pipeline import Unchanged
from ingestion.processes.stages import ProcessStages
from ingestion.progress import Progress
from ingestion.scan import Folder, Scan, read, scan
from rag_service.authentication import operate
from rag_service.detect.recognizers import digest, load_recognizers
from rag_service.domain.document import Upload
from rag_service.domain.errors import InvalidRequest, NotFound, Refused
from rag_service.domain.identity import EVERYONE, Principal
from rag_service.owner.reach import until_followed
from rag_service.settings import Settings
from rag_service.store.tenants import Tenant
from rag_service.wiring import Store, open_store

_HIDING = {"unreadable", "symbolic_link"}
"""Reasons for which something may lie at a path, or below it, that was not seen."""

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Request:
    """What to make of a folder. ``access`` is for new documents; others keep the list that they have."""

    folder: Folder
    tenant: str
    owner: str | None
    access: Collection[Principal]
    delete_all: bool


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What was done, or would be: each file in one list; ``removed`` and ``kept`` are documents without a file.

    ``kept`` are those of them whose file may be there, where it cannot be seen. ``quarantined`` wait for a reviewer.
    """

    added: list[Row] = field(default_factory=list)
    changed: list[Row] = field(default_factory=list)
    removed: list[Row] = field(default_factory=list)
    unchanged: list[Row] = field(default_factory=list)
    refused: list[Row] = field(default_factory=list)
    kept: list[Row] = field(default_factory=list)
    quarantined: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class New:
    """No document has this source."""


@dataclass(frozen=True, slots=True)
class Newer:
    """The document's live version was made of other content, or in another way."""

    document_id: str


Verdict = New | Newer | Unchanged | Refused


async def preview(settings: Settings, request: Request) -> SyncReport:
    """What ``sync`` would do. Nothing is changed: SQL is read, and the folder."""
    async with open_store(settings) as store:
        run = _Run(settings, store, await store.tenants.by_name(request.tenant), request)
        seen, verdicts = await run.compared()
        return await run.report(seen, verdicts, {})


async def sync(settings: Settings, request: Request) -> SyncReport:
    """The documents of the folder are what it holds, but for what is ``refused`` and ``kept``; the index has followed.

    Raises ``InvalidRequest``, before anything was changed, where the folder cannot be read or is suddenly empty.
    """
    async with open_store(settings) as store:
        run = _Run(settings, store, await store.tenants.by_name(request.tenant), request)
        seen, verdicts = await run.compared()
        outcomes = await run.ingested([file for file, one in verdicts.items() if isinstance(one, New | Newer)])
        await run.adopt({**verdicts, **outcomes}.values())
        report = await run.report(seen, verdicts, outcomes)
        await run.remove(report)
        return report


class _Run:
    """One synchronisation, under way."""

    def __init__(self, settings: Settings, store: Store, tenant: Tenant, request: Request) -> None:
        self._settings = settings
        self._store = store
        self._tenant = tenant
        self._request = request
        self._operator = operate(tenant)
        self._members: dict[str, Outcome] = {}
        self._max_bytes = settings.max_upload_mb * 2**20
        self._recognizers = digest(load_recognizers(settings.recognizers)[0])

    async def compared(self) -> tuple[Scan, dict[FoundFile, Verdict]]:
        """What is in the folder, and how each file stands to what is stored."""
        folder, seen = self._request.folder, await self._look()
        if unreadable := seen.refused.get(folder.path):
            raise InvalidRequest(f"{folder.path}: {unreadable.detail}. Nothing was changed.")
        if not seen.files and not self._request.delete_all and (stored := len(await self._stored())):
            raise InvalidRequest(
                f"{folder.path} holds no file, and {stored} of the tenant's documents came from it. If they are to be "
                "removed, pass --delete-all. Nothing was changed."
            )
        return seen, {file: await self._judged(file) for file in seen.files}

    async def ingested(self, files: Sequence[FoundFile]) -> dict[FoundFile, Outcome]:
        """Each of the files has its outcome. Nothing is started for none."""
        if not files:
            return {}
        outcomes: dict[FoundFile, Outcome] = {}
        request, store, stages = self._request, self._store, ProcessStages(self._settings)
        with Progress(len(files), lines=False) as progress:

            def ended(file: FoundFile, outcome: Outcome) -> bool:
                outcomes[file] = outcome
                return progress.ended(file, outcome)

            def member(file: FoundFile, way: str, outcome: Outcome) -> None:
                self._members[f"{file.path}!{way}"] = outcome

            async with worked_through(self._settings, store, self._tenant, stages, progress) as tenant:
                intake = Intake(
                    tenant,
                    request.owner or "operator",
                    request.owner,
                    request.access,
                    request.folder.base,
                    stages.recognizers,
                )
                await ingest_each(files, self._opened, intake, store, Watcher(ended, progress.moved, member))
        return {file: outcomes[file] for file in files}

    async def adopt(self, results: Iterable[Verdict | Outcome]) -> None:
        """What is in the folder, unchanged, belongs to it from now on, whoever ingested it."""
        stored = await self._stored()
        ids = [one.document_id for one in results if isinstance(one, Unchanged) and one.document_id not in stored]
        if ids:
            await self._store.versions.adopt(self._operator, self._tenant.keys, ids, self._request.folder.base)

    async def report(
        self, seen: Scan, verdicts: dict[FoundFile, Verdict], outcomes: dict[FoundFile, Outcome]
    ) -> SyncReport:
        """Every file under its outcome, or else its verdict, and the documents whose files are gone."""
        report = SyncReport()
        results: dict[FoundFile, Verdict | Outcome] = {**verdicts, **outcomes}
        for path, refusal in seen.refused.items():
            report.refused.append({"path": str(path), "reason": refusal.reason, "detail": refusal.detail})
        for file, result in results.items():
            _enter(report, str(file.path), result)
        for way, outcome in self._members.items():
            _enter(report, way, outcome)
        unread = {file for file, one in results.items() if isinstance(one, Refused) and one.reason in _HIDING}
        await self._enter_missing(report, seen, {file.source for file in unread})
        return report

    async def remove(self, report: SyncReport) -> None:
        """The documents that the report calls removed are, and the index has followed."""
        for one in report.removed:
            try:
                await self._store.versions.delete(self._operator, str(one["document_id"]))
            except NotFound:  # somebody else was quicker
                continue
        if report.removed:
            await until_followed(self._settings, self._store, self._tenant.id, limit_s=None)

    async def _enter_missing(self, report: SyncReport, seen: Scan, unread: set[str]) -> None:
        missing = await self._stored()  # before the folder is looked at again: a file that came meanwhile is met there
        again = await self._look()
        keys, folder = self._tenant.keys, self._request.folder
        present = {keys.token("source", file.source) for file in (*seen.files, *again.files)}
        refused = [*seen.refused.items(), *again.refused.items()]
        hidden = unread | {folder.source_of(path) for path, one in refused if one.reason in _HIDING}
        for document_id, token in missing.items():
            if token in present:
                continue
            if (source := await self._source(document_id)) is None:
                continue
            # What readers see of a source is scrubbed. Where that altered it, nobody can say where the file lay.
            is_exact = keys.token("source", source) == token
            is_hidden = any(f"{source}/".startswith(f"{place}/") for place in hidden)
            entries = report.kept if hidden and (is_hidden or not is_exact) else report.removed
            entries.append({"document_id": document_id, "source": source})

    async def _source(self, document_id: str) -> str | None:
        """The document's source as it is shown, also where all of it is in quarantine; ``None`` where it is gone."""
        keys = self._tenant.keys
        with suppress(NotFound):
            return (await self._store.documents.meta(self._operator, keys, document_id)).source
        with suppress(NotFound):
            return (await self._store.quarantine.find(self._operator, keys, document_id)).source
        return None

    async def _judged(self, file: FoundFile) -> Verdict:
        try:
            upload = await asyncio.to_thread(self._opened, file)
        except Refused as refusal:
            return refusal
        live = await self._store.versions.live(self._operator, self._tenant.keys, file.source)
        if live is None:
            return New()
        owner = self._request.owner
        is_same = live.is_unchanged(content_token(upload, self._tenant, self._recognizers), owner)
        if is_same and not await self._store.jobs.is_waiting(self._operator, live.document_id):
            return Unchanged(live.document_id)
        is_kept = live.owner == owner  # another's document is taken over, with the readers who are named now
        return (is_kept and await self._readable_too_widely(live.document_id)) or Newer(live.document_id)

    async def _readable_too_widely(self, document_id: str) -> Refused | None:
        """The refusal that ``ingestion.pipeline`` would end in, told at once."""
        asked = set(self._request.access)
        stored = await self._store.documents.access(self._operator, self._tenant.keys, document_id)
        if not asked or EVERYONE in asked or asked.issuperset(stored.principals):
            return None
        return Refused("access_wider", f"more people may read document {document_id} than --owner and --allow name")

    async def _stored(self) -> dict[str, str]:
        return await self._store.versions.of_folder(self._operator, self._tenant.keys, self._request.folder.base)

    async def _look(self) -> Scan:
        return await asyncio.to_thread(scan, self._request.folder, self._settings.data_dir.resolve())

    def _opened(self, file: FoundFile) -> Upload:
        return Upload(name=file.path.name, content=read(file.path, self._max_bytes), source=file.source)


def _enter(report: SyncReport, path: str, result: Verdict | Outcome) -> None:
    match result:
        case Ingested(document_id=document_id, version=version, chunks=chunks):
            entries = report.added if version == 1 else report.changed
            entries.append({"path": path, "document_id": document_id, "version": version, "chunks": chunks})
        case New():
            report.added.append({"path": path})
        case Newer(document_id=document_id):
            report.changed.append({"path": path, "document_id": document_id})
        case Unchanged(document_id=document_id):
            report.unchanged.append({"path": path, "document_id": document_id})
        case Quarantined(document_id=document_id, reasons=reasons):
            report.quarantined.append({"path": path, "document_id": document_id, "reasons": list(reasons)})
        case Refused(reason=reason, detail=detail):
            report.refused.append({"path": path, "reason": reason, "detail": detail})
