"""A document's text, for an operator who asks what a given user may read of it."""

from __future__ import annotations

from collections.abc import Iterable

from rag_service.authentication import act_as
from rag_service.wiring import Store


async def read_as(  # who reads, and what
    user: str,
    groups: Iterable[str],
    document_id: str,
    version: int | None,
    *,
    tenant: str,
    restores: bool,
    store: Store,
) -> tuple[int, str]:
    """The version's number and its text, where it ``restores`` with the values that scrubbing sealed.

    Raises ``NotFound``, alike for what is not there and what the user may not read.
    """
    owner = await store.tenants.by_name(tenant)
    caller = await act_as(owner, user, groups, groups_of=store.groups, restores=restores)
    if not restores:
        return await store.documents.text(caller.scope, owner.keys, document_id, version)
    found = await store.documents.restored(caller.scope, owner.keys, document_id, version)
    return found.version, found.text
