"""The description of the interface says what the service does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Annotated, Any, cast

import httpx
import pytest
from fastapi import FastAPI, Query

from rag_service.domain.identity import Role
from rag_service.web.app import create_app
from rag_service.web.authenticate import QueryCaller
from rag_service.web.openapi import ONLY_HERE
from rag_service.web.problems import Problem
from rag_service.wiring import Service
from tests.security.http import client
from tests.security.test_identity import new_key

Run = Callable[[Any], Any]
Open = Callable[..., Any]
OF_A_TENANT = {401, 403, 404, 422, 429, 503}
UPLOAD = ("POST", "/v1/tenants/{tenant}/documents")
CANCEL = ("POST", "/v1/tenants/{tenant}/jobs/{job_id}/cancel")
DECIDE = {("POST", f"/v1/tenants/{{tenant}}/quarantine/{{document_id}}/{what}") for what in ("release", "reject")}


@pytest.fixture
def app() -> FastAPI:
    settings = SimpleNamespace(auth_failures=10, max_upload_mb=1)
    return create_app(cast(Service, SimpleNamespace(settings=settings)))  # describing itself, it asks nothing else


def operations(document: dict[str, Any]) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield (method.upper(), path), operation


def refusals(operation: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return {int(status): told for status, told in operation["responses"].items() if int(status) >= 400}


def expected(method: str, path: str) -> set[int]:
    """Written a second time, from what the routes do."""
    if not path.startswith("/v1/"):
        return {503} if path == "/readyz" else set()
    with_body = set() if method == "GET" else {413} if (method, path) == UPLOAD else {408, 413}
    conflicting = {409} if (method, path) in {UPLOAD, CANCEL, *DECIDE} else set()
    return (OF_A_TENANT if "{tenant}" in path else OF_A_TENANT - {404}) | with_body | conflicting


def test_each_route_names_the_refusals_that_it_answers_with(app: FastAPI) -> None:
    described = {route: set(refusals(operation)) for route, operation in operations(app.openapi())}
    assert len(described) >= 14
    assert described == {(method, path): expected(method, path) for method, path in described}
    assert set(ONLY_HERE) <= set(described)


def test_each_refusal_is_described_as_problem_details(app: FastAPI) -> None:
    document = app.openapi()
    assert "ValidationError" not in str(document)
    assert document["components"]["schemas"]["Problem"] == Problem.model_json_schema()
    for _, operation in operations(document):
        for status, told in refusals(operation).items():
            assert told["content"] == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
            assert told["description"]
            assert ("Retry-After" in told.get("headers", {})) == (status == 429)


def test_a_request_to_a_tenant_carries_a_credential_or_a_signature(app: FastAPI) -> None:
    document = app.openapi()
    schemes = document["components"]["securitySchemes"]
    assert schemes["HTTPBearer"]["scheme"] == "bearer"
    assert (schemes["HTTPMessageSignature"]["name"], schemes["HTTPMessageSignature"]["in"]) == ("Signature", "header")
    for (_, path), operation in operations(document):
        ways = [name for way in operation.get("security", []) for name in way]
        if "{tenant}" in path:
            assert ways == ["HTTPBearer", "HTTPMessageSignature"]
        else:
            assert ways == (["HTTPBearer"] if path == "/v1/token" else [])


def test_a_route_that_is_added_is_described_too(app: FastAPI) -> None:
    app.openapi()

    @app.put("/v1/tenants/{tenant}/secrets")
    async def secrets(caller: QueryCaller, many: Annotated[int, Query()]) -> None: ...

    @app.get("/v1/public")
    async def public(many: Annotated[int, Query()]) -> None: ...

    operation = app.openapi()["paths"]["/v1/tenants/{tenant}/secrets"]["put"]
    assert set(refusals(operation)) == OF_A_TENANT | {408, 413}
    assert set(refusals(app.openapi()["paths"]["/v1/public"]["get"])) == {422}
    assert "HTTPValidationError" not in str(app.openapi())
    assert app.openapi() is app.openapi()
    assert len(operation["security"]) == 2


def test_a_refusal_is_as_described(run: Run, open_companies: Open) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            ann = await new_key(acme, Role.QUERY, Role.INGEST, user="ann")
            reader = await new_key(acme, Role.QUERY, user="bob")
            at = "/v1/tenants/acme"
            async with client(acme.service, ann.secret) as web, client(acme.service, None) as nobody:
                document = (await web.get("/openapi.json")).json()
                upload = {"file": ("a.md", b"Notice is one month.")}
                job = (await web.post(f"{at}/documents", files=upload)).json()["job_id"]
                cancel = f"{at}/jobs/{job}/cancel"
                assert (await web.post(cancel)).status_code == 204
                bob = {"Authorization": f"Bearer {reader.secret}"}
                await _is_as_described(document, await nobody.get(f"{at}/documents"), 401, "/documents")
                await _is_as_described(document, await web.post(f"{at}/documents", headers=bob), 403, "/documents")
                await _is_as_described(document, await web.get(f"{at}/documents/x"), 404, "/documents/{document_id}")
                await _is_as_described(document, await web.post(cancel), 409, "/jobs/{job_id}/cancel")
                await _is_as_described(document, await web.post(f"{at}/query", content=b"x" * 2**19), 413, "/query")
                await _is_as_described(document, await web.post(f"{at}/query", json={}), 422, "/query")
                for _ in range(acme.service.settings.auth_failures + 2):
                    slowed = await nobody.get(f"{at}/documents", headers={"Authorization": "Bearer wrong"})
                await _is_as_described(document, slowed, 429, "/documents")
                assert int(slowed.headers["retry-after"]) >= 1

    run(scenario())


async def _is_as_described(document: dict[str, Any], answer: httpx.Response, status: int, path: str) -> None:
    operation = document["paths"][f"/v1/tenants/{{tenant}}{path}"][answer.request.method.lower()]
    assert answer.status_code == status
    assert answer.headers["content-type"] in operation["responses"][str(status)]["content"]
    assert Problem.model_validate_json(answer.content, strict=True).status == status
