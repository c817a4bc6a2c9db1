"""What is tried on each route that takes an id or serves a list. A route that is not here, or in ``questions``, fails.

Each maker gives probes for one asker, in random order; ``plan`` plays tricks on them. ``control`` asks the same for
what does not exist.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from eval.access.judge import Check, Probe
from eval.access.oracle import ADMINISTERS, READS, UPLOADS, Asker
from eval.access.site import Site
from eval.access.targets import absent_id, forbidden, foreign_jobs, not_in_custody, other_names, readable
from eval.access.wire import Request, Response, path_of, with_form, with_json

Maker = Callable[[Site, Asker, random.Random], Iterator[Probe]]
_TENANT = "/v1/tenants/{tenant}"
DOCUMENTS = f"{_TENANT}/documents"
DOCUMENT = f"{DOCUMENTS}/{{document_id}}"
TEXT = f"{DOCUMENT}/text"
JOB = f"{_TENANT}/jobs/{{job_id}}"
ACCESS = f"{DOCUMENT}/access"
QUARANTINE = f"{_TENANT}/quarantine"
HELD = f"{QUARANTINE}/{{document_id}}"
FORBIDDEN, FOREIGN = "forbidden id", "foreign id"
"""Of the asker's own tenant, and of another's."""
_VERSIONS = ("", "", "version=1", "version=2", "version=99", "version=0", "version=1&version=2", "version=-1")


def shuffled(rng: random.Random, items: list[Probe]) -> Iterator[Probe]:
    """In random order, one of each kind before a second of any: a short run tries them all."""
    rng.shuffle(items)
    before: Counter[str] = Counter()
    turns = []
    for one in items:
        turns.append(before[one.what])
        before[one.what] += 1
    return iter([items[place] for place in sorted(range(len(items)), key=turns.__getitem__)])


def shows(*words: str) -> Check:
    """The answer is a success that tells each of these."""

    def check(response: Response) -> str | None:
        if not 200 <= response.status < 300:
            return f"denied with {response.status} what the asker may see"
        return None if all(word in response.text for word in words) else "does not show what the asker may see"

    return check


def _kind(asker: Asker, owner: str) -> str:
    return FORBIDDEN if owner == asker.tenant else FOREIGN


def of_document(template: str) -> Maker:
    """A document named in the path."""

    def make(site: Site, asker: Asker, rng: random.Random) -> Iterator[Probe]:
        route, tenant, probes = f"GET {template}", asker.tenant, []

        def request(owner: str, document_id: str, query: str = "") -> Request:
            return Request("GET", path_of(template, {"tenant": owner, "document_id": document_id}), query)

        for document in forbidden(site, asker):
            known, query = site.documents[document.name], rng.choice(_VERSIONS)
            absent = request(tenant, absent_id(rng), query)
            probes.append(Probe(route, _kind(asker, document.tenant), request(tenant, known, query), absent))
            if document.tenant != tenant:
                nowhere = request("nowhere at all", known)
                probes.append(Probe(route, "foreign tenant", request(document.tenant, known), nowhere))
        for document in readable(site, asker):
            known = site.documents[document.name]
            word = document.live_canary if template == TEXT else known
            own = Probe(route, "own", request(tenant, known), served=True, check=shows(word))
            probes += [own, Probe(route, "own, no such version", request(tenant, known, "version=77"))]
        everything = list(site.documents.values())
        probes += [
            Probe(route, "tenant's name", request(name, rng.choice(everything)), served=True)
            for name in other_names(site, asker)
        ]
        return shuffled(rng, probes)

    return make


def change_of_document(method: str, template: str, body: object = None) -> Maker:
    """A change to a document that the asker has no custody of: refused like one that is not there, and not done."""

    def make(site: Site, asker: Asker, rng: random.Random) -> Iterator[Probe]:
        def request(document_id: str) -> Request:
            path = path_of(template, {"tenant": asker.tenant, "document_id": document_id})
            return Request(method, path) if body is None else with_json(method, path, body)

        return shuffled(
            rng,
            [
                Probe(
                    f"{method} {template}",
                    _kind(asker, one.tenant),
                    request(site.documents[one.name]),
                    request(absent_id(rng)),
                )
                for one in not_in_custody(site, asker)
            ],
        )

    return make


def access_list(site: Site, asker: Asker, rng: random.Random) -> Iterator[Probe]:
    """Who may read a document is for its owner and for administrators, not for its readers."""
    route, probes = f"GET {ACCESS}", []

    def request(document_id: str) -> Request:
        return Request("GET", path_of(ACCESS, {"tenant": asker.tenant, "document_id": document_id}))

    foreign = not_in_custody(site, asker)
    for document in site.world.documents:
        known = request(site.documents[document.name])
        if document in foreign:
            probes.append(Probe(route, _kind(asker, document.tenant), known, request(absent_id(rng))))
        elif asker.roles & {UPLOADS, ADMINISTERS}:
            probes.append(Probe(route, "own", known, served=True, check=shows("allow")))
    return shuffled(rng, probes)


def change_of_job(method: str, template: str) -> Maker:
    """A change to a job of somebody else's."""

    def make(site: Site, asker: Asker, rng: random.Random) -> Iterator[Probe]:
        def request(job_id: str) -> Request:
            return Request(method, path_of(template, {"tenant": asker.tenant, "job_id": job_id}))

        return shuffled(
            rng,
            [
                Probe(
                    f"{method} {template}",
                    _kind(asker, site.job_owners[job][0]),
                    request(job),
                    request(absent_id(rng)),
                )
                for job in foreign_jobs(site, asker)
            ],
        )

    return make


