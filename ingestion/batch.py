"""A batch: every file under some paths, each with one outcome. A bad file never stops the others."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from ingestion.content_token import content_token
from ingestion.members import members_of
from ingestion.pipeline import Unchanged
from rag_service.authentication import operate
from rag_service.domain.document import Upload
from rag_service.domain.errors import QueueFull, Refused
from rag_service.domain.identity import Principal
from rag_service.domain.jobs import ENDED, Job, JobState, Report, Standing, UploadRequest
from rag_service.store.tenants import Tenant
from rag_service.store.uploads import Accepted, seal_upload
from rag_service.wiring import Store

_DUPLICATE = "another file of this batch has the same source; one of them would replace the other"
_AHEAD = 64
"""Uploads of this batch that wait in the queue at once: enough to keep every process busy, and little to store."""
_LOOK_EVERY_S = 0.1
_FULL_WAIT_S = 1.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Intake:
    """For whom a batch is ingested. ``access`` is given to new documents; others keep the list they have.
    By ``recognizers`` it is told what is unchanged; who scrubs has the last word."""

    tenant: Tenant
    ingested_by: str
    owner: str | None
    access: Collection[Principal]
    folder: str | None = None
    recognizers: str = ""


@dataclass(frozen=True, slots=True)
class Ingested:
    """A new version is live and indexed."""

    document_id: str
    version: int
    chunks: int
    removed: Mapping[str, int]
    suspicions: tuple[str, ...]
    stripped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quarantined:
    """The version is stored and sealed, and waits for a reviewer; what was live of the document stays so."""

    document_id: str
    reasons: tuple[str, ...]


Outcome = Ingested | Unchanged | Quarantined | Refused


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file under one of the paths. ``source`` is its identity within the tenant."""

    path: Path
    source: str


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file, and by the way to them within it, of the files that came in it."""

    path: Path
    result: Outcome
    members: Mapping[str, Outcome] = field(default_factory=dict)


def find_files(paths: Sequence[Path], source: str | None) -> Iterator[FoundFile]:
    """Every file under the paths, in order. Symbolic links below a path are found, but never followed.

    A file's source is its absolute path, or lies under ``source`` if that is given.
    """
    for root in paths:
        below = sorted(_walk(root)) if root.is_dir() else [root]
        for path in below:
            if source is None:
                yield FoundFile(path, str(path.resolve()))
            elif root.is_dir():
                yield FoundFile(path, f"{source.rstrip('/')}/{path.relative_to(root).as_posix()}")
            else:
                yield FoundFile(path, source if len(paths) == 1 else f"{source.rstrip('/')}/{path.name}")


async def ingest_files(
    files: Sequence[FoundFile], intake: Intake, store: Store, max_bytes: int, watcher: Watcher[FoundFile]
) -> list[FileOutcome]:
    """Every file has its outcome, told as it comes and returned in the order of ``files``; a worker must be at work.

    Raises ``Unavailable`` where going on makes no sense; what was accepted until then stays in the queue.
    """
    outcomes: dict[int, Outcome] = {}
    members: dict[int, dict[str, Outcome]] = defaultdict(dict)

    def member(numbered: tuple[int, FoundFile], path: str, outcome: Outcome) -> None:
        members[numbered[0]][path] = outcome
        watcher.member(numbered[1], path, outcome)

    def ended(numbered: tuple[int, FoundFile], outcome: Outcome) -> bool:
        outcomes[numbered[0]] = outcome
        return watcher.ended(numbered[1], outcome)

    def opened(numbered: tuple[int, FoundFile]) -> Upload:
        file = numbered[1]
        return Upload(name=file.path.name, content=_read(file.path, max_bytes), source=file.source)

    await ingest_each(enumerate(files), opened, intake, store, Watcher(ended, watcher.moved, member))
    return [FileOutcome(file.path, outcomes[number], members.get(number, {})) for number, file in enumerate(files)]


@dataclass(frozen=True, slots=True)
class Watcher(Generic[T]):
    """Is told of each item's outcome, and answers whether to take more; and now and then of the jobs under way."""

    ended: Callable[[T, Outcome], bool]
    moved: Callable[[Sequence[Standing]], None] = field(default=lambda _: None)
    member: Callable[[T, str, Outcome], None] = field(default=lambda *_: None)
    """Is told of what came in an item: the way to it within the item, and its outcome."""


async def ingest_each(
    items: Iterable[T], opened: Callable[[T], Upload], intake: Intake, store: Store, watcher: Watcher[T]
) -> None:
    """Every item was accepted, and has ended. ``opened`` may raise ``Refused``.

    A few are in the queue at a time, so that the spool stays small however large the batch is.
    """
    await _Batch(opened, intake, store, watcher).run(iter(items))


