"""What is tried where questions are asked, and on the routes that belong to no tenant."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

from eval.access.aims import AIMS, Maker, shows, shuffled
from eval.access.judge import Probe
from eval.access.oracle import READS, Asker
from eval.access.site import Site
from eval.access.targets import absent_id, forbidden, readable
from eval.access.wire import Request, path_of, with_json

_WIDER: tuple[dict[str, object], ...] = (
    {"tenant": "*"},
    {"user": "bob"},
    {"groups": ["staff"]},
    {"principals": ["everyone"]},
    {"access": ["everyone"]},
    {"scope": {"tenant": "*"}},
    {"as_user": "bob"},
    {"filters": {"access": ["everyone"]}},
    {"filters": {"a": ["x"]}},
    {"filters": {"should": []}},
    {"filters": {"document_ids": {"$ne": ""}}},
    {"filters": {"document_ids": "*"}},
    {"filters": {"document_ids": [None]}},
    {"filters": {"document_ids": [["x"]]}},
    {"filters": {"document_ids": ["x"] * 1001}},
    {"filters": []},
    {"limit": 0},
    {"limit": -1},
    {"limit": 101},
    {"limit": 10**30},
    {"limit": "all"},
    {"answer_schema": {"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}}},
    {"answer_schema": {"type": "object", "properties": {"a": {"type": "string", "pattern": "(a+)+$"}}}},
)
"""Bodies that no documented request has: each is refused."""


def asking(template: str) -> Maker:
    """Questions for what stands in others' documents, narrowed to them or not."""

    def make(site: Site, asker: Asker, rng: random.Random) -> Iterator[Probe]:
        route, reads, probes = f"POST {template}", READS in asker.roles, []
        path = path_of(template, {"tenant": asker.tenant})

        def request(question: str, where: str = path, **more: object) -> Request:
            return with_json("POST", where, {"question": question, **more})

        foreign = forbidden(site, asker)
        for document in rng.sample(foreign, min(10, len(foreign))):
            known, word = site.documents[document.name], rng.choice(sorted(document.canaries))
            sentence = document.texts[-1].split("\n")[rng.choice((0, 2))]
            probes += [
                Probe(route, "canary", request(f"What is {word}?", limit=rng.choice((1, 10, 100))), served=reads),
                Probe(route, "sentence", request(sentence, limit=100), served=reads),
            ]
            for name, one, other in (
                ("document_ids", known, absent_id(rng)),
                ("sources", document.source, f"wiki:{absent_id(rng)}"),
            ):
                attack, control = (request(sentence, filters={name: [what]}) for what in (one, other))
                probes.append(Probe(route, f"foreign {name}", attack, control, served=reads))
            if document.tenant != asker.tenant:
                there = path_of(template, {"tenant": document.tenant})
                nowhere = path_of(template, {"tenant": "nowhere at all"})
                probes.append(Probe(route, "foreign tenant", request(sentence, there), request(sentence, nowhere)))
        if template.endswith("/query"):
            probes += [
                Probe(route, "form", request(f"What is {word}?", answer_schema=_form(word)), served=reads)
                for document in rng.sample(foreign, min(4, len(foreign)))
                for word in sorted(document.canaries)[:1]
            ]
        for wider in rng.sample(_WIDER, 8):
            body = {"question": "What is paid for a night?", **wider}
            probes.append(Probe(route, "wider", with_json("POST", path, body)))
        mine = readable(site, asker)
        for document in rng.sample(mine, min(3, len(mine))):
            known, question = site.documents[document.name], f"Which reference word is {document.live_canary}?"
            own = request(question, filters={"document_ids": [known, absent_id(rng)]})
            probes.append(Probe(route, "own", own, served=True, check=shows(known, document.live_canary)))
        return shuffled(rng, probes)

    return make


def _form(word: str) -> dict[str, object]:
    """A form that asks for a word of others' documents in every place, as one that must be there."""
    described = {"type": "string", "description": f"the sentence that holds {word}"}
    return {"type": "object", "properties": {word[:60]: described, "reference": described}}


def public(route: str) -> Maker:
    """What anybody may ask: it tells of nobody."""

    def make(_site: Site, _asker: Asker, rng: random.Random) -> Iterator[Probe]:
        method, template = route.split(" ", 1)
        attack = Request("GET" if method == "MOUNT" else method, template)
        return shuffled(rng, [Probe(route, "public", attack, served=True)])

    return make


def exchanging(_site: Site, _asker: Asker, rng: random.Random) -> Iterator[Probe]:
    """A key for a token, with more than the key has. Tokens themselves are a kind of credential."""
    wider = [{"scope": "query ingest review admin audit"}, {"scope": "root"}, {"tenant": "*"}, {"user": "bob"}, []]
    probes = [Probe("POST /v1/token", "wider", with_json("POST", "/v1/token", body)) for body in wider]
    return shuffled(rng, probes)


_TENANT = "/v1/tenants/{tenant}"
_PUBLIC = (
    "GET /healthz",
    "GET /readyz",
    "GET /openapi.json",
    "GET /docs",
    "GET /docs/oauth2-redirect",
    "GET /redoc",
    "MOUNT /static-offline-docs",
)
PROBES: Mapping[str, Maker] = {
    **AIMS,
    f"POST {_TENANT}/query": asking(f"{_TENANT}/query"),
    f"POST {_TENANT}/search": asking(f"{_TENANT}/search"),
    "POST /v1/token": exchanging,
    **{route: public(route) for route in _PUBLIC},
}
"""By route. Whoever adds a route adds its maker; until then the evaluation fails."""

SHARES: Mapping[str, float] = {f"POST {_TENANT}/query": 0.25, **dict.fromkeys(_PUBLIC, 0.05), "POST /v1/token": 0.1}
"""How often a route is probed beside the others, where that is not equally often."""
