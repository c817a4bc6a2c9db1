"""Signed requests: what was signed is what is done, once, and soon. Whatever is wrong is the same 401.

The signer under test is our own, from the standard library alone; the verifier is another's. Both agree with the RFC.
"""

from __future__ import annotations

import asyncio
import base64
import doctest
import hashlib
import hmac
import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_service import request_signing
from rag_service.adapters.http_signatures import LEEWAY_S, SignedMessage, is_signed_with
from rag_service.domain.errors import Unauthenticated
from rag_service.ports import SigningKey
from rag_service.request_signing import sign_request, signature
from rag_service.web.forms import read_upload
from rag_service.web.limits import BodyLimit
from rag_service.web.problems import add_problem_handlers
from rag_service.web.signed_requests import carries_signature, verify_signature

SECRETS = {"0011223344556677": "a-secret-of-the-first-key-0123456789abcdef", "8899aabbccddeeff": "b" * 43}
KEY, OTHER = SECRETS
AGE_S = 300
QUERY = "/v1/tenants/acme/query"
DOCUMENTS = "/v1/tenants/acme/documents"
JSON = "application/json"
BODY = b'{"question": "May I work from abroad?"}'


class Service:
    """The web layer's own parts, under routes that tell who signed and what came."""

    def __init__(self) -> None:
        self.nonces: dict[tuple[str, str], datetime] = {}
        self.looked_up: list[str] = []
        self.done: list[str] = []
        app = FastAPI()
        app.add_middleware(BodyLimit)

        async def signer(request: Request) -> str:
            return await verify_signature(request, self.find_secret, self, max_age_s=AGE_S)

        add_problem_handlers(app, signer)
        signed = Depends(signer)

        @app.post("/v1/tenants/{tenant}/query")
        async def query(body: dict[str, Any], tenant: str, key_id: str = signed) -> dict[str, Any]:
            self.done.append(tenant)
            return {"key_id": key_id, "tenant": tenant, "body": body}

        @app.post("/v1/tenants/{tenant}/documents")
        async def upload(request: Request, tenant: str, key_id: str = signed) -> dict[str, Any]:
            form = await read_upload(request, 2**20, 2**21)
            self.done.append(tenant)
            return {"key_id": key_id, "content": form.content.decode(), "allow": form.allow}

        @app.get("/v1/tenants/{tenant}/documents")
        @app.delete("/v1/tenants/{tenant}/documents")
        async def documents(tenant: str, key_id: str = signed, limit: int = 0) -> dict[str, Any]:
            self.done.append(tenant)
            return {"key_id": key_id, "tenant": tenant, "limit": limit}

        self.web = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service")

    async def find_secret(self, key_id: str) -> SigningKey | None:
        self.looked_up.append(key_id)
        return SigningKey(SECRETS[key_id].encode()) if key_id in SECRETS else None

    async def remember(self, key_id: str, nonce: str, until: datetime) -> bool:
        is_new = (key_id, nonce) not in self.nonces
        self.nonces.setdefault((key_id, nonce), until)
        return is_new

    def request(self, method: str, path: str, **options: Any) -> httpx.Request:
        """A request that is signed as the documentation says, but for what ``sign`` overrides."""
        how = options.pop("sign", {})
        request = self.web.build_request(method, path, **options)
        content = request.read()
        told = {"key_id": KEY, "secret": SECRETS[KEY], "body": content, **how}
        told.setdefault("content_type", request.headers.get("content-type"))
        request.headers.update(sign_request(method, str(request.url), **told))
        return request

    def question(self, **sign: Any) -> httpx.Request:
        return self.request("POST", QUERY, content=BODY, headers={"content-type": JSON}, sign=sign)


Send = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def send(service: Service, run: Callable[[Awaitable[Any]], Any]) -> Send:
    return lambda request: run(service.web.send(request))


