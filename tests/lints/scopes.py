"""Fails where a tenant's rows, or its index, could be reached by code that was given no authority over that tenant.

Run by `make lint`: ``python -m tests.lints.scopes``. What it lets through by name stands below, each with its reason.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from rag_service.store import tables

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("rag_service", "ingestion", "eval")
STORE = "rag_service/store/"

OF_TENANTS = {name for name, table in tables.metadata.tables.items() if "tenant_id" in table.c}
HAS_TENANT = {"AccessScope": "tenant", "OperatorScope": "tenant", "Claim": "tenant", "Tenant": "id"}
"""Types of parameters that a connection may be asked for with, and where in them the tenant is."""
AUTHORITY = {*HAS_TENANT, "TenantId", "Connection"}
"""A ``Connection`` was handed out for one tenant, and takes no statement about another."""
INDEX_AUTHORITY = {*HAS_TENANT, "Caller", "TenantId", "TenantKeys", "IndexKeys", "SealedQuery"}
INDEX_CALLS = {
    *("search", "upsert", "delete", "read", "replace", "points_of", "point_ids", "exists", "drop", "collections")
}
RAW_SQL = {"exec_driver_sql", "literal_column", "text", "TextClause"}
INTERNALS = {"_dialect", "create_async_engine", "AsyncConnection", "AsyncEngine"} | {
    *("run_sync", "sync_connection", "get_raw_connection", "stream", "stream_scalars", "sync_engine")
}
DOOR = {f"{STORE}{name}.py" for name in ("database", "sqlite", "postgresql")}
"""The only modules that hold a connection that nothing checks."""
SPEAK_SQL = {f"{STORE}sqlite.py", f"{STORE}postgresql.py", f"{STORE}migrate.py", f"{STORE}grammar.py"}

_QUEUE = "whoever works through the queue serves all tenants; tickets hold no content"
_LOOKUP = "whose it is must be known before anything of that tenant can be looked at"
ACROSS = {
    (f"{STORE}installation.py", "found"): "one row that belongs to no tenant",
    (f"{STORE}installation.py", "enter"): "one row that belongs to no tenant",
    (f"{STORE}jobs.py", "claim"): _QUEUE,
    (f"{STORE}jobs.py", "_is_work_to_do"): _QUEUE,
    (f"{STORE}jobs.py", "heartbeat"): _QUEUE,
    (f"{STORE}jobs.py", "release_all"): _QUEUE,
    (f"{STORE}jobs.py", "states"): _QUEUE,
    (f"{STORE}jobs.py", "forget_ended"): _QUEUE,
    (f"{STORE}outbox.py", "waiting"): "the outbox says which tenants wait, and nothing else about them",
    (f"{STORE}outbox.py", "lag"): "a count over all tenants",
    (f"{STORE}outbox.py", "request_drop"): "it makes the name of nobody, for a collection that is nobody's",
    (f"{STORE}tenants.py", "of_key"): _LOOKUP,
    (f"{STORE}tenants.py", "_one"): _LOOKUP,
    (f"{STORE}tenants.py", "_all"): "the operator's list of tenants",
    (f"{STORE}tenants.py", "count"): "a count of tenants",
    (f"{STORE}tenants.py", "create"): "the tenant is made here",
    (f"{STORE}api_keys.py", "_changing"): "the tenant is that of the key, and its rows are looked for there alone",
    (f"{STORE}api_keys.py", "_found"): "the tenant is that of the key that was presented",
    (f"{STORE}api_keys.py", "all"): "the operator's list of keys, tenant by tenant",
    (f"{STORE}nonces.py", "remember"): "the tenant is that of the key that the request was signed with",
    (f"{STORE}consistency.py", "_tenants"): "the operator's check of everything, tenant by tenant",
    (f"{STORE}consistency.py", "strays"): "the operator's check of everything, tenant by tenant",
    (f"{STORE}consistency.py", "remove_kept_originals"): "the operator's check of everything, tenant by tenant",
}
"""Functions that ask for a connection over all tenants, or for a tenant that no parameter names."""

INDEX_ACROSS = {
    ("rag_service/owner/desk.py", "collections"): "the operator's check of everything",
    ("rag_service/follow.py", "_drop"): "the outbox names a collection whose tenant is gone",
}
OWN_INDEX = ("rag_service/adapters/", "eval/")
"""Adapters are the index; evaluations have collections of their own, in a folder that they made."""


PROBES = "eval/access/"
"""The evaluation of access asks the database as an attacker would, and takes checks away to be caught. Its data folder
is one that it made."""


def complaints(path: str, source: str) -> list[str]:
    """What in this module reaches rows or points without authority over their tenant, with the line it is on."""
    tree = _parsed(source)
    found = [*_anywhere(path, tree)]
    for function, around in _functions(tree):
        given = _given(function, around)
        if path not in DOOR and not path.startswith(PROBES):
            found += _connections(path, function, given)
        if path.startswith(STORE) and path not in DOOR:
            found += _queries(path, function, given)
        if not path.startswith(OWN_INDEX):
            found += _index_calls(path, function, given)
    return found


@cache
def _parsed(source: str) -> ast.Module:
    return ast.parse(source)


def _anywhere(path: str, tree: ast.Module) -> Iterator[str]:
    speaks_sql = path in SPEAK_SQL or path.startswith(f"{STORE}migrations/")
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str() as module, names=names):
                for one in names:
                    if module.startswith("sqlalchemy") and one.name in RAW_SQL and not speaks_sql:
                        yield f"{node.lineno}: {one.name}: SQL as text"
                    if module.startswith("sqlalchemy") and one.name in INTERNALS and path not in DOOR:
                        yield f"{node.lineno}: {one.name}: a connection that nothing checks"
                    if module.endswith("store.tables") and one.name in tables.metadata.tables:
                        yield f"{node.lineno}: {one.name}: a table under a name that this lint does not see"
                    if one.name == "tables" and (one.asname or not path.startswith((STORE, PROBES))):
                        yield f"{node.lineno}: tables: of concern to the store alone, and by that name"
            case ast.Attribute(attr=name) if name in INTERNALS and path not in DOOR and path.startswith(STORE):
                yield f"{node.lineno}: {name}: a connection that nothing checks"
            case ast.Attribute(attr="_dialect") if path not in DOOR:
                yield f"{node.lineno}: _dialect: a connection that nothing checks"
            case ast.Attribute(attr="exec_driver_sql") if not speaks_sql:
                yield f"{node.lineno}: exec_driver_sql: SQL as text"
            case ast.Attribute(value=ast.Name(id="sqlalchemy" | "sa"), attr=name) if name in RAW_SQL and not speaks_sql:
                yield f"{node.lineno}: {name}: SQL as text"


Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(tree: ast.AST, around: tuple[Function, ...] = ()) -> Iterator[tuple[Function, tuple[Function, ...]]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield node, around
            yield from _functions(node, (*around, node))
        else:
            yield from _functions(node, around)


def _own(function: Function) -> Iterator[ast.AST]:
    """What stands in the function itself, not in functions within it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [one for one in ast.iter_child_nodes(node) if not isinstance(one, Function)]


