"""No statement reaches a database unless all of it is bound to one tenant, or holds no tenant's content.

Every statement is checked before it is sent, on SQLite and PostgreSQL alike. It is a second door behind the conditions
that the repositories write, and in front of row-level security, which only PostgreSQL has.
"""

# ruff: noqa: SLF001  # SQLAlchemy has no public way to the parts of a statement

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from typing import Any, Final, cast

from sqlalchemy import Alias, BinaryExpression, BindParameter, BooleanClauseList, Column, Delete, Insert, Table, Update
from sqlalchemy.sql.elements import ClauseElement, Grouping
from sqlalchemy.sql.operators import and_ as conjunction
from sqlalchemy.sql.operators import eq
from sqlalchemy.sql.selectable import CTE, CompoundSelect, FromClause, Join, Select, Subquery

from rag_service.domain.identity import TenantId
from rag_service.store import tables
from rag_service.store.grammar import UnscopedStatement, is_unmistakable, nested, refuse_additions, shown_froms

__all__ = ["SHARED", "Shared", "UnscopedStatement", "check"]


class Shared(Enum):
    """In the place of a tenant: what concerns none in particular."""

    TABLES = "shared tables"


SHARED: Final = Shared.TABLES
"""For the tables that hold no content and are asked across tenants (``tables.SHARED``)."""

_Source = Table | Alias
_NOTHING: Final[frozenset[Any]] = frozenset()


def check(statement: object, parameters: object, tenant: TenantId | Shared) -> None:
    """The statement touches only rows of the tenant; for ``SHARED``, only the shared tables.

    In every select, update and delete, nested ones too, each table that rows come from must be held to the tenant by
    conditions joined with AND: ``t.tenant_id = 'the tenant'``, or ``t.tenant_id = u.tenant_id`` where ``u`` is. An
    insert must give the tenant in every row. What cannot be judged is refused. Raises ``UnscopedStatement``.
    """
    if not tenant:
        raise UnscopedStatement("a statement for no tenant")
    if parameters and type(statement) is not Insert:
        raise UnscopedStatement("values that would take the place of those in the statement")
    if getattr(statement, "_execution_options", None):
        raise UnscopedStatement("a statement with options of its own")
    if (form := _form(statement, tenant)) in _sound:
        return
    _Judgement(tenant, parameters).of(statement, _NOTHING, _NOTHING)
    if form is not None and len(_sound) < _MOST_FORMS:
        _sound.add(form)


_MOST_FORMS = 1000
_sound: set[object] = set()
"""The forms of statements that were checked before. There are as many as the code has statements, a few of each."""


def _form(statement: object, tenant: TenantId | Shared) -> object:
    """All that the judgement of a statement depends on: its shape, and which of its values are the tenant.

    Statements of one shape are the same SQL: the key is the one under which SQLAlchemy keeps it. Of an insert, nothing:
    whose its rows are is looked at each time.
    """
    if type(statement) not in {Select, CompoundSelect, Update, Delete}:
        return None
    key = cast("ClauseElement", statement)._generate_cache_key()
    if key is None or key.params:
        return None
    return key.key, tenant is SHARED, tuple(_is(one, tenant) for one in key.bindparams)


