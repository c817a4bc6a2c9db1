"""The only maker of scopes: authority comes from a verified credential, or from holding the master key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rag_service.domain.errors import Forbidden, NotFound
from rag_service.domain.identity import EVERYONE, AccessScope, OperatorScope, Principal, Role
from rag_service.store.api_keys import ApiKeys
from rag_service.store.groups import Groups
from rag_service.store.names import checked_user, folded_name
from rag_service.store.tenants import Tenant


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller: their tenant with its keys open, and what they may read in it."""

    tenant: Tenant
    scope: AccessScope


async def authenticate(api_key: str, tenant_name: str, needed: Role, api_keys: ApiKeys, groups: Groups) -> Caller:
    """The holder of ``api_key``, for a request to the tenant named in its path.

    Raises:
        Unauthenticated: the key is not a live key.
        NotFound: the tenant is not the key's own, whether or not another of that name exists.
        Forbidden: the key lacks the role ``needed``.
    """
    verified = await api_keys.verify(api_key)
    if folded_name(tenant_name) != folded_name(verified.tenant.name):
        raise NotFound("tenant")
    if needed not in verified.roles:
        raise Forbidden(needed.value)
    tenant, user = verified.tenant, verified.user
    theirs = await groups.of_user(operate(tenant), tenant.keys, user)
    return Caller(tenant, _scope(tenant, user, theirs, verified.roles))


async def act_as(tenant: Tenant, user: str, extra_groups: Iterable[str], *, groups_of: Groups) -> Caller:
    """What ``user`` would see, for an operator at the command line.

    A ``Tenant`` shows that its keys were opened in this process, which is so for web callers too: it is no proof that
    an operator asks. What keeps this function to the command line is a lint, ``tests/security/test_scopes.py``.
    ``extra_groups`` are taken as memberships for this call; one that no access list names changes nothing.
    """
    user = checked_user(user)
    theirs = await groups_of.of_user(operate(tenant), tenant.keys, user) | frozenset(extra_groups)
    return Caller(tenant, _scope(tenant, user, theirs, frozenset({Role.QUERY})))


def operate(tenant: Tenant) -> OperatorScope:
    """Custody of a tenant's documents, for the command line and what follows SQL: never for a request.

    A ``Tenant`` is no proof of that, as web callers carry one: a lint keeps it so (``tests/security/test_scopes.py``).
    """
    return OperatorScope(tenant.id)


def _scope(tenant: Tenant, user: str, groups: Iterable[str], roles: frozenset[Role]) -> AccessScope:
    principals = frozenset({EVERYONE, Principal.user(user), *(Principal.group(group) for group in groups)})
    return AccessScope(tenant.id, user, principals, roles)