def is_refused(response: httpx.Response, service: Service) -> bool:
    """Refused like everything that is wrong, and nothing was done."""
    told = response.json()
    return (response.status_code, told["type"], told["detail"], service.done) == (
        401,
        "urn:rag-service:problem:unauthenticated",
        str(Unauthenticated()),
        [],
    )


def again(request: httpx.Request, **changed: Any) -> httpx.Request:
    """The request with something changed after it was signed."""
    headers = [(name, value) for name, value in request.headers.multi_items() if name != "content-length"]
    parts = {"method": request.method, "url": request.url, "headers": headers, "content": request.content, **changed}
    return httpx.Request(**parts)


def with_header(request: httpx.Request, name: str, value: str | None) -> httpx.Request:
    headers = [(key, old) for key, old in request.headers.multi_items() if key not in {name, "content-length"}]
    return again(request, headers=headers if value is None else [*headers, (name, value)])


RFC_SECRET = base64.b64decode(
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
)
RFC_PARAMETERS = '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"'
RFC_SIGNATURE = "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="
RFC_DATE = "Tue, 20 Apr 2021 02:07:55 GMT"


def test_the_signer_agrees_with_the_rfc() -> None:
    """RFC 9421, appendix B.2.5."""
    covered = [("date", RFC_DATE), ("@authority", "example.com"), ("content-type", "application/json")]
    assert signature(covered, RFC_PARAMETERS, RFC_SECRET) == RFC_SIGNATURE


def test_the_verifier_agrees_with_the_rfc() -> None:
    """RFC 9421, appendix B.2.5, and the same with one letter changed."""

    def rfc_message(date: str) -> SignedMessage:
        fields = (
            ("date", date),
            ("content-type", "application/json"),
            ("signature-input", f"sig-b25={RFC_PARAMETERS}"),
            ("signature", f"sig-b25=:{RFC_SIGNATURE}:"),
        )
        return SignedMessage("POST", "/foo?param=Value&Pet=dog", fields, authority="example.com")

    assert is_signed_with(rfc_message(RFC_DATE), "test-shared-secret", RFC_SECRET, None)
    assert not is_signed_with(rfc_message(RFC_DATE), "test-shared-secret", RFC_SECRET[:-1], None)
    assert not is_signed_with(rfc_message(RFC_DATE.replace("20", "21")), "test-shared-secret", RFC_SECRET, None)
    assert not is_signed_with(rfc_message(RFC_DATE), "test-shared-secret", RFC_SECRET, AGE_S)


def test_the_digest_agrees_with_the_rfc() -> None:
    """RFC 9530, appendix D.1."""
    signed = sign_request("POST", "http://s/", key_id=KEY, secret="x", body=b'{"hello": "world"}\n', content_type=JSON)
    assert signed["Content-Digest"] == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"


def test_the_example_of_the_signer_holds() -> None:
    assert doctest.testmod(request_signing).failed == 0


def test_a_signed_question_is_answered_and_its_nonce_kept_until_it_is_too_old(service: Service, send: Send) -> None:
    created = int(time.time()) - 200
    response = send(service.question(created=created, nonce="n" * 16))
    assert response.json() == {"key_id": KEY, "tenant": "acme", "body": {"question": "May I work from abroad?"}}
    until = service.nonces[KEY, "n" * 16]
    assert until.tzinfo is None
    assert until.replace(tzinfo=UTC).timestamp() >= created + AGE_S + LEEWAY_S


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_request_without_a_body_needs_no_digest(method: str, service: Service, send: Send) -> None:
    response = send(service.request(method, f"{DOCUMENTS}?limit=5"))
    assert response.json() == {"key_id": KEY, "tenant": "acme", "limit": 5}


@pytest.mark.parametrize("name", ["Zoë GmbH", "a%2Fb c", "日本", "a+b&c=d", "100%", "é"])
def test_names_in_any_script_are_signed_as_they_are_sent(name: str, service: Service, send: Send) -> None:
    path = f"/v1/tenants/{quote(name, safe='')}/documents?after={quote(name)}"
    assert send(service.request("GET", path)).json()["tenant"] == name


