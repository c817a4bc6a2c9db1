"""Ways to send the same request so that a careless layer reads it as another. None of them may change an answer."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote, unquote

from eval.access.oracle import Asker
from eval.access.site import Site
from eval.access.wire import Request

Trick = Callable[[Request], Request]
Kind = Callable[[Site, Asker, random.Random], Trick]
"""Draws one trick of a kind, to be played alike on an attack and on its control."""


def header(site: Site, asker: Asker, rng: random.Random) -> Trick:
    """A header by which proxies and frameworks pass on an identity, a path, a method or a wish."""
    other = rng.choice([name for name in site.tenants if name != asker.tenant] or list(site.tenants))
    name, path = quote(other), f"/v1/tenants/{quote(other)}/documents"
    choices = [
        *(
            (word, value)
            for value in ("127.0.0.1", "::1", "10.0.0.1, 127.0.0.1")
            for word in ("X-Forwarded-For", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP")
        ),
        *((word, path) for word in ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Forwarded-Path")),
        *((word, name) for word in ("X-Tenant", "X-Tenant-Id", "X-Organization", "X-Scope-OrgID", "X-Forwarded-Host")),
        ("X-Tenant-Id", site.tenants[other].id),
        *((word, verb) for word in ("X-HTTP-Method-Override", "X-Method-Override") for verb in ("GET", "POST")),
        *(
            (word, "bob")
            for word in ("X-User", "X-Remote-User", "X-Forwarded-User", "X-Auth-Request-User", "Remote-User")
        ),
        *((word, "staff") for word in ("X-Groups", "X-Forwarded-Groups", "X-Auth-Request-Groups")),
        ("X-Roles", "admin"),
        ("X-Scopes", "query ingest admin"),
        ("Forwarded", "for=127.0.0.1;host=service;proto=https"),
        ("Host", "localhost"),
        ("Cookie", f"tenant={name}; session=admin"),
        ("Authorization", "Bearer nonsense"),
        ("Authorization", "Basic YWRtaW46YWRtaW4="),
        ("Proxy-Authorization", "Bearer nonsense"),
        ("Origin", "https://elsewhere.example"),
        ("Range", "bytes=0-20"),
        ("If-None-Match", "*"),
        ("Accept", "text/html"),
        ("Accept-Encoding", "gzip"),
        ("Content-Type", "text/plain"),
        ("Expect", "100-continue"),
    ]
    chosen = rng.choice(choices)
    return lambda request: replace(request, headers=(*request.headers, chosen))


def path(site: Site, asker: Asker, rng: random.Random) -> Trick:
    """The path spelled otherwise."""
    other = quote(rng.choice([name for name in site.tenants if name != asker.tenant] or list(site.tenants)))
    own = quote(asker.tenant)
    spelled: list[Callable[[str], str]] = [
        lambda text: f"/{text}",
        lambda text: text.replace("/documents", "//documents").replace("/jobs", "//jobs"),
        lambda text: text.replace("/v1/", "/./v1/"),
        lambda text: f"/healthz/..{text}",
        lambda text: f"/%2e%2e{text}",
        lambda text: f"/v1/tenants/{other}/..%2f..%2f..{text}",
        lambda text: f"/v1/tenants/{other}/../{text.removeprefix('/v1/tenants/')}",
        lambda text: text.replace(f"/tenants/{own}/", f"/tenants/{other}/../{own}/"),
        lambda text: text.replace(f"/tenants/{own}/", f"/tenants/{own}%2f..%2f{other}/"),
        lambda text: f"{text}/",
        lambda text: f"{text}//",
        lambda text: f"{text}/.",
        lambda text: f"{text};x=1",
        lambda text: f"{text}%3bx",
        lambda text: f"{text}%00",
        lambda text: f"{text}%20",
        lambda text: f"{text}%0a",
        lambda text: f"{text}.json",
        lambda text: f"{text}%23",
        lambda text: f"{text}%3fversion=1",
        lambda text: text + "x" * 3000,
        lambda text: text.replace("/", "%2f"),
        lambda text: text.replace("/", "\\"),
        lambda text: text.upper(),
        lambda text: quote(text, safe="/"),
        lambda text: text.replace("documents", "%64ocuments").replace("jobs", "%6aobs"),
    ]
    chosen = rng.choice(spelled)
    return lambda request: replace(request, path=chosen(request.path))


def parameter(site: Site, asker: Asker, rng: random.Random) -> Trick:
    """Parameters that nobody documented."""
    other = rng.choice([name for name in site.tenants if name != asker.tenant] or list(site.tenants))
    names = ("tenant", "tenant_id", "user", "as", "groups", "group", "principals", "access", "scope", "roles", "owner")
    values = (quote(other), "everyone", "bob", "admin", "group:staff", "*", "true", site.tenants[other].id)
    added = f"{rng.choice(names)}={rng.choice(values)}"
    return lambda request: replace(request, query=f"{request.query}&{added}".strip("&"))


def identifier(_site: Site, _asker: Asker, rng: random.Random) -> Trick:
    """The last segment of the path, which is often an id, spelled otherwise."""
    spelled: list[Callable[[str], str]] = [
        str.upper,
        lambda text: f"{text}%00",
        lambda text: f"{text}'--",
        lambda text: f"{text}' OR '1'='1",
        lambda text: f"{text}%25",
        lambda text: f"{text},{text}",
        lambda text: f" {text}",
        lambda text: f"{text}*",
        lambda text: "".join(chr(ord(one) + 0xFEE0) for one in text if "!" <= one <= "~"),  # fullwidth
        lambda text: f"{text}\N{ZERO WIDTH SPACE}",
        lambda text: text[:-1],
        lambda text: f"{text}/../{text}",
    ]
    chosen = rng.choice(spelled)

    def play(request: Request) -> Request:
        before, _, last = request.path.rpartition("/")
        return replace(request, path=f"{before}/{quote(chosen(unquote(last)), safe='/%')}")

    return play


KINDS: tuple[tuple[str, Kind], ...] = (
    ("header", header),
    ("path", path),
    ("parameter", parameter),
    ("identifier", identifier),
)
METHODS = ("HEAD", "OPTIONS", "TRACE", "CONNECT", "PATCH", "PROPFIND", "get", "PUT", "POST", "DELETE", "GET")
"""Tried on each path where no route takes them."""