class _Batch(Generic[T]):
    """The items of a batch that wait, by job."""

    def __init__(self, opened: Callable[[T], Upload], intake: Intake, store: Store, watcher: Watcher[T]) -> None:
        self._opened = opened
        self._intake = intake
        self._store = store
        self._watcher = watcher
        self._waiting: dict[str, T] = {}
        self._members: dict[str, tuple[T, str]] = {}
        self._sources: set[str] = set()
        self._enough = False

    async def run(self, items: Iterator[T]) -> None:
        coming = True
        while (coming and not self._enough) or self._waiting or self._members:
            while coming and not self._enough and len(self._waiting) + len(self._members) < _AHEAD:
                coming = await self._take(items)
            await self._look()

    async def _take(self, items: Iterator[T]) -> bool:
        """The next item is in the queue, or has its outcome; whether there was one."""
        item = next(items, None)
        if item is None:
            return False
        try:
            taken = await self._accept(item)
        except Refused as refusal:
            self._tell(item, refusal)
        else:
            if isinstance(taken, Unchanged):
                await self._tell_members(item, taken)
                self._tell(item, taken)
            else:
                self._waiting[taken.job_id] = item
        return True

    async def _tell_members(self, item: T, unchanged: Unchanged) -> None:
        """What came in an item that did not change did not change either."""
        tenant = self._intake.tenant
        for path, document_id in (await members_of(unchanged.document_id, tenant, self._store)).items():
            self._watcher.member(item, path, Unchanged(document_id))

    async def _accept(self, item: T) -> Accepted | Unchanged:
        upload = await asyncio.to_thread(self._opened, item)
        if upload.source in self._sources:
            raise Refused("duplicate_source", _DUPLICATE)
        self._sources.add(upload.source)
        return await accept_upload(upload, self._intake, self._store)

    async def _look(self) -> None:
        """Those that ended meanwhile have their outcome; what came in them is waited for likewise."""
        tenant = self._intake.tenant
        waiting = [*self._waiting, *self._members]
        standing = await self._store.jobs.standing(operate(tenant), waiting)
        self._watcher.moved(list(standing.values()))
        ended = [job_id for job_id, one in standing.items() if one.state in ENDED]
        for job in await self._store.jobs.these(operate(tenant), tenant.keys, ended) if ended else ():
            self._end(job.job_id, outcome_of(job), job.report)
        for gone in set(waiting) - standing.keys():
            self._end(gone, Refused("cancelled", "the tenant was deleted"), None)
        if self._waiting or self._members:
            await asyncio.sleep(_LOOK_EVERY_S)

    def _end(self, job_id: str, outcome: Outcome, report: Report | None) -> None:
        if job_id in self._members:
            item, path = self._members.pop(job_id)
            self._watcher.member(item, path, outcome)
            return
        item = self._waiting.pop(job_id)
        for member in report.members if report else ():
            if member.job_id is None:
                self._watcher.member(item, member.path, Unchanged(member.document_id))
            else:
                self._members[member.job_id] = item, member.path
        for refused in report.refused_members if report else ():
            self._watcher.member(item, refused.path, Refused(refused.reason, refused.detail))
        self._tell(item, outcome)

    def _tell(self, item: T, outcome: Outcome) -> None:
        self._enough = not self._watcher.ended(item, outcome) or self._enough


async def accept_upload(upload: Upload, intake: Intake, store: Store) -> Accepted | Unchanged:
    """The upload is in the queue, unless the same content is live already and nothing waits to replace it."""
    tenant, operator = intake.tenant, operate(intake.tenant)
    live = await store.versions.live(operator, tenant.keys, upload.source)
    if live is not None:
        is_same = live.is_unchanged(content_token(upload, tenant, intake.recognizers), intake.owner)
        if is_same and not await store.jobs.is_waiting(operator, live.document_id):
            return Unchanged(live.document_id)
    request = UploadRequest(
        name=upload.name,
        source=upload.source,
        title=upload.title,
        ingested_by=intake.ingested_by,
        owner=intake.owner,
        access=tuple(sorted(map(str, intake.access))),
        folder=intake.folder,
    )
    sealed = await asyncio.to_thread(seal_upload, tenant.keys, request, upload.content)
    while True:
        try:
            return await store.uploads.accept(operator, tenant.keys, sealed)
        except QueueFull:
            await asyncio.sleep(_FULL_WAIT_S)


def outcome_of(job: Job) -> Outcome:
    """What became of the upload of a job that ended."""
    report = job.report
    if job.state is JobState.DONE and report is not None and report.version is not None:
        return Ingested(
            job.document_id, report.version, report.chunks, report.removed, report.suspicions, report.stripped
        )
    if job.state is JobState.QUARANTINED and report is not None:
        return Quarantined(job.document_id, report.held)
    if job.state is JobState.UNCHANGED:
        return Unchanged(job.document_id)
    if job.state is JobState.CANCELLED:
        return Refused("cancelled", "the job was cancelled")
    if report is not None and report.reason is not None:
        return Refused(report.reason, report.detail or "")
    return Refused("gave_up", f"ingesting this file was begun {job.attempts} times and never ended")


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        if any("\ud800" <= letter <= "\udfff" for letter in str(path)):
            raise Refused("unreadable_name", "the file's name is not UTF-8; rename it")
        if path.is_symlink():
            raise Refused("symbolic_link", "a symbolic link is not followed: name the file that it points to")
        if not path.is_file():
            raise Refused("not_a_file", "this is no regular file")
        if path.stat().st_size > max_bytes:
            raise Refused("too_large", f"the file is larger than {max_bytes // 2**20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise Refused("unreadable", f"the file cannot be read: {error.strerror}") from None


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in names:
            yield Path(folder, name)
