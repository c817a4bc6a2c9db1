"""Why a user can or cannot see a document: what access lists and memberships say, told to the operator only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from rag_service.authentication import act_as, operate
from rag_service.domain.errors import IntegrityError, NotFound
from rag_service.domain.identity import EVERYONE, Principal
from rag_service.store.names import checked_user
from rag_service.store.tenants import Tenant
from rag_service.wiring import Store


@dataclass(frozen=True, slots=True)
class Held:
    """Something that an access list may name and the user is. ``how`` says by what."""

    principal: str
    how: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands on the access list, and whether the user is it."""

    principal: str
    matches: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """``reads`` is what a request of the user would be told, by the same check; the rest says why.

    ``spoilt_entries`` do not open in their place, and let nobody read. ``index_lags`` says that questions do not find
    the document as it stands now, by whoever may read it.
    """

    user: str
    document_id: str
    reads: bool
    reason: str
    exists: bool
    opens: bool
    owner: str | None
    principals: tuple[Held, ...]
    access: tuple[Entry, ...]
    spoilt_entries: int
    index_lags: bool


_HELD = "nobody reads the document: nothing of it is live, `rag quarantine list` says why"


async def explain_access(
    store: Store, tenant: Tenant, user: str, document_id: str, groups: Collection[str] = ()
) -> Explanation:
    """Whether the user reads the document, and why.

    ``groups`` are those that their credential would bring, from an identity provider. Raises ``SealBroken`` where a
    membership of the user was altered: then each of their requests fails.
    """
    operator, user = operate(tenant), checked_user(user)
    caller = await act_as(tenant, user, groups, groups_of=store.groups)
    memberships = await store.groups.all(operator, tenant.keys)
    held = tuple(Held(str(one), _how(one, user, groups, memberships)) for one in sorted(caller.scope.principals))
    try:
        listed = await store.documents.access(operator, tenant.keys, document_id)
    except NotFound:
        reason = "the tenant has no document of that id: it never was, was deleted, or is not ingested yet"
        return Explanation(
            user=user,
            document_id=document_id,
            reads=False,
            reason=reason,
            exists=False,
            opens=False,
            owner=None,
            principals=held,
            access=(),
            spoilt_entries=0,
            index_lags=await store.outbox.awaits(operator, document_id),
        )
    entries = tuple(Entry(str(one), one in caller.scope.principals) for one in listed.principals)
    reads = opens = is_live = True
    try:
        await store.documents.meta(caller.scope, tenant.keys, document_id)
    except (NotFound, IntegrityError):
        reads = False
    try:
        await store.documents.meta(operator, tenant.keys, document_id)
    except IntegrityError:
        opens = False
    except NotFound:
        is_live = False
    return Explanation(
        user=user,
        document_id=document_id,
        reads=reads,
        reason=_reason(entries, held, listed.spoilt, reads=reads, opens=opens) if is_live else _HELD,
        exists=True,
        opens=opens,
        owner=listed.owner,
        principals=held,
        access=entries,
        spoilt_entries=listed.spoilt,
        index_lags=await store.outbox.awaits(operator, document_id),
    )


def _how(one: Principal, user: str, brought: Collection[str], memberships: Mapping[str, Collection[Principal]]) -> str:
    """By what the user is this principal."""
    if one in {EVERYONE, Principal.user(user)}:
        return "everyone in the tenant is" if one == EVERYONE else "by name"
    members = memberships.get(one.name, ())
    if one.name in brought:
        return "named for this call"
    if Principal.user(user) in members:
        return "a member of the group"
    theirs = {group for group, users in memberships.items() if Principal.user(user) in users} | set(brought)
    through = sorted(group for group in theirs if Principal.group(group) in members)
    return f"through {', '.join(f'group:{group}' for group in through)}, which belongs to the group"


def _reason(entries: Collection[Entry], held: Collection[Held], spoilt: int, *, reads: bool, opens: bool) -> str:
    how = {one.principal: one.how for one in held}
    if not opens:
        return "nobody reads the document: it does not open under the tenant's keys; `rag doctor --deep` says more"
    if reads:
        return "the access list names " + "; ".join(
            f"{one.principal} ({how[one.principal]})" for one in entries if one.matches
        )
    if any(one.matches for one in entries) or spoilt:
        return "no entry of the access list that opens in its place is the user; `rag doctor --deep` says more"
    return "the access list names nobody that the user is" if entries else "the access list is empty: nobody reads it"
