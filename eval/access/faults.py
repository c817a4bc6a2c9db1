"""Faults, planted from outside for as long as a run lasts: each must be found, or the evaluation finds nothing.

The product has no switch for any of them. ``rag eval access --fault NAME`` plants one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from rag_service import authentication
from rag_service.authentication import operate
from rag_service.domain.errors import Forbidden, NotFound
from rag_service.domain.identity import OperatorScope
from rag_service.domain.retrieval import Candidates, SealedQuery
from rag_service.ports import ChunkIndex
from rag_service.store import documents, tables, tenant_jobs
from rag_service.store.groups import Groups
from rag_service.wiring import Service

Fault = Callable[[Service], Any]
"""A context in which the service it gives has the fault."""


class _OpenIndex:
    """An index that forgot its access filter: it admits whatever carries any list at all."""

    def __init__(self, index: ChunkIndex) -> None:
        self._index = index

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    async def search(self, query: SealedQuery, *, limit: int) -> Candidates:
        points = await self._index.read(query.collection, sorted(await self._index.point_ids(query.collection)))
        told = {name: getattr(query, name) for name in SealedQuery.__dataclass_fields__}
        told["access"] = frozenset(token for point in points.values() for token in point.access)
        return await self._index.search(SimpleNamespace(**told), limit=limit)  # type: ignore[arg-type]  # the fault


@contextmanager
def index_filter_dropped(service: Service) -> Iterator[Service]:
    """Every passage of the tenant is a hit; SQL still refuses what is not the asker's."""
    yield replace(service, index=_OpenIndex(service.index))


@contextmanager
def sql_condition_dropped(service: Service) -> Iterator[Service]:
    """SQL joins without the access list; the sealed grant is still demanded."""
    with patch.object(documents, "_is_allowed", _of_tenant_alone):
        yield service


@contextmanager
def sql_check_dropped(service: Service) -> Iterator[Service]:
    """SQL asks for the tenant alone, and nobody asks for a grant; the index still filters."""
    with (
        patch.object(documents, "_is_allowed", _of_tenant_alone),
        patch.object(documents, "_check_grant", lambda *_: None),
    ):
        yield service


@contextmanager
def without_second_check() -> Iterator[None]:
    """As ``sql_check_dropped``, and the sealed entries are not fetched either: for measuring what all of it costs."""
    with (
        patch.object(documents, "_is_allowed", _of_tenant_alone),
        patch.object(documents, "_grant_of", lambda *_: tables.documents.c.id),
        patch.object(documents, "_check_grant", lambda *_: None),
    ):
        yield


def _of_tenant_alone(scope: Any, _keys: Any) -> Any:
    return tables.documents.c.tenant_id == scope.tenant


class _CarelessDocuments:
    """Reads a text as the operator would, whoever asks."""

    def __init__(self, careful: documents.Documents) -> None:
        self._careful = careful

    def __getattr__(self, name: str) -> Any:
        return getattr(self._careful, name)

    async def text(self, scope: Any, keys: Any, document_id: str, version: int | None = None) -> tuple[int, str]:
        everything: Any = operate(SimpleNamespace(id=scope.tenant))  # type: ignore[arg-type]  # all it looks at
        return await self._careful.text(everything, keys, document_id, version)


@contextmanager
def route_without_scope(service: Service) -> Iterator[Service]:
    """One route forgets who asks; whatever else is read is read under a scope."""
    careless: Any = _CarelessDocuments(service.store.documents)
    yield replace(service, store=replace(service.store, documents=careless))


class _TellingDocuments(_CarelessDocuments):
    """Tells what is forbidden from what is not there."""

    async def text(self, scope: Any, keys: Any, document_id: str, version: int | None = None) -> tuple[int, str]:
        try:
            return await self._careful.text(scope, keys, document_id, version)
        except NotFound:
            await super().text(scope, keys, document_id)
            raise Forbidden("query") from None


@contextmanager
def forbidden_is_told(service: Service) -> Iterator[Service]:
    """One route answers 403 where a document is there and not the asker's."""
    telling: Any = _TellingDocuments(service.store.documents)
    yield replace(service, store=replace(service.store, documents=telling))


@contextmanager
def stale_groups(service: Service) -> Iterator[Service]:
    """Memberships are looked up once a user, and remembered for good."""
    known: dict[tuple[str, str], frozenset[str]] = {}
    fresh = Groups.of_user

    async def of_user(self: Groups, operator: OperatorScope, keys: Any, user: str, *more: Any) -> frozenset[str]:
        if (operator.tenant, user) not in known:
            known[operator.tenant, user] = await fresh(self, operator, keys, user, *more)
        return known[operator.tenant, user]

    with patch.object(Groups, "of_user", of_user):
        yield service


@contextmanager
def jobs_of_everybody(service: Service) -> Iterator[Service]:
    """Every job of the tenant is taken for the asker's own, by SQL and by what its sealed request is asked."""
    with (
        patch.object(tenant_jobs, "_is_visible", lambda scope, _: tables.jobs.c.tenant_id == scope.tenant),
        patch.object(tenant_jobs, "_refuse_anothers", lambda *_: None),
    ):
        yield service


@contextmanager
def tenant_unchecked(service: Service) -> Iterator[Service]:
    """The tenant in the path is not compared with the credential's."""
    with patch.object(authentication, "folded_name", lambda _: ""):
        yield service


@contextmanager
def mixed_up_callers(service: Service) -> Iterator[Service]:
    """Authority lies where the next request finds it: right one after the other, wrong at the same time."""
    last: dict[str, authentication.Caller] = {}
    careful = authentication.caller_of

    async def caller_of(*arguments: Any, **more: Any) -> authentication.Caller:
        caller = last["caller"] = await careful(*arguments, **more)
        await asyncio.sleep(0)
        return last["caller"] if last["caller"].tenant.id == caller.tenant.id else caller

    with ExitStack() as stack:
        for place in ("rag_service.authentication.caller_of", "rag_service.web.authenticate.caller_of"):
            stack.enter_context(patch(place, caller_of))
        yield service


FAULTS: Mapping[str, Fault] = {
    one.__name__: one
    for one in (
        index_filter_dropped,
        sql_condition_dropped,
        sql_check_dropped,
        route_without_scope,
        forbidden_is_told,
        stale_groups,
        jobs_of_everybody,
        tenant_unchecked,
        mixed_up_callers,
    )
}