def _given(function: Function, around: tuple[Function, ...]) -> dict[str, set[str]]:
    """The words in the type of each parameter, of the functions around this one too."""
    given: dict[str, set[str]] = {}
    for one in (*around, function):
        for argument in (*one.args.posonlyargs, *one.args.args, *one.args.kwonlyargs):
            words = ast.walk(argument.annotation) if argument.annotation else ()
            given[argument.arg] = {word.id for word in words if isinstance(word, ast.Name)}
    return given


def _connections(path: str, function: Function, given: dict[str, set[str]]) -> Iterator[str]:
    for node in _own(function):
        match node:
            case ast.Call(func=ast.Attribute(value=receiver, attr="read" | "write"), args=args, keywords=keywords) if (
                _last(receiver).strip("_") == "database"
            ):
                asked = [*args, *(one.value for one in keywords)]
                if (path, function.name) not in ACROSS and not (len(asked) == 1 and _is_authority(asked[0], given)):
                    yield f"{node.lineno}: {function.name}: a connection for what no parameter has authority over"


def _is_authority(asked: ast.expr, given: dict[str, set[str]]) -> bool:
    match asked:
        case ast.Name(id=name):
            return given.get(name) == {"TenantId"}
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            words = given.get(name, set())
            return bool(words) and all(HAS_TENANT.get(word) == attribute for word in words)
    return False


def _queries(path: str, function: Function, given: dict[str, set[str]]) -> Iterator[str]:
    """A part of a query may be made by a private function, which then sends nothing itself."""
    if any(words & AUTHORITY for words in given.values()) or (path, function.name) in ACROSS:
        return
    nodes = list(_own(function))
    sends = any(isinstance(node, ast.Attribute) and node.attr in {"execute", "scalar", "scalars"} for node in nodes)
    for node in nodes:
        match node:
            case ast.Attribute(value=ast.Name(id="tables"), attr=name) if name in OF_TENANTS and (
                sends or not function.name.startswith("_")
            ):
                yield f"{node.lineno}: {function.name}: a query on {name} without a scope"
                return


def _index_calls(path: str, function: Function, given: dict[str, set[str]]) -> Iterator[str]:
    if any(words & INDEX_AUTHORITY for words in given.values()) or (path, function.name) in INDEX_ACROSS:
        return
    for node in _own(function):
        match node:
            case ast.Call(func=ast.Attribute(value=receiver, attr=name)) if (
                name in INDEX_CALLS and _last(receiver).strip("_") == "index"
            ):
                yield f"{node.lineno}: {function.name}: index.{name} without a scope"


def _last(receiver: ast.expr) -> str:
    match receiver:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def modules() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def unused(names: set[tuple[str, str]]) -> list[str]:
    """Functions that stand in a list above and are no more."""
    there = {(path, one.name) for path, source in modules() for one, _ in _functions(_parsed(source))}
    return [f"{path}: {name} is let through, and is not there" for path, name in sorted(names - there)]


def main() -> int:
    found = [f"{path}:{one}" for path, source in modules() for one in complaints(path, source)]
    found += unused({*ACROSS, *INDEX_ACROSS})
    sys.stderr.writelines(f"{one}\n" for one in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
