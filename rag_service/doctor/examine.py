"""The whole examination, in order. It runs beside a service: what differs is looked at again before it is told."""

from __future__ import annotations

import asyncio
from importlib.metadata import entry_points

from rag_service.crypto.master_key import key_file_warnings
from rag_service.doctor.checks import Check, Watch
from rag_service.doctor.compare_index import Side, compare_contents, compare_ids
from rag_service.domain.errors import EmbeddingMismatch, IndexUnavailable, NotFound
from rag_service.domain.jobs import JobState
from rag_service.owner.desk import Desk
from rag_service.settings import Settings
from rag_service.store.tenants import Tenant
from rag_service.wiring import Store


async def examine(
    settings: Settings, store: Store, desk: Desk, watch: Watch, *, deep: bool, repair: bool
) -> list[Check]:
    """Every check, those of other packages and those that are well too.

    With ``deep`` every byte that is stored is opened and compared.
    """
    fingerprint = await desk.embedding()
    checks = [_master_key(settings), Check("embedding model", True, f"verified, {fingerprint}")]
    for entry in entry_points(group="rag_service.checks"):
        checks += await asyncio.to_thread(entry.load())
    checks += [await _outbox(store, desk), await _jobs(store), await _tenants(store)]
    checks.append(await _collections(store, desk, repair=repair))
    if deep:
        checks.append(await _rows(store, repair=repair))
    for tenant in await store.tenants.all():
        try:
            checks += await _tenant(store, desk, tenant, watch, deep=deep, repair=repair)
        except IndexUnavailable as error:
            checks.append(Check(f"index of {tenant.name}", False, error.detail))
        except NotFound:  # it was deleted meanwhile
            continue
    return checks


async def _tenant(store: Store, desk: Desk, tenant: Tenant, watch: Watch, *, deep: bool, repair: bool) -> list[Check]:
    beside = (await store.epochs.views(tenant.id)).beside
    sides = [Side(tenant), *([Side(beside.tenant, beside.number)] if beside else [])]
    checks: list[Check] = []
    for side in sides:
        if deep:
            checks += await compare_contents(store, desk, side, watch, repair=repair)
        else:
            checks.append(await compare_ids(store, desk, side, repair=repair))
    return [*checks, await _embedding(desk, tenant)]


async def _embedding(desk: Desk, tenant: Tenant) -> Check:
    name = f"embedding of {tenant.name}"
    try:
        await desk.embedding(tenant.embedding)
    except EmbeddingMismatch:
        return Check(name, False, "made with another model than those that are configured")
    return Check(name, True, "as served")


def _master_key(settings: Settings) -> Check:
    warnings = key_file_warnings(settings)
    return Check("master key", not warnings, "; ".join(warnings) or "kept apart from the data, readable by you alone")


async def _outbox(store: Store, desk: Desk) -> Check:
    """Whoever waits is waited for, so that what is still behind then is in trouble."""
    behind = 0
    for tenant in await store.outbox.waiting():
        try:
            await desk.catch_up(tenant)
        except IndexUnavailable:
            behind += 1
    if behind:
        return Check("outbox", False, f"the index fails to follow for {behind} tenants; the log of its holder says why")
    return Check("outbox", True, "the index has followed")


async def _jobs(store: Store) -> Check:
    states = await store.queue.states()
    told = ", ".join(f"{count} {state.value}" for state, count in sorted(states.items())) or "none"
    given_up = states.get(JobState.FAILED, 0)
    return Check("jobs", True, told + (f"; the {given_up} failed were given up: rag jobs list" if given_up else ""))


async def _tenants(store: Store) -> Check:
    if altered := await store.tenants.altered():
        return Check("tenants", False, f"altered, and not served: {', '.join(altered)}")
    return Check("tenants", True, "each opens")


async def _collections(store: Store, desk: Desk, *, repair: bool) -> Check:
    try:
        held = await desk.collections()  # before the tenants: one that comes meanwhile has its row first
    except IndexUnavailable as error:
        return Check("collections", False, error.detail)
    if await store.tenants.altered():
        return Check("collections", False, "whose each is cannot be told while tenants do not open")
    views = [view for tenant in await store.tenants.all() for view in (await store.epochs.views(tenant.id)).all]
    orphans = held - {view.keys.index.collection for view in views}
    if not orphans:
        return Check("collections", True, "each belongs to a tenant")
    detail = f"{len(orphans)} belong to no tenant"
    if not repair:
        return Check("collections", False, detail)
    for collection in sorted(orphans):
        await desk.catch_up(await store.outbox.request_drop(collection))
    left = orphans & await desk.collections()
    return Check("collections", not left, f"{detail}; removed", repaired=not left)


async def _rows(store: Store, *, repair: bool) -> Check:
    removed = await store.consistency.remove_kept_originals() if repair else 0
    found = await store.consistency.strays()
    told = [f"{count} {kind}" for kind, count in found.items()]
    told += [f"{removed} originals of ended jobs removed"] if removed else []
    return Check("rows", not found, "; ".join(told) or "each has what belongs to it", repaired=bool(removed))
