"""The description of the interface, with the refusals that each route answers with and the ways to show who calls.

Nothing is declared at a route: what it may answer follows from its method and from what it depends on, so that a new
route is described by itself. Only what one route alone answers is in a table here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI

from rag_service.web.limits import is_upload, may_have_body
from rag_service.web.problems import Problem

_SIGNATURE = "HTTPMessageSignature"
_SIGNATURE_SCHEME = {
    "type": "apiKey",
    "in": "header",
    "name": "Signature",
    "description": "A signature of the request (RFC 9421, HTTP Message Signatures), for which OpenAPI has no type of "
    "its own: `Signature-Input` and `Signature`, with `hmac-sha256` under the secret of a key made with `--signed`, in "
    "place of `Authorization`. Covered are `@method`, `@path` and `@query`, and with a body `content-digest` and "
    "`content-type`; its parameters are `created`, `nonce` and `keyid`.",
}
_WHEN = {
    401: "No credential, or one that is not good, for whatever reason.",
    403: "The credential lacks a scope that the route needs.",
    404: "Absent, not readable, or another tenant's: never told apart.",
    408: "The body took too long.",
    409: "What is asked for contradicts what is stored.",
    413: "The body is too large.",
    422: "The request is not as described, or is refused for what it asks.",
    429: "Too many wrong credentials came from there, or claimed to be this key.",
    503: "The database, the index, the model or the identity provider does not answer.",
}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string", "const": "Bearer"}, "required": True}},
    429: {
        "Retry-After": {
            "description": "Seconds after which to try again.",
            "schema": {"type": "integer", "minimum": 1},
            "required": True,
        }
    },
}
ONLY_HERE: Mapping[tuple[str, str], Mapping[int, str]] = {
    ("POST", "/v1/tenants/{tenant}/documents"): {
        409: "The source is that of a document which the caller may not replace, or which others read.",
        429: "As everywhere; or the tenant has too much waiting to be ingested, or sends too much at a time.",
    },
    ("POST", "/v1/tenants/{tenant}/jobs/{job_id}/cancel"): {409: "The job has ended already."},
    ("POST", "/v1/tenants/{tenant}/quarantine/{document_id}/release"): {
        409: "The caller uploaded it, another version is in quarantine by now, or more people may read the document.",
    },
    ("POST", "/v1/tenants/{tenant}/quarantine/{document_id}/reject"): {
        409: "Another version is in quarantine by now.",
    },
    ("GET", "/readyz"): {503: "The database or the index does not answer."},
}
"""What a route answers because of what it does, and no other does."""


def describe_refusals(app: FastAPI) -> None:
    """The description that ``app`` makes of itself names every refusal, as the problem details that are really sent."""
    generated = app.openapi

    def described() -> dict[str, Any]:
        document = generated()  # the same one each time, until a route is added
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        if Problem.__name__ not in schemas:
            _describe(document)
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            schemas[Problem.__name__] = Problem.model_json_schema()
        return document

    # FastAPI documents this assignment as the way; a subclass cannot be had of what `FastAPIOffline` makes.
    app.openapi = described  # type: ignore[method-assign]


def _describe(document: dict[str, Any]) -> None:
    document["components"].setdefault("securitySchemes", {})[_SIGNATURE] = _SIGNATURE_SCHEME
    for path, item in document["paths"].items():
        for method, operation in item.items():
            when = dict(_refusals(method.upper(), path, operation))
            operation["responses"].update({str(status): _response(status, when[status]) for status in sorted(when)})
            if "security" in operation and "{tenant}" in path:
                operation["security"].append({_SIGNATURE: []})


def _refusals(method: str, path: str, operation: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Statuses, and when; of one that comes twice the last holds."""
    statuses = [401, 403, 429, 503] if "security" in operation else []
    if "422" in operation["responses"]:  # FastAPI names it, in its own words, where there is anything to validate
        statuses.append(422)
    if "{tenant}" in path:
        statuses.append(404)
    request = {"method": method, "path": path}
    if may_have_body(request):
        statuses += [413] if is_upload(request) else [408, 413]  # an upload that is slow is a 422
    yield from ((status, _WHEN[status]) for status in statuses)
    yield from ONLY_HERE.get((method, path), {}).items()


def _response(status: int, when: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    response = {"description": when, "content": {"application/problem+json": {"schema": schema}}}
    return {**response, "headers": _HEADERS[status]} if status in _HEADERS else response
