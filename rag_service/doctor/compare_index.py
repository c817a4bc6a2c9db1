"""SQL and index, compared both ways."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from itertools import chain

from rag_service.authentication import operate
from rag_service.compare_points import differences
from rag_service.doctor.checks import Check, Watch
from rag_service.domain.errors import IntegrityError
from rag_service.domain.retrieval import SealedPoint
from rag_service.follow import sealed_points
from rag_service.owner.desk import Desk
from rag_service.store.tenants import Tenant
from rag_service.wiring import Store

_LOOKS = 3
"""How often what differs is looked at: each time after the index has followed what SQL said by then."""
_POINTS_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Side:
    """A tenant as seen in one epoch of its index: the live one, or ``beside`` it the one of this number."""

    tenant: Tenant
    beside: int | None = None

    @property
    def name(self) -> str:
        return f"index of {self.tenant.name}" + (f", epoch {self.beside} beside" if self.beside else "")

    async def chunk_ids(self, store: Store) -> frozenset[str]:
        """What SQL has for it."""
        return await store.versions.chunk_ids(operate(self.tenant), self.beside)

    async def point_ids(self, desk: Desk) -> frozenset[str]:
        """What the index has."""
        return await desk.point_ids(self.tenant.id, beside=self.beside is not None)


async def compare_ids(store: Store, desk: Desk, side: Side, *, repair: bool) -> Check:
    """Whether the index holds a point for each chunk of SQL and no other, by their ids."""
    stored, differ = await _differing_ids(store, desk, side)
    detail = f"{stored} chunks, " + (f"and {differ} ids on one side only" if differ else "alike in SQL and index")
    if not differ or not repair:
        return Check(side.name, not differ, detail)
    await store.outbox.request_rebuild(operate(side.tenant))
    _, left = await _differing_ids(store, desk, side)
    detail += f"; rebuilt, and {left} still are: --deep says more" if left else "; rebuilt"
    return Check(side.name, not left, detail, repaired=not left)


async def compare_contents(store: Store, desk: Desk, side: Side, watch: Watch, *, repair: bool) -> list[Check]:
    """Whether everything in SQL opens, and the index holds for each chunk what SQL seals to, and nothing else."""
    tenant = side.tenant
    broken, differing = await _first_look(store, desk, side, watch)
    strays = await _strays(store, desk, side)
    for _ in range(_LOOKS):
        if broken or differing or strays:
            await desk.catch_up(tenant.id)
            broken = await _broken(store, side, broken)
            differing = await _differing(store, desk, side, differing)
            strays &= await _strays(store, desk, side)
    seals = Check(f"seals of {tenant.name}", not broken, _told(broken), documents=tuple(sorted(broken)))
    detail = f"{len(differing)} documents differ from SQL, {len(strays)} points belong to none"
    was_wrong = bool(differing or strays)
    documents = tuple(sorted(differing))
    if was_wrong and repair:
        await store.outbox.request_documents(operate(tenant), documents)
        await store.outbox.request_removal(operate(tenant), sorted(strays))
        await desk.catch_up(tenant.id)
        differing = await _differing(store, desk, side, differing)
        strays &= await _strays(store, desk, side)
        detail += "; written again" if not differing and not strays else "; written again, in vain"
    is_right = not differing and not strays
    detail = detail if was_wrong else "what SQL seals to, point by point"
    index = Check(side.name, is_right, detail, repaired=was_wrong and is_right, documents=documents)
    return [index] if side.beside else [seals, index]


async def _differing_ids(store: Store, desk: Desk, side: Side) -> tuple[int, int]:
    """How many chunks SQL has, and how many ids are on one side only, also after the index has followed."""
    stored, differ = frozenset[str](), frozenset[str]()
    for _ in range(_LOOKS):
        stored = await side.chunk_ids(store)
        differ = stored ^ await side.point_ids(desk)
        if not differ:
            break
        await desk.catch_up(side.tenant.id)
    return len(stored), len(differ)


async def _first_look(store: Store, desk: Desk, side: Side, watch: Watch) -> tuple[dict[str, list[str]], set[str]]:
    """The documents with problems in SQL, and those that the index seems to hold otherwise."""
    tenant = side.tenant
    documents = await store.versions.document_ids(operate(tenant))
    broken: dict[str, list[str]] = {}
    differing: set[str] = set()
    done = 0
    async for page in _pages(store, tenant, documents):
        broken |= await _broken(store, side, page)
        differing |= await _unlike(desk, side, page)
        done += len(page)
        watch(tenant.name, done, len(documents))
    return broken, differing


async def _broken(store: Store, side: Side, documents: Collection[str]) -> dict[str, list[str]]:
    """With what is wrong with each. All that is not a vector is looked at once, with the live epoch."""
    tenant = side.tenant
    if side.beside:
        return {}
    found = {one: await store.consistency.problems(operate(tenant), tenant.keys, one) for one in documents}
    return {document: problems for document, problems in found.items() if problems}


async def _differing(store: Store, desk: Desk, side: Side, documents: Collection[str]) -> set[str]:
    found: set[str] = set()
    async for page in _pages(store, side.tenant, sorted(documents)):
        found |= await _unlike(desk, side, page)
    return found


async def _unlike(desk: Desk, side: Side, page: dict[str, list[SealedPoint]]) -> set[str]:
    """Those of the documents of which the index does not hold every point as it should be."""
    wanted = [point.point_id for point in chain.from_iterable(page.values())]
    found = await desk.points(side.tenant.id, wanted, beside=side.beside is not None)
    return {
        document
        for document, points in page.items()
        if not all(one.point_id in found and not differences(one, found[one.point_id]) for one in points)
    }


async def _pages(store: Store, tenant: Tenant, documents: Sequence[str]) -> AsyncIterator[dict[str, list[SealedPoint]]]:
    """The documents with their points as SQL seals them, some at a time; none of one that does not open."""
    page: dict[str, list[SealedPoint]] = {}
    for document_id in documents:
        try:
            stored, principals = await store.versions.points(operate(tenant), tenant.keys, document_id)
        except IntegrityError:
            stored, principals = [], []
        page[document_id] = sealed_points(tenant.keys.index, document_id, stored, principals)
        if sum(map(len, page.values())) >= _POINTS_AT_ONCE:
            yield page
            page = {}
    if page:
        yield page


async def _strays(store: Store, desk: Desk, side: Side) -> frozenset[str]:
    """Points of the index that are no chunk of SQL."""
    held = await side.point_ids(desk)  # before SQL: what is written meanwhile is in SQL first
    return held - await side.chunk_ids(store)


def _told(broken: dict[str, list[str]]) -> str:
    if not broken:
        return "every document opens, and every chunk carries its signature"
    kinds = sorted({problem for problems in broken.values() for problem in problems})
    return f"{len(broken)} documents are broken ({'; '.join(kinds)}): restore them from a backup, or ingest them again"