def test_another_spelling_of_the_same_path_is_another_request(service: Service, send: Send) -> None:
    """Even though it leads to the same place: what is verified is what was sent."""
    signed = service.request("GET", DOCUMENTS)
    assert is_refused(send(again(signed, url="http://service/v1/tenants/%61cme/documents")), service)


def test_a_path_that_was_routed_otherwise_than_it_was_sent_is_refused(service: Service) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/tenants/bolt/documents",
        "raw_path": DOCUMENTS.encode(),
        "query_string": b"",
        "headers": [(k.encode(), v.encode()) for k, v in service.request("GET", DOCUMENTS).headers.items()],
    }

    async def verify(**changed: Any) -> str:
        request = Request({**scope, "state": {}, **changed})
        return await verify_signature(request, service.find_secret, service, max_age_s=AGE_S)

    for changed in ({}, {"path": DOCUMENTS, "raw_path": None}, {"path": DOCUMENTS, "query_string": b"\xff"}):
        with pytest.raises(Unauthenticated):
            asyncio.run(verify(**changed))
    assert asyncio.run(verify(path=DOCUMENTS)) == KEY


def test_a_request_is_good_once(service: Service, send: Send) -> None:
    request = service.question()
    assert send(request).status_code == 200
    service.done.clear()
    assert is_refused(send(request), service)


def test_another_key_may_use_the_same_nonce(service: Service, send: Send) -> None:
    assert send(service.question(nonce="n" * 16)).status_code == 200
    assert send(service.question(nonce="n" * 16, key_id=OTHER, secret=SECRETS[OTHER])).status_code == 200


def test_a_signature_that_is_wrong_spends_no_nonce(service: Service, send: Send) -> None:
    """Or whoever sees a nonce, or guesses it, could spend it before its client does."""
    assert is_refused(send(service.question(nonce="n" * 16, secret="wrong" * 10)), service)
    assert is_refused(send(again(service.question(nonce="n" * 16), content=b'{"question": "other"}')), service)
    assert service.nonces == {}
    assert send(service.question(nonce="n" * 16)).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"url": "http://service/v1/tenants/bolt/query"},
        {"url": "http://service/v1/tenants/acme/query?limit=9"},
        {"content": b'{"question": "Who earns what?"}'},
        {"content": b""},
    ],
    ids=["path", "query", "body", "no body"],
)
def test_whatever_is_changed_after_signing_is_refused(changed: dict[str, Any], service: Service, send: Send) -> None:
    assert is_refused(send(again(service.question(), **changed)), service)


def test_another_method_of_the_same_path_is_another_request(service: Service, send: Send) -> None:
    assert is_refused(send(again(service.request("GET", DOCUMENTS), method="DELETE")), service)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content-digest", f"sha-256=:{base64.b64encode(hashlib.sha256(b'other').digest()).decode()}:"),
        ("content-digest", None),
        ("content-type", "application/json; charset=utf-16"),
        ("signature", None),
        ("signature-input", None),
        ("signature", "sig=:AAAA:"),
        ("signature", "sig=AAAA"),
        ("signature", "other=:AAAA:"),
        ("signature-input", 'sig=("@method");created=1'),
    ],
)
def test_a_changed_header_is_refused(name: str, value: str | None, service: Service, send: Send) -> None:
    assert is_refused(send(with_header(service.question(), name, value)), service)


@pytest.mark.parametrize("name", ["content-digest", "content-type", "signature", "signature-input"])
def test_a_header_that_comes_twice_is_refused(name: str, service: Service, send: Send) -> None:
    """Two readers may choose differently."""
    request = service.question()
    headers = [*request.headers.multi_items(), (name, request.headers[name])]
    assert is_refused(send(again(request, headers=[pair for pair in headers if pair[0] != "content-length"])), service)