def of_job(site: Site, asker: Asker, rng: random.Random) -> Iterator[Probe]:
    """A job named in the path; also the id of a document in its place."""
    route, probes = f"GET {JOB}", []

    def request(job_id: str, owner: str = asker.tenant) -> Request:
        return Request("GET", path_of(JOB, {"tenant": owner, "job_id": job_id}))

    for job in foreign_jobs(site, asker):
        owner = site.job_owners[job][0]
        probes.append(Probe(route, _kind(asker, owner), request(job), request(absent_id(rng))))
        if owner != asker.tenant:
            probes.append(Probe(route, "foreign tenant", request(job, owner), request(job, "nowhere at all")))
    for document in site.world.documents:
        known = site.documents[document.name]
        probes.append(Probe(route, "a document's id", request(known), request(absent_id(rng))))
    for job, owned_by in site.job_owners.items():
        if owned_by == (asker.tenant, asker.user) and UPLOADS in asker.roles:
            probes.append(Probe(route, "own", request(job), served=True, check=shows(job)))
    return shuffled(rng, probes)


def listing(site: Site, asker: Asker, rng: random.Random) -> Iterator[Probe]:
    """Pages of the list, from any place on and of any length: exactly what the asker may read, in order."""
    route, probes = f"GET {DOCUMENTS}", []
    mine = sorted(site.documents[one.name] for one in readable(site, asker))
    everything = sorted(site.documents.values())

    def request(query: str, owner: str = asker.tenant) -> Request:
        return Request("GET", path_of(DOCUMENTS, {"tenant": owner}), query)

    for after in [None, *rng.sample(everything, min(12, len(everything))), absent_id(rng), "", "0", "~", "zz"]:
        limit = rng.choice((1, 2, 100))
        query = f"limit={limit}" + ("" if after is None else f"&after={after}")
        wanted = [one for one in mine if after is None or one > after]
        served = READS in asker.roles
        check = _page_of(wanted, limit, site) if served else None
        probes.append(Probe(route, "page", request(query), served=served, check=check))
    wrong = (
        "limit=0",
        "limit=-1",
        "limit=101",
        "limit=1e9",
        f"limit={10**30}",
        "limit=x",
        "after=%00",
        f"after={'f' * 65}",
    )
    probes += [Probe(route, "no page", request(query)) for query in wrong]
    probes += [
        Probe(route, "foreign tenant", request("", name), request("", "nowhere at all"))
        for name in site.tenants
        if name != asker.tenant
    ]
    probes += [Probe(route, "tenant's name", request("", name), served=True) for name in other_names(site, asker)]
    return shuffled(rng, probes)


