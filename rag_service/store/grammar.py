"""The SQL that the store may write. Whatever ``store.guard`` could not judge is refused by its kind, unread.

Text, hints, prefixes, functions and operators that a caller names, and types that write SQL of their own would each be
a way around the judgement: only what stands in these lists is let through.
"""

# ruff: noqa: SLF001  # SQLAlchemy has no public way to the parts of a statement

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import BinaryExpression, BindParameter, BooleanClauseList, Case, Column, False_, Label, Null, True_
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.sql import functions, sqltypes
from sqlalchemy.sql.elements import (
    ClauseElement,
    ClauseList,
    ColumnClause,
    ExpressionClauseList,
    Grouping,
    UnaryExpression,
    _anonymous_label,
    _label_reference,
)
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.sql.selectable import (
    CompoundSelect,
    Exists,
    ForUpdateArg,
    FromClause,
    Join,
    ScalarSelect,
    Select,
    SelectStatementGrouping,
    _OffsetLimitParam,
)

from rag_service.store import tables


class UnscopedStatement(Exception):  # a defect of ours, and no error of a caller
    """A statement was written that could read or write beyond its tenant. It was not sent."""


_PARTS: Final = frozenset(
    {
        *(BinaryExpression, BindParameter, BooleanClauseList, Case, ClauseList, Exists, ExpressionClauseList, False_),
        *(ForUpdateArg, Grouping, Join, Label, Null, ScalarSelect, SelectStatementGrouping, True_, UnaryExpression),
        *(_OffsetLimitParam, _label_reference),
        *(functions.coalesce, functions.count, functions.max, functions.min, functions.sum),
    }
)
"""What an expression may be made of, beside columns and statements. A function's name is its class here."""

_ADDITIONS: Final = (
    *("_prefixes", "_suffixes", "_hints", "_statement_hints"),  # text
    *("_params", "_execution_options"),  # other values, other schemas
    *("_independent_ctes", "_with_options", "_compile_state_funcs", "_memoized_select_entities", "_propagate_attrs"),
    "dialect_kwargs",
)
"""What can be hung on a statement and is not met among its parts, or would change what they mean."""


def refuse_additions(statement: object) -> None:
    """Nothing hangs on the statement, or on the CTE, beside its clauses. Raises ``UnscopedStatement``."""
    for name in _ADDITIONS:
        if getattr(statement, name, None):
            raise UnscopedStatement(f"a statement with {name.strip('_')}")


def shown_froms(statement: Select[Any], around: frozenset[FromClause]) -> Sequence[FromClause]:
    """What the statement's own rows come from, found as SQLAlchemy does when it writes the SQL.

    A table of the statement around it (``around``) may be that statement's row, or all of the table once more: which
    of the two is not for us to guess. Raises ``UnscopedStatement``.
    """
    if not statement._auto_correlate:
        raise UnscopedStatement("a statement that says itself which sources are those around it")
    state = statement._compile_state_factory(statement, None)  # type: ignore[arg-type]  # it is not looked at
    try:
        return state._get_display_froms(implicit_correlate_froms=around)  # type: ignore[arg-type]  # the compiler's is a set too
    except InvalidRequestError:
        raise UnscopedStatement("a statement without a source of its own") from None


def nested(element: ClauseElement, visible: frozenset[FromClause]) -> Iterator[Select[Any] | CompoundSelect[Any]]:
    """The statements within the element, not those within these; all else in it is known and of these sources.

    Raises ``UnscopedStatement``.
    """
    for child in element.get_children():
        kind = type(child)
        if isinstance(child, Select | CompoundSelect):
            yield child
        elif kind in _PARTS:
            _check_part(child)
            yield from nested(child, visible)
        elif kind is Column or kind is ColumnClause:
            _check_column(child, visible)
        elif child not in visible:
            raise UnscopedStatement(f"{kind.__name__}: no part of the SQL that is known")


def _check_column(column: Any, visible: frozenset[FromClause]) -> None:
    if column.is_literal:
        if column.name != "*":  # as EXISTS and COUNT have it
            raise UnscopedStatement("SQL that is written as text")
    elif column.table not in visible:
        raise UnscopedStatement(f"{column.name}: a column of no source of the statement")


def _check_part(part: Any) -> None:
    operators = (getattr(part, "operator", None), getattr(part, "modifier", None))
    if any(isinstance(one, custom_op) for one in operators) or getattr(part, "modifiers", None):
        raise UnscopedStatement("an operator that is written as text")
    if isinstance(part, functions.FunctionElement) and vars(part).get("packagenames"):
        raise UnscopedStatement("a function of a package")
    if isinstance(part, Label) and not (isinstance(part.name, _anonymous_label) or part.name.isidentifier()):
        raise UnscopedStatement("a label that is no word")
    if not _is_plain(getattr(part, "type", None)):
        raise UnscopedStatement("a type of values that writes SQL of its own")


def _is_plain(kind: Any) -> bool:
    """It is one of SQLAlchemy's own types; ``None`` stands for a part that has no value."""
    if kind is None:
        return True
    return type(kind).__module__ == sqltypes.__name__ and all(map(_is_plain, kind._variant_mapping.values()))


def is_unmistakable(name: object) -> bool:
    """The name given to a source can be that of no other: SQLAlchemy numbered it, or it is a word that no table has.

    A source that is called as another would stand in its place where conditions name it.
    """
    if isinstance(name, _anonymous_label):
        return True
    return isinstance(name, str) and re.fullmatch("[a-z]+", name) is not None and name not in tables.metadata.tables