def test_two_signatures_are_refused(service: Service, send: Send) -> None:
    first, second = service.question(), service.question(key_id=OTHER, secret=SECRETS[OTHER])
    for name in ("signature", "signature-input"):
        first.headers[name] += ", " + second.headers[name].replace("sig=", "more=")
    assert is_refused(send(first), service)


def test_any_label_serves(service: Service, send: Send) -> None:
    request = service.question()
    for name in ("signature", "signature-input"):
        request.headers[name] = request.headers[name].replace("sig=", "mine=")
    assert send(request).status_code == 200


@pytest.mark.parametrize(
    ("age", "is_taken"),
    [(AGE_S - 5, True), (AGE_S + LEEWAY_S + 5, False), (10**6, False), (5 - LEEWAY_S, True), (-LEEWAY_S - 5, False)],
)
def test_a_signature_is_good_for_some_minutes(age: int, is_taken: bool, service: Service, send: Send) -> None:
    response = send(service.question(created=int(time.time()) - age))
    assert response.status_code == 200 if is_taken else is_refused(response, service)


def test_the_secret_of_another_key_is_refused(service: Service, send: Send) -> None:
    assert is_refused(send(service.question(secret=SECRETS[OTHER])), service)


def test_an_unknown_key_is_refused_alike(service: Service, send: Send) -> None:
    unknown = send(service.question(key_id="ffffffffffffffff"))
    wrong = send(service.question(secret="wrong" * 10))
    assert is_refused(unknown, service)
    assert (unknown.content, unknown.headers) == (wrong.content, wrong.headers)
    assert service.looked_up == ["ffffffffffffffff", KEY]


def timed(parameters: str) -> str:
    """The parameters with the seconds of this moment for ``NOW``; tests are named before, and by each process."""
    return re.sub(r"NOW(-\d+)?", lambda found: str(int(time.time()) + int(found[1] or 0)), parameters)


def _resigned(request: httpx.Request, components: list[str], parameters: str) -> httpx.Request:
    """The request with a right signature over these components alone, with these parameters."""
    derived = {"@method": request.method, "@path": request.url.raw_path.decode().partition("?")[0]}
    derived |= {"@query": f"?{request.url.query.decode()}", "@authority": "service", "@scheme": "http"}
    values = [(name, derived.get(name) or request.headers[name]) for name in components]
    told = "(" + " ".join(f'"{name}"' for name in components) + ")" + timed(parameters)
    request.headers["signature-input"] = f"sig={told}"
    request.headers["signature"] = f"sig=:{signature(values, told, SECRETS[KEY])}:"
    return request


ALL = ["@method", "@path", "@query", "content-digest", "content-type"]
GOOD = f';created=NOW;nonce="0123456789abcdef";keyid="{KEY}"'


def test_the_algorithm_may_be_left_out(service: Service, send: Send) -> None:
    assert send(_resigned(service.question(), ALL, GOOD)).status_code == 200


def test_more_may_be_covered(service: Service, send: Send) -> None:
    assert send(_resigned(service.question(), [*ALL, "user-agent"], GOOD)).status_code == 200


@pytest.mark.parametrize("left_out", ALL)
def test_what_is_not_covered_is_not_believed(left_out: str, service: Service, send: Send) -> None:
    covered = [name for name in ALL if name != left_out]
    assert is_refused(send(_resigned(service.question(), covered, GOOD)), service)


