"""What the guard lets pass, run on the rows of two tenants: it sees and changes one tenant's alone.

Statements are made at random, and each runs twice: where both tenants have rows, and where the other tenant has none.
Where the two differ, something of the other tenant was seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    Connection,
    StaticPool,
    and_,
    create_engine,
    delete,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from rag_service.domain.identity import TenantId
from rag_service.store import tables
from rag_service.store.guard import UnscopedStatement, check

MINE, OTHER = TenantId("mine"), TenantId("other")
NUMBERS = {tables.documents: "live_version", tables.versions: "version", tables.chunks: "ordinal"}
KEYS = {tables.documents: "id", tables.versions: "document_id", tables.chunks: "document_id"}
Outcome = tuple[Counter[Any], dict[str, Counter[Any]]]


def filled(*tenants: str) -> Connection:
    """A database in which every tenant has rows of the same names, and numbers of its own."""
    connection = create_engine("sqlite://", poolclass=StaticPool, enable_from_linting=False).connect()
    tables.metadata.create_all(connection, [*NUMBERS])
    numbers = count(1)
    for tenant in (MINE, OTHER):
        for name in ("a", "b", "c") if tenant == OTHER else ("a", "b"):
            for table, number in NUMBERS.items():
                given_here = {"tenant_id": tenant, KEYS[table]: name, number: next(numbers)}
                row = {column.name: given_here.get(column.name, _filling(column, name)) for column in table.columns}
                if tenant in tenants:
                    connection.execute(insert(table), row)
    connection.commit()
    return connection


def _filling(column: Any, name: str) -> Any:
    fillings = {str: name, int: 1, bytes: b"x", datetime: datetime(2000, 1, 1)}  # noqa: DTZ001  # as stored
    return fillings[column.type.python_type]


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Connection, Connection]]:
    with filled(MINE, OTHER) as of_two, filled(MINE) as of_one:
        yield of_two, of_one


class Writer:
    """Writes statements that a careless programmer might: mostly bound to the tenant, in one way or another."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def often(self, chance: float = 0.8) -> bool:
        return self.random.random() < chance

    def statement(self) -> Any:
        table = self.random.choice([*NUMBERS])
        conditions = [self.bond(table, []), *self.conditions([table], 2)]
        match self.random.randrange(8):
            case 0:
                return delete(table).where(*conditions)
            case 1:
                number = table.c[NUMBERS[table]]
                value: Any = self.scalar([table], 2) if self.often(0.5) else number + 1
                return update(table).where(*conditions).values({number: func.coalesce(value, 0)})
            case 2:
                one, other = self.select([], 2), self.select([], 2)
                return one.union_all(other)
            case _:
                return self.select([], 3)

    def source(self, depth: int) -> Any:
        table = self.random.choice([*NUMBERS])
        match self.random.randrange(8):
            case 0 | 1:
                return table.alias()
            case 2 if depth > 0:
                inner = self.source(0)
                query = select(inner.c.tenant_id, _key(inner).label("id"), _number(inner).label("live_version"))
                query = query.where(self.bond(inner, []), *self.conditions([inner], depth - 1))
                return query.subquery() if self.often(0.5) else query.cte()
            case _:
                return table

    def select(self, around: list[Any], depth: int) -> Any:
        own = [self.source(depth) for _ in range(self.random.choice((1, 1, 2, 2, 3)))]
        scope = [*own, *around]
        bonds = [self.bond(one, [other for other in scope if other is not one]) for one in own]
        query = select(_key(own[0]), _number(own[-1]))
        if len(own) > 1 and self.often(0.6):
            on = and_(bonds.pop(), self.conditions(scope[: len(own)], 0)[0] if self.often(0.5) else true())
            joined = own[0].join(own[-1], on, isouter=self.often(0.5), full=self.often(0.05))
            query = query.select_from(joined)
        else:
            query = query.select_from(*own)
        if depth > 0 and self.often(0.3):
            query = query.add_columns(self.scalar(scope[:1], depth - 1))
        else:
            query = query.add_columns(literal(1))
        query = query.where(*bonds, *self.conditions(scope, depth))
        if self.often(0.1):
            query = query.correlate(None)
        return query.distinct() if self.often(0.2) else query

    def bond(self, one: Any, others: list[Any]) -> Any:
        match self.random.randrange(10):
            case 0:
                return one.c.tenant_id == OTHER
            case 1:
                return or_(one.c.tenant_id == MINE, _key(one) == "a")
            case 2:
                return one.c.tenant_id.in_([MINE])
            case 3 | 4 | 5 if others:
                return one.c.tenant_id == self.random.choice(others).c.tenant_id
            case _:
                return one.c.tenant_id == MINE

    def conditions(self, scope: list[Any], depth: int) -> list[Any]:
        return [self.condition(scope, depth) for _ in range(self.random.randrange(1, 3))]

    def condition(self, scope: list[Any], depth: int) -> Any:
        one, other = self.random.choice(scope), self.random.choice(scope)
        match self.random.randrange(10):
            case 0:
                return not_(self.condition(scope, depth))
            case 1:
                return or_(self.condition(scope, depth), self.condition(scope, depth))
            case 2 | 3 if depth > 0:
                return self.select(scope, depth - 1).exists()
            case 4 if depth > 0:
                return _number(one) >= self.scalar(scope, depth - 1)
            case 5 if depth > 0:
                return _key(one).in_(self.select(scope, depth - 1).with_only_columns(_key(other)))
            case 6:
                return _key(one) == _key(other)
            case 7:
                return self.bond(one, scope)
            case _:
                return _number(one) > self.random.randrange(8)

    def scalar(self, scope: list[Any], depth: int) -> Any:
        inner = self.source(0)
        query = select(self.random.choice((func.max, func.min, func.count))(_number(inner)))
        return query.where(self.bond(inner, scope), *self.conditions([inner, *scope], depth - 1)).scalar_subquery()