@dataclass
class _Judgement:
    tenant: TenantId | Shared
    parameters: object
    _judged: set[int] = field(default_factory=set)
    _names: dict[str, object] = field(default_factory=dict)

    def of(self, statement: object, around: frozenset[FromClause], bound_around: frozenset[_Source]) -> None:
        """Raises unless the statement's own sources are bound.

        ``around`` are the sources of the statement that it stands in: it may mean those instead of having its own.
        """
        refuse_additions(statement)
        froms: Sequence[FromClause]
        match statement:
            case CompoundSelect():
                for one in nested(statement, around):
                    self.of(one, around, bound_around)
                return
            case Select() if type(statement) is Select:
                froms = shown_froms(statement, around)
            case Update() | Delete() | Insert() if type(statement) in {Update, Delete, Insert}:
                froms = (cast("Table", statement.table),)
            case _:
                raise UnscopedStatement("a statement that cannot be judged")
        sources = list(chain.from_iterable(map(self._sources, froms)))
        own = frozenset(sources)
        if len(own) < len(sources):
            raise UnscopedStatement("a table that stands twice in one FROM under one name")
        if isinstance(statement, Insert):
            self._check_rows(statement)
            bound = own
        else:
            conditions = [*_conditions(statement, own), *chain.from_iterable(map(_of_joins, froms))]
            bound = self._bound(own, bound_around - own, conditions)
        if isinstance(statement, Update):
            _check_changes(statement)
        self._check_bound(own, bound)
        inner = frozenset(chain.from_iterable(one._from_objects for one in froms))
        for one in nested(statement, around | inner):
            self.of(one, inner, bound)

    def _check_bound(self, own: frozenset[_Source], bound: frozenset[_Source]) -> None:
        if self.tenant is SHARED:
            missing = {_table(one).name for one in own} - {table.name for table in tables.SHARED}
        else:
            missing = {_table(one).name for one in own - bound}
        if missing:
            raise UnscopedStatement(f"{', '.join(sorted(missing))}: not bound to a tenant")

    def _sources(self, source: object) -> Iterator[_Source]:
        """The tables in an element of FROM. What it selects from itself sees nothing of the statement around it."""
        match source:
            case Join(left=left, right=right) if type(source) is Join:
                yield from self._sources(left)
                yield from self._sources(right)
            case CTE() | Subquery() if type(source) in {CTE, Subquery}:
                self._check_name(source)
                if id(source) not in self._judged:  # a recursive one stands in itself
                    self._judged.add(id(source))
                    refuse_additions(source)
                    if not isinstance(source.element, Select | CompoundSelect):
                        raise UnscopedStatement("a statement that changes rows within another")
                    self.of(source.element, _NOTHING, _NOTHING)
            case Alias(element=Table()) if type(source) is Alias and _is_ours(source.element):
                self._check_name(source)
                yield source
            case Table() if _is_ours(source):
                yield source
            case _:
                raise UnscopedStatement("rows from a source that cannot be judged")

    def _check_name(self, source: CTE | Subquery | Alias) -> None:
        first: Any = source
        while isinstance(first, CTE) and first._restates is not None:  # a recursive one is made anew with each part
            first = first._restates
        if not is_unmistakable(source.name) or self._names.setdefault(source.name, first) is not first:
            raise UnscopedStatement(f"{source.name}: a source whose name could be that of another")

    def _bound(
        self, own: frozenset[_Source], bound_around: frozenset[_Source], conditions: Sequence[_Condition]
    ) -> frozenset[_Source]:
        owners = {id(_owner(one)): one for one in own | bound_around}
        bound = set(bound_around)
        for _ in own:  # each round carries the tenant one equality further
            for condition in conditions:
                for one, other in (condition.sides, condition.sides[::-1]):
                    source, known = owners.get(_identity(one)), owners.get(_identity(other))
                    if source in condition.may_bind and (known in bound or _is(other, self.tenant)):
                        bound.add(source)
        return own & bound

    def _check_rows(self, statement: Insert) -> None:
        """All rows stand in the statement, or all beside it: what stands beside would replace what stands in it."""
        written, given = list(_written(statement)), _given(self.parameters)
        if statement.select is not None or (written and given):
            raise UnscopedStatement("an insert of rows that cannot be judged")
        if self.tenant is SHARED:
            return
        name = _owner_name(statement.table)
        theirs = [_is(row.get(name), self.tenant) for row in written] + [row.get(name) == self.tenant for row in given]
        if not theirs or not all(theirs):
            raise UnscopedStatement(f"an insert into {statement.table.name} of rows that are not the tenant's")


@dataclass(frozen=True, slots=True)
class _Condition:
    """An equality that every row meets, of those sources in ``may_bind``."""

    sides: tuple[object, object]
    may_bind: frozenset[_Source]


def _conditions(statement: Select[Any] | Update | Delete, own: frozenset[_Source]) -> Iterator[_Condition]:
    for left, right in _equalities(statement._where_criteria):
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


def _is_ours(table: Any) -> bool:
    return tables.metadata.tables.get(table.name) is table


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
    return (
        type(side) is BindParameter
        and (side.unique and side.callable is None and not side.expanding)
        and (isinstance(side.value, str) and side.value == tenant)
    )


def _check_changes(statement: Update) -> None:
    for column in statement._values or {}:
        if (name := _key(column)) not in statement.table.c or name == _owner_name(statement.table):
            raise UnscopedStatement("an update that changes whose a row is")


def _written(statement: Insert) -> Iterator[Mapping[str, object]]:
    """The rows in the statement itself."""
    if statement._values:
        yield {_key(column): value for column, value in statement._values.items()}
    for rows in statement._multi_values:
        for row in rows:
            if not isinstance(row, Mapping) or any(map(_is_sql, row.values())):
                raise UnscopedStatement("an insert of rows that cannot be judged")
            yield {_key(column): BindParameter(None, value, unique=True) for column, value in row.items()}


def _given(parameters: Any) -> list[Mapping[str, object]]:
    rows = parameters if isinstance(parameters, list) else [parameters] if parameters else []
    if not all(isinstance(row, Mapping) for row in rows):
        raise UnscopedStatement("an insert of rows that cannot be judged")
    return rows


def _key(column: Any) -> str:
    return column if isinstance(column, str) else str(column.key)


def _is_sql(value: object) -> bool:
    return isinstance(value, ClauseElement) or hasattr(value, "__clause_element__")
