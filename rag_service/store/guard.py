"""No statement reaches a database unless all of it is bound to one tenant, or holds no tenant's content.

Every statement is checked before it is sent, on SQLite and PostgreSQL alike. It is a second door behind the conditions
that the repositories write, and in front of row-level security, which only PostgreSQL has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from typing import Any, Final, cast

from sqlalchemy import Alias, BinaryExpression, BindParameter, BooleanClauseList, Column, Table
from sqlalchemy.sql.dml import Delete, Insert, Update
from sqlalchemy.sql.elements import ClauseElement, ColumnClause, Grouping, TextClause
from sqlalchemy.sql.operators import and_ as conjunction
from sqlalchemy.sql.operators import eq
from sqlalchemy.sql.selectable import CTE, CompoundSelect, Join, Select, Subquery

from rag_service.domain.identity import TenantId
from rag_service.store import tables


class Shared(Enum):
    """In the place of a tenant: what concerns none in particular."""

    TABLES = "shared tables"


SHARED: Final = Shared.TABLES
"""For the tables that hold no content and are asked across tenants (``tables.SHARED``)."""

_Source = Table | Alias


class UnscopedStatement(Exception):  # a defect of ours, and no error of a caller
    """A statement was written that could read or write beyond its tenant. It was not sent."""


def check(statement: object, parameters: object, tenant: TenantId | Shared) -> None:
    """The statement touches only rows of the tenant; for ``SHARED``, only the shared tables.

    In every select, update and delete, nested ones too, each table that rows come from must be held to the tenant by
    conditions joined with AND: ``t.tenant_id = 'the tenant'``, or ``t.tenant_id = u.tenant_id`` where ``u`` is. An
    insert must give the tenant in every row. What cannot be judged is refused. Raises ``UnscopedStatement``.
    """
    if (form := _form(statement, tenant)) in _sound:
        return
    _Check(tenant, parameters).visit(statement, frozenset(), frozenset())
    if form is not None and len(_sound) < _MOST_FORMS:
        _sound.add(form)


_MOST_FORMS = 1000
_sound: set[object] = set()
"""The forms of statements that were checked before. There are as many as the code has statements, a few of each."""


def _form(statement: object, tenant: TenantId | Shared) -> object:
    """All that the judgement of a statement depends on: its shape, and which of its values are the tenant.

    Of an insert, nothing: whose its rows are is looked at each time.
    """
    if not isinstance(statement, (Select, Update, Delete)):
        return None
    key = statement._generate_cache_key()  # noqa: SLF001  # as SQLAlchemy's own cache of compiled statements has it
    return key and (key.key, tenant is SHARED, tuple(one.value == tenant for one in key.bindparams))


@dataclass
class _Check:
    tenant: TenantId | Shared
    parameters: object
    _done: set[int] = field(default_factory=set)

    def visit(self, statement: object, outer: frozenset[_Source], outer_bound: frozenset[_Source]) -> None:
        """Raises unless the statement's own sources are bound; ``outer`` are those of the statements around it."""
        match statement:
            case CompoundSelect(selects=selects):
                for one in selects:
                    self.visit(one, outer, outer_bound)
                return
            case Select():
                froms = statement.get_final_froms()
                own = frozenset(chain.from_iterable(map(self._sources, froms))) - outer
                conditions = [*_conditions(statement, own), *chain.from_iterable(_of_joins(one) for one in froms)]
            case Update() | Delete():
                own = frozenset({_named(statement.table)})
                conditions = list(_conditions(statement, own))
                if isinstance(statement, Update) and _gives_away(statement):
                    raise UnscopedStatement("an update that changes whose a row is")
            case Insert():
                own = frozenset({_named(statement.table)})
                conditions = []
                self._check_rows(statement)
            case _:
                raise UnscopedStatement("a statement that cannot be judged")
        if statement._independent_ctes:  # noqa: SLF001  # there is no public way to them
            raise UnscopedStatement("a statement beside the statement")
        bound = outer_bound | (own if isinstance(statement, Insert) else self._bound(own, outer_bound, conditions))
        if self.tenant is SHARED:
            missing = {_table(one).name for one in own} - {table.name for table in tables.SHARED}
        else:
            missing = {_table(one).name for one in own - bound}
        if missing:
            raise UnscopedStatement(f"{', '.join(sorted(missing))}: not bound to a tenant")
        for nested in _nested(statement):
            self.visit(nested, outer | own, bound)

    def _sources(self, source: object) -> Iterator[_Source]:
        """The tables in an element of FROM. What it selects from itself sees nothing of the statement around it."""
        match source:
            case Join(left=left, right=right):
                yield from self._sources(left)
                yield from self._sources(right)
            case CTE(element=element) | Subquery(element=element):
                if id(source) not in self._done:  # a recursive one stands in itself
                    self._done.add(id(source))
                    self.visit(element, frozenset(), frozenset())
            case _:
                yield _named(source)

    def _bound(
        self, own: frozenset[_Source], outer_bound: frozenset[_Source], conditions: Sequence[_Condition]
    ) -> frozenset[_Source]:
        owners = {id(_owner(one)): one for one in own | outer_bound}
        bound = set(outer_bound)
        for _ in own:  # each round carries the tenant one equality further
            for condition in conditions:
                for one, other in (condition.sides, condition.sides[::-1]):
                    source, known = owners.get(_identity(one)), owners.get(_identity(other))
                    if source in condition.may_bind and (known in bound or _is(other, self.tenant)):
                        bound.add(source)
        return frozenset(bound)

    def _check_rows(self, statement: Insert) -> None:
        if self.tenant is SHARED:
            return
        name = _owner_name(statement.table)
        rows = [*_written(statement), *_given(self.parameters)] or [{}]
        if statement.select is not None or any(row.get(name) != self.tenant for row in rows):
            raise UnscopedStatement(f"an insert into {statement.table.name} of rows that are not the tenant's")


