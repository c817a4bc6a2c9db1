"""The index follows the log: it is brought in line with SQL, entry by entry, in order, until it is seen to be so."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import structlog

from rag_service.authentication import operate
from rag_service.compare_points import differences
from rag_service.crypto.index_keys import IndexKeys
from rag_service.domain.errors import IndexUnavailable, IntegrityError, NotFound
from rag_service.domain.identity import Principal, TenantId
from rag_service.domain.retrieval import SealedPoint
from rag_service.lexical import saturated_frequencies
from rag_service.pauses import Pauses
from rag_service.ports import ChunkIndex
from rag_service.store.epochs import Epochs, Views
from rag_service.store.outbox import Change, Outbox, OutboxEntry
from rag_service.store.tenants import Tenant
from rag_service.store.versions import StoredPoint, Versions

_log = structlog.get_logger()
_LOOK_EVERY_S = 0.1
_LONGEST_WAIT_S = 30.0
_TENANTS_AT_ONCE = 4
_POINTS_AT_ONCE = 512
_UNVERIFIED = "it does not hold what was written to it"


@dataclass(slots=True)
class _Lag:
    """When following was tried last, how often it has failed since it succeeded, and when it is tried again."""

    tried: float = 0.0
    failures: int = 0
    not_before: float = 0.0

    def fail(self) -> None:
        self.failures += 1
        self.not_before = time.monotonic() + min(_LOOK_EVERY_S * 2 ** min(self.failures, 16), _LONGEST_WAIT_S)


class IndexFollower:
    """Applies the outbox to the index. Every entry may be applied again without harm, so a crash loses nothing."""

    def __init__(self, epochs: Epochs, versions: Versions, outbox: Outbox, index: ChunkIndex) -> None:
        self._epochs = epochs
        self._versions = versions
        self._outbox = outbox
        self._index = index
        self._one_at_a_time: defaultdict[TenantId, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def catch_up(self, tenant_id: TenantId) -> None:
        """The index was seen to hold exactly what SQL says of everything in the tenant's outbox.

        Raises ``IndexUnavailable`` where the index cannot be written, or does not hold what was written.
        """
        newest = await self._outbox.newest(tenant_id)
        while not await self._outbox.is_followed(tenant_id, newest):
            await self._advance(tenant_id)

    async def follow(self) -> None:
        """Catches up for as long as the service runs. What fails is tried again, later each time, and never dropped.

        Tenants are followed beside each other, so that none waits for one whose index fails or is made anew.
        """
        lags: defaultdict[TenantId, _Lag] = defaultdict(_Lag)
        outbox, pauses = _Lag(), Pauses()
        async with asyncio.TaskGroup() as tasks:
            busy: dict[TenantId, asyncio.Task[None]] = {}
            while True:
                busy = {tenant_id: task for tenant_id, task in busy.items() if not task.done()}
                try:
                    waiting = await self._outbox.waiting()
                    outbox = _Lag()
                except Exception as error:  # noqa: BLE001  # whatever stops it once must not stop it for good
                    outbox.fail()
                    _log.error("outbox_unreadable", error=type(error).__name__, failures=outbox.failures)
                    waiting = []
                if waiting:
                    pauses.begin_anew()
                lags = defaultdict(_Lag, {tenant_id: lags[tenant_id] for tenant_id in waiting})
                due = [one for one in waiting if one not in busy and lags[one].not_before <= time.monotonic()]
                due.sort(key=lambda tenant_id: lags[tenant_id].tried)  # who was tried longest ago is next
                for tenant_id in due[: _TENANTS_AT_ONCE - len(busy)]:
                    busy[tenant_id] = tasks.create_task(self._keep_up(tenant_id, lags[tenant_id]))
                await asyncio.sleep(max(pauses.next_s(), outbox.not_before - time.monotonic()))

    async def _keep_up(self, tenant_id: TenantId, lag: _Lag) -> None:
        """One step was tried: not more, so that a tenant with a million entries leaves room for the others."""
        lag.tried = time.monotonic()
        try:
            await self._advance(tenant_id)
            lag.failures = 0
        except Exception as error:  # noqa: BLE001  # as above
            lag.fail()
            why = str(error) if isinstance(error, IndexUnavailable) else ""  # quotes nothing that is stored
            _log.error("index_lags", tenant=tenant_id, error=type(error).__name__, why=why, failures=lag.failures)

    async def start(self, tenant: Tenant) -> None:
        """The index is in line with SQL, also where its files were lost; if it cannot be now, it is so later.

        One tenant's broken index keeps nobody else from being served: its entries stay, and are tried again.
        """
        try:
            if await self._has_lost(tenant):
                await self._outbox.request_rebuild(operate(tenant))
            await self.catch_up(tenant.id)
        except IndexUnavailable as error:
            _log.error("index_lags", tenant=tenant.id, error=type(error).__name__, why=str(error), failures=1)

    async def _has_lost(self, tenant: Tenant) -> bool:
        """Whether a collection is not there that SQL has something for."""
        views = await self._epochs.views(tenant.id)
        operator, lost = operate(views.live), not await self._index.exists(views.live.keys.index.collection)
        if lost and await self._versions.document_ids(operator):
            return True
        beside = views.beside
        lost = beside is not None and not await self._index.exists(beside.tenant.keys.index.collection)
        return lost and beside is not None and bool(await self._versions.chunk_ids(operator, beside.number))

    async def _advance(self, tenant_id: TenantId) -> None:
        """The tenant's oldest entries were followed, some of them at least."""
        async with self._one_at_a_time[tenant_id]:
            entries = await self._outbox.entries(tenant_id)
            if not entries:
                return
            try:
                views = await self._epochs.views(tenant_id)
            except NotFound:
                await self._drop(entries, but_not=set())
            else:
                await self._apply(views, entries)
            await self._outbox.followed(tenant_id, entries[-1].position)

    async def _apply(self, views: Views, entries: Sequence[OutboxEntry]) -> None:
        """In every epoch: one that is switched to or rolled back to misses nothing that changed before."""
        await self._drop(entries, but_not={tenant.keys.index.collection for tenant in views.all})
        for tenant in views.all:
            kinds = {Change.DOCUMENT} if tenant is views.live else {Change.DOCUMENT, Change.BESIDE}
            if any(one.kind is Change.REBUILD for one in entries):
                await self._rebuild(tenant)  # from what SQL says now, so the other entries are in it
            else:
                await self._bring_in_line(tenant, [one for one in entries if one.kind in kinds])

    async def _bring_in_line(self, tenant: Tenant, entries: Sequence[OutboxEntry]) -> None:
        documents: dict[str, list[SealedPoint]] = {}
        gone = {point for entry in entries for point in entry.removed}
        for document_id in dict.fromkeys(one.subject for one in entries):
            documents[document_id] = await self._sealed(tenant, document_id)
            gone -= {point.point_id for point in documents[document_id]}  # held, and released since
            if sum(map(len, documents.values())) >= _POINTS_AT_ONCE:
                await self._write(tenant.keys.index, documents)
                documents = {}
        await self._write(tenant.keys.index, documents)
        await self._remove(tenant.keys.index, gone)

    async def _write(self, keys: IndexKeys, documents: Mapping[str, Sequence[SealedPoint]]) -> None:
        """The index was seen to hold these points as they are, and of these documents no other."""
        points = list(chain.from_iterable(documents.values()))
        for start in range(0, len(points), _POINTS_AT_ONCE):
            some = points[start : start + _POINTS_AT_ONCE]
            await self._index.upsert(keys.collection, some)
            stored = await self._index.read(keys.collection, [one.point_id for one in some])
            if not await asyncio.to_thread(_are_stored, some, stored):
                raise IndexUnavailable(_UNVERIFIED)
        stale: set[str] = set()
        for document_id, written in documents.items():
            found = await self._index.points_of(keys.collection, keys.document_token(document_id))
            stale |= found - {point.point_id for point in written}
        await self._remove(keys, stale)

    async def _remove(self, keys: IndexKeys, point_ids: Iterable[str]) -> None:
        """The points were seen to be gone."""
        if gone := sorted(point_ids):
            await self._index.delete(keys.collection, gone)
            if await self._index.read(keys.collection, gone):
                raise IndexUnavailable(_UNVERIFIED)

    async def _rebuild(self, tenant: Tenant) -> None:
        """The collection was seen to hold the points of what SQL holds, after it was made anew beside the old one."""
        written: set[str] = set()
        await self._index.replace(tenant.keys.index.collection, self._every_point(tenant, written))
        if await self._index.point_ids(tenant.keys.index.collection) != written:
            raise IndexUnavailable(_UNVERIFIED)

    async def _every_point(self, tenant: Tenant, written: set[str]) -> AsyncIterator[Sequence[SealedPoint]]:
        for document_id in await self._versions.document_ids(operate(tenant)):
            points = await self._sealed(tenant, document_id)
            written.update(point.point_id for point in points)
            yield points

    async def _sealed(self, tenant: Tenant, document_id: str) -> list[SealedPoint]:
        """The document's points, made from SQL alone; none of one whose seal is broken: no answer opens it either."""
        try:
            stored, principals = await self._versions.points(operate(tenant), tenant.keys, document_id)
        except IntegrityError:
            _log.error("broken_seal", document=document_id)
            return []
        return await asyncio.to_thread(sealed_points, tenant.keys.index, document_id, stored, principals)

    async def _drop(self, entries: Sequence[OutboxEntry], but_not: Collection[str]) -> None:
        """The tenant or an epoch is gone: its collection, all that is left of it in the index, was seen to go."""
        for entry in entries:
            if entry.kind is Change.DROP and entry.subject not in but_not:
                await self._index.drop(entry.subject)
                if await self._index.exists(entry.subject):
                    raise IndexUnavailable(_UNVERIFIED)


def _are_stored(points: Iterable[SealedPoint], stored: Mapping[str, SealedPoint]) -> bool:
    return all(one.point_id in stored and not differences(one, stored[one.point_id]) for one in points)


def sealed_points(
    keys: IndexKeys, document_id: str, stored: Iterable[StoredPoint], principals: Sequence[Principal]
) -> list[SealedPoint]:
    """The points of a document as the index is to hold them."""
    return [
        keys.seal_point(
            point_id=point.chunk_id,
            vector=point.vector,
            terms=saturated_frequencies(point.lexical_text),
            access=principals,
            document_id=document_id,
            source=point.source,
        )
        for point in stored
    ]