def _page_of(wanted: list[str], limit: int, site: Site) -> Check:
    """Exactly these documents, but for those whose lists change."""
    restless = {site.documents[name] for name in site.oracle.restless}

    def check(response: Response) -> str | None:
        if response.status != 200:
            return f"denied with {response.status} the list of what the asker may see"
        told = [one["document_id"] for one in response.json()["documents"]]
        if restless:
            return None if set(wanted[:limit]) - set(told) == set() or len(told) == limit else "leaves documents out"
        return None if told == wanted[:limit] else "is another page than what the asker may see"

    return check


def reviewing(template: str) -> Maker:
    """A list for reviewers. An asker who is one sees that of their own tenant, and no other."""

    def make(site: Site, asker: Asker, rng: random.Random) -> Iterator[Probe]:
        def request(owner: str) -> Request:
            return Request("GET", path_of(template, {"tenant": owner}))

        foreign = [name for name in site.tenants if name != asker.tenant]
        served = not asker.roles.isdisjoint({"review", "audit"} if template.endswith("history") else {"review"})
        probes = [Probe(f"GET {template}", "own tenant", request(asker.tenant), served=served)]
        probes += [
            Probe(f"GET {template}", "foreign tenant", request(name), request("nowhere at all")) for name in foreign
        ]
        return shuffled(rng, probes)

    return make


def uploading(site: Site, asker: Asker, rng: random.Random) -> Iterator[Probe]:
    """Uploads under others' sources, for others' groups, with fields that nobody documented."""
    route, probes = f"POST {DOCUMENTS}", []
    path = path_of(DOCUMENTS, {"tenant": asker.tenant})

    def request(*fields: tuple[str, str], where: str = path, name: str = "probe.md") -> Request:
        return with_form(where, (name, b"A probe."), fields)

    served = UPLOADS in asker.roles
    for document in rng.sample(site.world.documents, 8):
        alike = document.tenant != asker.tenant  # in one's own tenant a 409 says that a source is taken: documented
        control = request(("source", f"wiki:{absent_id(rng)}")) if alike else None
        attack = request(("source", document.source))
        if site.claimed.setdefault((asker.tenant, document.source), asker.user) == asker.user:
            probes.append(Probe(route, "foreign source", attack, control, served=served, only_status=True))
        known = site.documents[document.name]
        probes.append(Probe(route, "unknown field", request(("document_id", known))))
        probes.append(Probe(route, "repeated field", request(("title", known), ("title", known))))
        where = path_of(DOCUMENTS, {"tenant": document.tenant})
        if alike:
            nowhere = request(where=path_of(DOCUMENTS, {"tenant": "nowhere at all"}))
            probes.append(Probe(route, "foreign tenant", request(where=where), nowhere))
    wrong = ("tenant:*", "*", "everyone:everyone", "group:", "user:\x00", "admin:bob")
    probes += [Probe(route, "no principal", request(("allow", allow))) for allow in wrong]
    probes.append(Probe(route, "no form", with_json("POST", path, {"source": "x"})))
    if served:
        own = request(("allow", "group:staff"), ("allow", "everyone"))
        probes.append(Probe(route, "own", own, served=True, check=shows("job_id")))
    return shuffled(rng, probes)


AIMS: Mapping[str, Maker] = {
    f"GET {DOCUMENTS}": listing,
    f"POST {DOCUMENTS}": uploading,
    f"GET {DOCUMENT}": of_document(DOCUMENT),
    f"GET {TEXT}": of_document(TEXT),
    f"GET {JOB}": of_job,
    f"DELETE {DOCUMENT}": change_of_document("DELETE", DOCUMENT),
    f"GET {ACCESS}": access_list,
    f"PUT {ACCESS}": change_of_document("PUT", ACCESS, {"allow": ["everyone"]}),
    f"POST {JOB}/cancel": change_of_job("POST", f"{JOB}/cancel"),
    f"GET {QUARANTINE}": reviewing(QUARANTINE),
    f"GET {QUARANTINE}/history": reviewing(f"{QUARANTINE}/history"),
    f"GET {HELD}": change_of_document("GET", HELD),
    f"POST {HELD}/release": change_of_document("POST", f"{HELD}/release"),
    f"POST {HELD}/reject": change_of_document("POST", f"{HELD}/reject"),
}