@pytest.mark.parametrize(
    "parameters",
    [
        GOOD + ';alg="hmac-sha512"',
        GOOD + ';alg="none"',
        GOOD + ";expires=NOW-100",
        GOOD + ';tag="other"',
        GOOD + ";created=NOW-9999",
        GOOD.replace("=NOW", ""),
        GOOD.replace("NOW", '"NOW"'),
        GOOD.replace("NOW", "NOW.5"),
        GOOD.replace("NOW", "999999999999999"),
        GOOD.replace(";created=NOW", ""),
        GOOD.replace(';nonce="0123456789abcdef"', ""),
        GOOD.replace("0123456789abcdef", "0123456789abcde"),
        GOOD.replace("0123456789abcdef", "n" * 129),
        GOOD.replace('"0123456789abcdef"', ":MDEyMzQ1Njc4OWFiY2RlZg==:"),
        GOOD.replace(f';keyid="{KEY}"', ""),
        GOOD.replace(f'"{KEY}"', f"k{KEY}"),
    ],
)
def test_a_right_signature_with_other_parameters_is_refused(parameters: str, service: Service, send: Send) -> None:
    assert is_refused(send(_resigned(service.question(), ALL, parameters)), service)


@pytest.mark.parametrize("component", ["@authority", "@scheme"])
def test_what_the_service_cannot_know_is_not_covered(component: str, service: Service, send: Send) -> None:
    assert is_refused(send(_resigned(service.question(), [*ALL, component], GOOD)), service)


@pytest.mark.parametrize(
    "extra",
    ['"content-digest";sf', '"content-digest";bs', '"@path";req', '"@path"', "token", '"@query-param";name="a"'],
)
def test_components_are_named_plainly_and_once(extra: str, service: Service, send: Send) -> None:
    """Even where the signature is right by the RFC."""
    told = "(" + " ".join(f'"{name}"' for name in ALL) + f" {extra})" + timed(GOOD)
    request = service.question()
    digest = request.headers["content-digest"]
    values = [
        ("@method", "POST"),
        ("@path", QUERY),
        ("@query", "?"),
        ("content-digest", digest),
        ("content-type", JSON),
    ]
    lines = [f'"{name}": {value}' for name, value in values] + [f"{extra}: {digest}"]
    base = "\n".join([*lines, f'"@signature-params": {told}']).encode()
    right = base64.b64encode(hmac.digest(SECRETS[KEY].encode(), base, "sha256")).decode()
    request.headers.update({"signature-input": f"sig={told}", "signature": f"sig=:{right}:"})
    assert is_refused(send(request), service)


def test_a_covered_header_that_comes_twice_is_refused_though_both_are_signed(service: Service, send: Send) -> None:
    request = service.question()
    request.headers["x-note"] = "a, b"
    signed = _resigned(request, [*ALL, "x-note"], GOOD)
    headers = [pair for pair in signed.headers.multi_items() if pair[0] not in {"content-length", "x-note"}]
    assert is_refused(send(again(signed, headers=[*headers, ("x-note", "a"), ("x-note", "b")])), service)
    service.done.clear()
    assert send(signed).status_code == 200


@pytest.mark.parametrize(
    "digest",
    [
        f"sha-512=:{base64.b64encode(hashlib.sha512(BODY).digest()).decode()}:",
        "md5=:AAAA:",
        "sha-256=:AAAA:",
        "sha-256",
        "nonsense:",
        f"sha-256=:{base64.b64encode(hashlib.sha256(BODY).digest()).decode()}:;a=1",
        f"sha-256=:{base64.b64encode(hashlib.sha256(BODY).digest()).decode()}:, sha-512=:AAAA:",
    ],
)
def test_a_digest_of_another_kind_is_refused(digest: str, service: Service, send: Send) -> None:
    request = with_header(service.question(), "content-digest", digest)
    assert is_refused(send(_resigned(request, ALL, GOOD)), service)


def test_a_body_where_none_is_looked_at_is_refused(service: Service, send: Send) -> None:
    assert is_refused(send(again(service.request("GET", DOCUMENTS), content=b"more")), service)


def test_half_a_signature_claims_to_be_one() -> None:
    for name in (b"signature", b"signature-input"):
        assert carries_signature(Request({"type": "http", "headers": [(name, b"")]}))
    assert not carries_signature(Request({"type": "http", "headers": []}))