@dataclass(frozen=True, slots=True)
class _Condition:
    """An equality that every row meets, of those sources in ``may_bind``."""

    sides: tuple[object, object]
    may_bind: frozenset[_Source]


def _conditions(statement: Select[Any] | Update | Delete, own: frozenset[_Source]) -> Iterator[_Condition]:
    for left, right in _equalities(statement._where_criteria):  # noqa: SLF001  # there is no public way to them
        yield _Condition((left, right), own)


def _of_joins(source: object) -> Iterator[_Condition]:
    """The conditions of joins. Rows of an outer join's left side need not meet its condition."""
    if isinstance(source, Join):
        if source.full:
            raise UnscopedStatement("a full join")
        held = source.right if source.isouter else source
        for left, right in _equalities([source.onclause]):
            yield _Condition((left, right), frozenset(_leaves(held)))
        yield from _of_joins(source.left)
        yield from _of_joins(source.right)


def _leaves(source: object) -> Iterator[_Source]:
    match source:
        case Join(left=left, right=right):
            yield from _leaves(left)
            yield from _leaves(right)
        case Table() | Alias():
            yield source


def _equalities(conditions: Iterable[object]) -> Iterator[tuple[object, object]]:
    for condition in conditions:
        match condition:
            case Grouping(element=inner):
                yield from _equalities([inner])
            case BooleanClauseList(operator=operator, clauses=clauses) if operator is conjunction:
                yield from _equalities(clauses)
            case BinaryExpression(operator=operator, left=left, right=right) if operator is eq:
                yield left, right


def _nested(element: ClauseElement) -> Iterator[ClauseElement]:
    """The statements within the element, not those within these. Raises at SQL that is written as text."""
    for child in element.get_children():
        match child:
            case Select() | CompoundSelect():
                yield child
            case ColumnClause(is_literal=True, name="*"):  # as EXISTS selects it
                continue
            case TextClause() | ColumnClause(is_literal=True):
                raise UnscopedStatement("SQL that is written as text")
            case Table() | Alias() | Column() | CTE() | Subquery():  # sources were seen where rows come from
                continue
            case ClauseElement():
                yield from _nested(child)


def _named(source: object) -> _Source:
    match source:
        case Table() | Alias(element=Table()):
            return source
    raise UnscopedStatement("rows from a source that cannot be judged")


def _table(source: _Source) -> Table:
    return source if isinstance(source, Table) else cast("Table", source.element)


def _owner_name(table: object) -> str:
    return "id" if table is tables.tenants else "tenant_id"


def _owner(source: _Source) -> object:
    """The column that says whose a row is."""
    return source.c.get(_owner_name(_table(source)))


def _identity(side: object) -> int:
    return id(side) if isinstance(side, Column) else -1


def _is(side: object, tenant: TenantId | Shared) -> bool:
    """Whether it is the tenant, and nothing that is sent with the statement can put another in its place."""
    return isinstance(side, BindParameter) and side.unique and side.callable is None and side.value == tenant


def _gives_away(statement: Update) -> bool:
    return any(_key(column) == _owner_name(statement.table) for column in statement._values or {})  # noqa: SLF001  # no public way


def _written(statement: Insert) -> Iterator[Mapping[str, object]]:
    """The rows in the statement itself."""
    if statement._values:  # noqa: SLF001  # there is no public way to them
        yield {_key(column): _value(value) for column, value in statement._values.items()}  # noqa: SLF001  # as above
    for rows in statement._multi_values:  # noqa: SLF001  # as above
        for row in rows:
            yield {_key(column): _value(value) for column, value in row.items()}  # type: ignore[union-attr]  # dicts


def _given(parameters: object) -> list[Mapping[str, object]]:
    if isinstance(parameters, Mapping):
        return [parameters]
    return list(parameters) if isinstance(parameters, Sequence) else []


def _key(column: Any) -> str:
    return column if isinstance(column, str) else str(column.key)


def _value(value: object) -> object:
    return value.value if isinstance(value, BindParameter) else value
