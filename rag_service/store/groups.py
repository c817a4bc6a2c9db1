"""Who belongs together within a tenant. A group's members are users, and groups whose own members are users."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, select
from sqlalchemy.exc import IntegrityError as UniqueViolation

from rag_service.crypto.keys import TenantKeys
from rag_service.domain.errors import InvalidRequest
from rag_service.domain.identity import OperatorScope, Principal, PrincipalKind
from rag_service.store import tables
from rag_service.store.database import Connection, Database
from rag_service.store.names import checked_name, checked_user

_NESTED = "groups nest one level deep: a group that holds groups can be in none"


class Groups:
    """The one table of memberships: what is changed in it holds from the next request on."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def set(
        self,
        operator: OperatorScope,
        keys: TenantKeys,
        group: str,
        users: Collection[str],
        groups: Collection[str] = (),
    ) -> None:
        """The group has exactly these members. Raises ``InvalidRequest`` where groups would nest deeper than once."""
        group = checked_name("group", group)
        members = {Principal.user(checked_user(user)) for user in users}
        members |= {Principal.group(checked_name("group", one)) for one in groups}
        if Principal.group(group) in members:
            raise InvalidRequest(_NESTED)
        rows = [_row(keys, group, member) for member in sorted(members)]
        table = tables.members
        async with self._database.write(operator.tenant) as connection:
            if groups:
                await self._refuse_deeper(connection, operator, keys, group, rows)
            await connection.execute(
                delete(table).where(
                    table.c.tenant_id == operator.tenant, table.c.group_token == keys.token("group", group)
                )
            )
            if rows:
                await connection.execute(insert(table), rows)

    async def add(self, operator: OperatorScope, keys: TenantKeys, group: str, user: str) -> None:
        """The user is in the group; who was in it stays."""
        row = _row(keys, checked_name("group", group), Principal.user(checked_user(user)))
        try:
            async with self._database.write(operator.tenant) as connection:
                await connection.execute(insert(tables.members).values(row))
        except UniqueViolation:
            return

    async def of_user(
        self, operator: OperatorScope, keys: TenantKeys, user: str, brought: Collection[str] = ()
    ) -> frozenset[str]:
        """The groups that the user is in, directly or by a group in them; with those ``brought`` by their credential.

        Raises ``SealBroken`` where a row was altered, or its name comes from another row.
        """
        table, this = tables.members, keys.token("user", checked_user(user))
        brought_tokens = [keys.token("group", one) for one in sorted(brought)]
        direct = tables.members.alias()
        in_theirs = select(direct.c.group_token).where(
            direct.c.tenant_id == operator.tenant, direct.c.member_token == this
        )
        query = select(table).where(
            table.c.tenant_id == operator.tenant,
            table.c.member_token.in_([this, *brought_tokens]) | table.c.member_token.in_(in_theirs),
        )
        async with self._database.read(operator.tenant) as connection:
            rows = (await connection.execute(query)).all()
        return frozenset(brought).union(_opened(keys, row)[0] for row in rows)

    async def all(self, operator: OperatorScope, keys: TenantKeys) -> dict[str, list[Principal]]:
        """Every group with its members."""
        query = select(tables.members).where(tables.members.c.tenant_id == operator.tenant)
        found: dict[str, list[Principal]] = {}
        async with self._database.read(operator.tenant) as connection:
            for row in await connection.execute(query):
                group, member = _opened(keys, row)
                found.setdefault(group, []).append(member)
        return {group: sorted(members) for group, members in sorted(found.items())}

    async def _refuse_deeper(
        self,
        connection: Connection,
        operator: OperatorScope,
        keys: TenantKeys,
        group: str,
        rows: Collection[Mapping[str, object]],
    ) -> None:
        """No member that is a group holds a group, and this group is in none."""
        table = tables.members.c
        of_tenant: ColumnElement[bool] = table.tenant_id == operator.tenant
        inside = select(table.group_token).where(of_tenant, table.member_token == keys.token("group", group))
        members = [row["member_token"] for row in rows]
        theirs = select(tables.members).where(of_tenant, table.group_token.in_(members))
        holds_groups = any(
            _opened(keys, row)[1].kind is PrincipalKind.GROUP for row in await connection.execute(theirs)
        )
        if holds_groups or (await connection.execute(inside)).first() is not None:
            raise InvalidRequest(_NESTED)


def _row(keys: TenantKeys, group: str, member: Principal) -> dict[str, object]:
    at = (keys.token("group", group), keys.token(member.kind.value, member.name))
    return {
        "tenant_id": keys.tenant,
        "group_token": at[0],
        "member_token": at[1],
        "sealed_group": keys.seal_name("group", group, *at),
        "sealed_member": keys.seal_name("member", str(member), *at),
    }


def _opened(keys: TenantKeys, row: Row[Any]) -> tuple[str, Principal]:
    at = (row.group_token, row.member_token)
    group = keys.open_name("group", row.sealed_group, *at)
    return group, Principal.parse(keys.open_name("member", row.sealed_member, *at))