def test_a_question_that_is_asked_twice_of_one_request_is_answered_alike(service: Service) -> None:
    """An error later in the request asks again who calls: that is no replay."""
    request = service.request("GET", DOCUMENTS)
    headers = [(key.encode(), value.encode()) for key, value in request.headers.items()]
    scope = {"type": "http", "method": "GET", "path": DOCUMENTS, "raw_path": DOCUMENTS.encode(), "headers": headers}

    async def twice() -> set[str]:
        asked = Request({**scope, "query_string": b""})
        return {await verify_signature(asked, service.find_secret, service, max_age_s=AGE_S) for _ in range(2)}

    assert asyncio.run(twice()) == {KEY}


def upload(service: Service, content: bytes = b"# Ferry", **fields: Any) -> httpx.Request:
    return service.request("POST", DOCUMENTS, files={"file": ("ferry.md", content)}, data=fields)


def test_a_signed_upload_is_accepted(service: Service, send: Send) -> None:
    response = send(upload(service, b"# Ferry\n" * 20_000, allow=["user:ann"]))
    assert response.json() == {"key_id": KEY, "content": "# Ferry\n" * 20_000, "allow": ["user:ann"]}


@pytest.mark.parametrize(
    ("old", "new"), [(b"# Ferry", b"# Wrong"), (b"user:ann", b"everyone"), (b"# Ferry", b"# Ferry and more")]
)
def test_an_upload_with_another_body_is_refused(old: bytes, new: bytes, service: Service, send: Send) -> None:
    request = upload(service, allow=["user:ann"])
    assert is_refused(send(again(request, content=request.content.replace(old, new))), service)


@pytest.mark.parametrize("added", [b" ", b"\r\n"])
def test_what_follows_the_form_is_part_of_the_body(added: bytes, service: Service, send: Send) -> None:
    request = upload(service)
    assert is_refused(send(again(request, content=request.content + added)), service)


def test_an_upload_without_a_digest_is_refused_before_its_body_is_read(service: Service, send: Send) -> None:
    request = _resigned(upload(service), ["@method", "@path", "@query", "content-type"], GOOD)
    assert is_refused(send(request), service)
    assert service.looked_up == []


def test_another_boundary_is_another_form_and_refused(service: Service, send: Send) -> None:
    """A file that holds a form of its own would be that form, were its boundary not signed."""
    inner = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nEVIL\r\n--x--\r\n'
    request = upload(service, inner)
    assert is_refused(send(with_header(request, "content-type", "multipart/form-data; boundary=x")), service)
    assert is_refused(send(_resigned(upload(service, inner), ALL[:-1], GOOD)), service)


FUZZED = Service()


@given(st.sampled_from(["signature", "signature-input", "content-digest"]), st.text(st.characters(max_codepoint=255)))
@settings(max_examples=60, deadline=None)
def test_no_header_makes_anything_but_a_refusal(name: str, value: str) -> None:
    service = FUZZED
    request = service.question()
    message = [(key.encode(), old.encode()) for key, old in request.headers.items() if key != name]
    scope = {"type": "http", "method": "POST", "path": QUERY, "raw_path": QUERY.encode(), "query_string": b""}
    asked = Request({**scope, "headers": [*message, (name.encode(), value.encode("latin-1"))]})
    asked._body = BODY

    with pytest.raises(Unauthenticated):
        asyncio.run(verify_signature(asked, service.find_secret, service, max_age_s=AGE_S))


@pytest.mark.parametrize(
    "wrong",
    [{"url": "http://service/a b"}, {"url": "http://service/ü"}, {"body": b"x"}, {"nonce": 'n"'}, {"key_id": "a\nb"}],
)
def test_the_signer_refuses_what_would_be_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be|signed together"):
        sign_request(**{"method": "GET", "url": "http://service/", "key_id": KEY, "secret": "x", **wrong})


def test_a_short_secret_is_no_secret() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SigningKey(b"short")
    assert "aaaa" not in repr(SigningKey(b"a" * 32))
