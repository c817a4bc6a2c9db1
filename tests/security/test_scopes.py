"""The lint that keeps authority where it is made, and proof that the lint sees what it must see."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKERS = {
    "AccessScope": "rag_service/authentication.py",
    "OperatorScope": "rag_service/authentication.py",
    "VerifiedKey": "rag_service/store/api_keys.py",
    "TokenGrant": "rag_service/tokens.py",
    "ClaimedIdentity": "rag_service/adapters/oidc_claims.py",
    "SealedPoint": "rag_service/crypto/index_keys.py",
    "SealedQuery": "rag_service/crypto/index_keys.py",
}
"""The one module that may construct each of these."""

READERS = {
    "SealedPoint": {
        "rag_service/adapters/edge_requests.py",
        "rag_service/adapters/server_requests.py",
        "rag_service/owner/wire.py",
    }
}
"""Modules that may make one too, of what an index stores already: for comparing, never for writing."""

ADMITTERS = ("rag_service/authentication.py", "rag_service/web/authenticate.py", "eval/access/faults.py")
"""Who turns a verified credential into a caller: the one place where requests show theirs, and what breaks that place
on purpose to see that it is noticed."""

FOR_OPERATORS = {"operate", "act_as"}
ACTORS = (
    "rag_service/authentication.py",
    "rag_service/owner/desk.py",
    "rag_service/explain.py",
    "rag_service/reading.py",
    "ingestion/demo.py",
    "eval/",
)
"""Who may act as a user without that user's credential: the operator's desk, behind the master key's token; what tells
the operator whether a user reads a document, and nothing of what it says; what shows an operator the text that a user
reads; and what runs on data of its own."""
REQUEST_PATHS = ("rag_service/web/", "rag_service/query/")
ROUTE_VERBS = {"get", "put", "post", "patch", "delete", "head", "options", "api_route", "route", "websocket"}
CALLERS = {"QueryCaller", "IngestCaller", "ManageCaller", "ReviewCaller", "HistoryCaller"}


def complaints(path: str, source: str) -> list[str]:
    """What in this module would make authority elsewhere, or serve a tenant without asking who calls."""
    tree = ast.parse(source)
    found = [*_constructions(path, tree)]
    if not path.startswith((*ACTORS, *REQUEST_PATHS)):
        found += [one for one in _operator_powers(tree) if one == "reaches act_as"]
    if path not in ADMITTERS:
        found += _reached(tree, {"caller_of"})
    if path.startswith(REQUEST_PATHS):
        found += _operator_powers(tree)
    if path.startswith("rag_service/web/"):
        found += _open_routes(tree)
    return found


def _constructions(path: str, tree: ast.Module) -> Iterator[str]:
    own = path in MAKERS.values()
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if not _may_make(path, name):
                yield f"constructs {name}"
            case ast.Call(func=ast.Name(id="replace" | "copy_with") | ast.Attribute(attr="replace"), keywords=changes):
                first = node.args[0] if node.args else None
                is_upload = path == "ingestion/members.py" and isinstance(first, ast.Name) and first.id == "request"
                is_own = own or is_upload  # what comes in a container is asked for with its container's list
                if {change.arg for change in changes} & {"principals", "roles", "tenant", "access"} and not is_own:
                    yield "rewrites a scope"
            case ast.ImportFrom(names=names):
                for name in names:
                    if name.name in MAKERS and name.asname:
                        yield f"renames {name.name}"
                    if name.name == "_scope":
                        yield "imports the inner maker of scopes"
            case ast.ClassDef(bases=bases) if {getattr(base, "id", getattr(base, "attr", "")) for base in bases} & {
                *MAKERS
            }:
                yield f"derives {node.name} from a scope"


def _may_make(path: str, name: str) -> bool:
    return MAKERS.get(name, path) == path or path in READERS.get(name, ())


def _operator_powers(tree: ast.Module) -> Iterator[str]:
    yield from _reached(tree, FOR_OPERATORS)


def _reached(tree: ast.Module, names: set[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.alias(name=name) | ast.Name(id=name) | ast.Attribute(attr=name) if name in names:
                yield f"reaches {name}"


def _open_routes(tree: ast.Module) -> Iterator[str]:
    prefixes = _prefixes(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="add_api_route" | "add_route" | "add_websocket_route" | "mount")):
                yield "adds a route without a decorator, which this lint cannot judge"
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for path in _routes(node, prefixes):
                    if (path is None or "{tenant}" in path) and not CALLERS & _asked_for(node):
                        yield f"route {node.name} does not ask who calls"


def _prefixes(tree: ast.Module) -> dict[str, str | None]:
    """For each name of a router: the beginning of its paths, or None where it cannot be read off."""
    prefixes: dict[str, str | None] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id="APIRouter"), keywords=given)):
                prefixes[name] = _text(next((one.value for one in given if one.arg == "prefix"), ast.Constant("")))
    return prefixes


def _routes(function: ast.FunctionDef | ast.AsyncFunctionDef, prefixes: dict[str, str | None]) -> Iterator[str | None]:
    for decorator in function.decorator_list:
        match decorator:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=router), attr=verb), args=args) if verb in ROUTE_VERBS:
                prefix, path = prefixes.get(router, ""), _text(args[0]) if args else None
                yield None if prefix is None or path is None else prefix + path


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _asked_for(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return {one.annotation.id for one in arguments if isinstance(one.annotation, ast.Name)}


def modules() -> list[str]:
    found = [path for package in ("rag_service", "ingestion", "eval") for path in (ROOT / package).rglob("*.py")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


@pytest.mark.parametrize("path", modules())
def test_authority_is_made_in_one_place_and_asked_for_on_every_route(path: str) -> None:
    assert complaints(path, (ROOT / path).read_text(encoding="utf-8")) == []


def test_the_makers_do_make_what_the_lint_looks_for() -> None:
    """Else a renamed type would leave the lint looking for nothing."""
    for name, path in MAKERS.items():
        assert complaints("elsewhere.py", (ROOT / path).read_text(encoding="utf-8")).count(f"constructs {name}") == 1
    makers = (ROOT / "rag_service/authentication.py").read_text(encoding="utf-8")
    assert all(f"def {name}(" in makers for name in {*FOR_OPERATORS, "caller_of"})


def test_the_lint_meets_the_routes_of_tenants() -> None:
    """With another type in its signature, every route that serves a tenant is complained of."""
    counts = {"access": 3, "documents": 4, "jobs": 2, "quarantine": 5, "query": 2}
    for module, routes in counts.items():
        path = f"rag_service/web/{module}.py"
        source = re.sub(rf"caller: ({'|'.join(CALLERS)}),\s", "", (ROOT / path).read_text(encoding="utf-8"))
        assert len(complaints(path, source)) == routes


ROUTER = 'router = APIRouter(prefix="/v1/tenants/{tenant}")\n'


@pytest.mark.parametrize(
    ("path", "snippet", "complaint"),
    [
        (
            "rag_service/query/ask.py",
            "scope = AccessScope(tenant, 'ann', frozenset(), roles)",
            "constructs AccessScope",
        ),
        ("ingestion/pipeline.py", "operator = identity.OperatorScope(tenant)", "constructs OperatorScope"),
        ("rag_service/adapters/qdrant_edge.py", "SealedQuery(collection='c')", "constructs SealedQuery"),
        ("eval/experiment.py", "points = [SealedPoint(**row) for row in rows]", "constructs SealedPoint"),
        (
            "rag_service/crypto/index_keys.py",
            "AccessScope(tenant, 'ann', frozenset(), roles)",
            "constructs AccessScope",
        ),
        ("rag_service/follow.py", "from rag_service.domain.identity import AccessScope as S", "renames AccessScope"),
        ("rag_service/follow.py", "from rag_service.authentication import _scope", "imports the inner maker"),
        ("rag_service/query/vet.py", "wide = replace(scope, principals=everyone)", "rewrites a scope"),
        ("rag_service/query/vet.py", "wide = dataclasses.replace(query, access=tokens)", "rewrites a scope"),
        ("rag_service/query/vet.py", "class Wide(AccessScope): ...", "derives Wide"),
        ("rag_service/web/query.py", "from rag_service.authentication import act_as", "reaches act_as"),
        ("rag_service/query/ask.py", "from rag_service import authentication\nauthentication.operate(t)", "reaches op"),
        ("rag_service/commands/ask.py", "from rag_service.authentication import act_as", "reaches act_as"),
        ("rag_service/owner/app.py", "from rag_service.authentication import act_as", "reaches act_as"),
        ("rag_service/web/query.py", "from rag_service.authentication import caller_of", "reaches caller_of"),
        ("rag_service/owner/app.py", "authentication.caller_of(holder, name, role)", "reaches caller_of"),
        ("rag_service/web/authenticate.py", "VerifiedKey('id', tenant, 'ann', roles)", "constructs VerifiedKey"),
        ("rag_service/adapters/oidc.py", "ClaimedIdentity('acme', 'ann', groups, roles)", "constructs ClaimedIdentity"),
        ("rag_service/store/key_rows.py", "TokenGrant(tenant, key_id, roles)", "constructs TokenGrant"),
        ("rag_service/web/token.py", "wide = replace(holder, roles=frozenset(Role))", "rewrites a scope"),
        ("rag_service/owner/reach.py", "SealedPoint(**row)", "constructs SealedPoint"),
        ("rag_service/web/a.py", ROUTER + "@router.get('/x')\nasync def x(service: S): ...", "x does not ask"),
        (
            "rag_service/web/a.py",
            ROUTER + "@router.post('')\ndef y(tenant: str, caller: Caller): ...",
            "y does not ask",
        ),
        ("rag_service/web/a.py", "@router.get('/v1/tenants/{tenant}/z')\nasync def z(): ...", "z does not ask"),
        ("rag_service/web/a.py", "@router.get(PATH)\nasync def w(): ...", "w does not ask"),
        ("rag_service/web/a.py", "r = APIRouter(prefix=P)\n@r.get('')\nasync def v(): ...", "v does not ask"),
        ("rag_service/web/a.py", "router.add_api_route('/v1/tenants/{tenant}', f)", "cannot judge"),
    ],
)
def test_a_planted_breach_is_complained_of(path: str, snippet: str, complaint: str) -> None:
    [found] = complaints(path, snippet)
    assert complaint in found


@pytest.mark.parametrize(
    ("path", "snippet"),
    [
        ("rag_service/authentication.py", "AccessScope(tenant.id, user, principals, roles)"),
        ("rag_service/query/ask.py", "def ask(scope: AccessScope) -> None: ..."),
        ("rag_service/query/ask.py", "text = text.replace('a', 'b')"),
        ("rag_service/owner/desk.py", "from rag_service.authentication import act_as"),
        ("rag_service/web/authenticate.py", "from rag_service.authentication import caller_of"),
        ("rag_service/owner/wire.py", "SealedPoint(point_id=one, vector=two)"),
        ("rag_service/commands/tenant.py", "from rag_service.authentication import operate"),
        ("rag_service/web/a.py", ROUTER + "@router.get('/x')\nasync def x(caller: QueryCaller): ..."),
        ("rag_service/web/a.py", "router = APIRouter()\n@router.get('/healthz')\nasync def alive(): ..."),
    ],
)
def test_what_is_right_is_not_complained_of(path: str, snippet: str) -> None:
    assert complaints(path, snippet) == []
