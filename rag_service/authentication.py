"""The only maker of scopes: authority comes from a verified credential, or from holding the master key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rag_service.domain.errors import Forbidden, NotFound
from rag_service.domain.identity import EVERYONE, AccessScope, OperatorScope, Principal, Role
from rag_service.ports import ClaimedIdentity
from rag_service.store.api_keys import VerifiedKey
from rag_service.store.groups import Groups
from rag_service.store.names import checked_user, folded_name
from rag_service.store.tenants import Tenant, Tenants


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller: their tenant with its keys open, and what they may read in it."""

    tenant: Tenant
    scope: AccessScope


Holder = VerifiedKey | ClaimedIdentity
"""Whose credential was verified: an API key or what stands for it, or a token of an identity provider."""


async def caller_of(holder: Holder, tenant_name: str, *needed: Role, tenants: Tenants, groups_of: Groups) -> Caller:
    """The holder of a verified credential, for a request to the tenant named in its path.

    A token of an identity provider brings groups, which hold as long as it does; they come to those of the user here.

    Raises:
        NotFound: the tenant is not the holder's own, whether or not another of that name exists.
        Forbidden: the credential has none of the roles ``needed``.
    """
    own = holder.tenant.name if isinstance(holder, VerifiedKey) else holder.tenant
    if folded_name(tenant_name) != folded_name(own):
        raise NotFound("tenant")
    if isinstance(holder, VerifiedKey):
        tenant, brought = holder.tenant, frozenset[str]()
    else:
        tenant, brought = await tenants.by_name(holder.tenant), holder.groups
    if holder.roles.isdisjoint(needed):
        raise Forbidden(" or ".join(needed))
    theirs = await groups_of.of_user(operate(tenant), tenant.keys, holder.user, brought)
    return Caller(tenant, _scope(tenant, holder.user, theirs, holder.roles))


async def act_as(
    tenant: Tenant, user: str, extra_groups: Iterable[str], *, groups_of: Groups, restores: bool = False
) -> Caller:
    """What ``user`` would see, for an operator at the command line; and where it ``restores``, with what was sealed.

    A ``Tenant`` shows that its keys were opened in this process, which is so for web callers too: it is no proof that
    an operator asks. What keeps this function to the command line is a lint, ``tests/security/test_scopes.py``.
    ``extra_groups`` are taken as memberships for this call; one that no access list names changes nothing.
    """
    user = checked_user(user)
    theirs = await groups_of.of_user(operate(tenant), tenant.keys, user, frozenset(extra_groups))
    roles = {Role.QUERY, Role.RESTORE} if restores else {Role.QUERY}
    return Caller(tenant, _scope(tenant, user, theirs, frozenset(roles)))


def operate(tenant: Tenant) -> OperatorScope:
    """Custody of a tenant's documents, for the command line and what follows SQL: never for a request.

    A ``Tenant`` is no proof of that, as web callers carry one: a lint keeps it so (``tests/security/test_scopes.py``).
    """
    return OperatorScope(tenant.id)


def _scope(tenant: Tenant, user: str, groups: Iterable[str], roles: frozenset[Role]) -> AccessScope:
    principals = frozenset({EVERYONE, Principal.user(user), *(Principal.group(group) for group in groups)})
    return AccessScope(tenant.id, user, principals, roles)