def _key(source: Any) -> Any:
    return source.c.id if "document_id" not in source.c else source.c.document_id


def _number(source: Any) -> Any:
    return next(source.c[name] for name in ("ordinal", "live_version", "version") if name in source.c)


def outcome(connection: Connection, statement: Any) -> Outcome:
    """What it tells, and which rows there are afterwards. Nothing stays changed."""
    try:
        result = connection.execute(statement)
        told = Counter(map(tuple, result)) if result.returns_rows else Counter({result.rowcount: 1})
        return told, {table.name: Counter(map(tuple, connection.execute(select(table)))) for table in NUMBERS}
    finally:
        connection.rollback()


def is_kept_apart(both: tuple[Connection, Connection], statement: Any) -> bool:
    (told, left), (told_alone, left_alone) = (outcome(one, statement) for one in both)
    of_other = outcome(both[0], select(literal(1)))[1]
    for name, rows in of_other.items():
        untouched = Counter({row: number for row, number in rows.items() if row[0] == OTHER})
        if left[name] - left_alone[name] != untouched or left_alone[name] - left[name]:
            return False
    return told == told_alone


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**64))
def test_what_passes_sees_and_changes_the_rows_of_one_tenant(both: tuple[Connection, Connection], seed: int) -> None:
    statement = Writer(seed).statement()
    try:
        check(statement, None, MINE)
    except UnscopedStatement:
        return
    try:
        assert is_kept_apart(both, statement), str(statement)
    except SQLAlchemyError:
        return  # SQL that no database takes


def test_enough_of_it_passes_and_enough_would_have_leaked(both: tuple[Connection, Connection]) -> None:
    """Else the test above would hold for a guard that refuses all, or for statements that need none."""
    passed = leaked = 0
    for seed in range(300):
        statement = Writer(seed).statement()
        try:
            leaked += not is_kept_apart(both, statement)
            check(statement, None, MINE)
            passed += 1
        except (SQLAlchemyError, UnscopedStatement):
            continue
    assert passed > 40
    assert leaked > 40
