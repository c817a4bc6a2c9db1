"""Each inner door by itself: what the index returns, what SQL lets through, and what the database shows of others.

A passage passes two doors, so that a response still tells nothing where one of them stands open. Each is therefore
watched alone: every hit of every search before SQL sees it, and every passage offered to SQL as if the index let all
through. On PostgreSQL the database is asked as well, without any condition.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from eval.access.judge import Finding
from eval.access.oracle import READS, Asker, State
from eval.access.site import Site
from eval.access.wire import ASKING
from rag_service.authentication import act_as
from rag_service.domain.retrieval import Candidates, SealedQuery
from rag_service.ports import ChunkIndex
from rag_service.store import tables
from rag_service.wiring import Service

INDEX, SQL, DATABASE = "(index filter)", "(SQL check)", "(database)"


class WatchedIndex:
    """The index, with an eye on what each search returns. All else passes through."""

    def __init__(self, index: ChunkIndex) -> None:
        self._index = index
        self.seen: list[tuple[Asker, list[State], frozenset[str]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    async def search(self, query: SealedQuery, *, limit: int) -> Candidates:
        """As the index answers."""
        found = await self._index.search(query, limit=limit)
        if asking := ASKING.get():
            self.seen.append((*asking, frozenset(hit.point_id for hit in (*found.dense, *found.lexical))))
        return found


def watched(service: Service) -> tuple[Service, WatchedIndex]:
    """The service with its index under watch."""
    index = WatchedIndex(service.index)
    return replace(service, index=index), index


@dataclass
class Passed:
    """How often a door was tried, and what it let through."""

    probes: int
    findings: list[Finding]


def index_door(site: Site, index: WatchedIndex) -> Passed:
    """The hits seen since the last call. The index lags behind a change of lists, so those documents are left out."""
    seen, index.seen = index.seen, []
    findings = []
    for asker, states, point_ids in seen:
        hit = {site.chunks[one] for one in point_ids if one in site.chunks} - site.oracle.restless
        allowed = frozenset[str]().union(*(state.readable(asker) for state in states))
        if foreign := hit - allowed:
            told = f"{len(foreign)} documents that the asker may not read are among the hits"
            findings.append(Finding(INDEX, "search", str(asker), is_leak=True, told=told))
    return Passed(len(seen), findings)


async def sql_door(site: Site) -> Passed:
    """Every reader is offered every passage of every tenant, one tenant's at a time."""
    findings, probes = [], 0
    by_tenant: dict[str, list[str]] = {}
    owner = {one.name: one.tenant for one in site.world.documents}
    for chunk_id, name in site.chunks.items():
        by_tenant.setdefault(owner[name], []).append(chunk_id)
    documents = site.service.store.documents
    for asker in [one for one in site.askers if one.roles == {READS} and not one.brought]:
        tenant = site.tenants[asker.tenant]
        caller = await act_as(tenant, asker.user, (), groups_of=site.service.store.groups)
        allowed = site.oracle.state.readable(asker)
        for offered in by_tenant.values():
            probes += 1
            opened = await documents.open_chunks(caller.scope, tenant.keys, offered)
            passed = {site.chunks[one] for one in opened.chunks} | _names(site, opened.tampered)
            findings += _judged_at(SQL, asker, passed, allowed & {site.chunks[one] for one in offered})
    return Passed(probes, findings)


def _names(site: Site, document_ids: Iterable[str]) -> set[str]:
    known = {document_id: name for name, document_id in site.documents.items()}
    return {known.get(one, one) for one in document_ids}


def _judged_at(door: str, asker: Asker, passed: set[str], allowed: frozenset[str]) -> list[Finding]:
    found = []
    if foreign := passed - allowed:
        told = f"{len(foreign)} documents that the asker may not read were let through"
        found.append(Finding(door, "every passage", str(asker), is_leak=True, told=told))
    if missing := allowed - passed:
        told = f"{len(missing)} documents that the asker may read were kept back"
        found.append(Finding(door, "every passage", str(asker), is_leak=False, told=told))
    return found


async def database_door(site: Site) -> Passed:
    """Whole tables of tenants' rows, asked for without a condition, and with our own check of statements taken away.

    What answers is row-level security alone; SQLite has none, and nothing is probed there.
    """
    database = site.service.store.folder.database()
    findings, probes = [], 0
    try:
        if site.service.store.folder.server is None:
            return Passed(0, [])
        with patch("rag_service.store.database.check", lambda *_: None):
            for name, tenant in site.tenants.items():
                for table in tables.metadata.sorted_tables:
                    if table in tables.SHARED:
                        continue
                    probes += 1
                    async with database.read(tenant.id) as connection:
                        rows = (await connection.execute(table.select())).all()
                    if foreign := sum(row.tenant_id != tenant.id for row in rows):
                        told = f"{foreign} rows of other tenants in {table.name}"
                        findings.append(Finding(DATABASE, "no condition", name, is_leak=True, told=told))
    finally:
        await database.close()
    return Passed(probes, findings)


Door = Callable[[Site], Awaitable[Passed]]
DOORS: Mapping[str, Door] = {SQL: sql_door, DATABASE: database_door}
"""Doors that are tried by themselves; the index is watched all along."""
