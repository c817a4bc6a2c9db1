"""Many clients at once over one application and one pool: each is only ever told what is its own."""

from __future__ import annotations

import asyncio
import random

from eval.access.aims import DOCUMENTS, TEXT, shows
from eval.access.judge import Probe, Told, judged
from eval.access.oracle import READS, Asker
from eval.access.site import Site
from eval.access.targets import readable
from eval.access.wire import Request, path_of, with_json

CLIENTS = 100


async def probe_crowd(site: Site, count: int, seed: int, told: Told) -> None:
    """So many requests by a hundred clients at a time, all of them for what the client may see."""
    rng = random.Random(seed)  # noqa: S311  # a test's choice, repeatable on purpose
    readers = [one for one in site.askers if one.roles == {READS} and readable(site, one)]
    left = iter(range(count))

    async def client(number: int) -> None:
        asker = readers[number % len(readers)]
        for _ in left:
            route, probe = _request(site, asker, rng)
            found = await judged(site, asker, probe)
            told(route, found)

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))


def _request(site: Site, asker: Asker, rng: random.Random) -> tuple[str, Probe]:
    document = rng.choice(readable(site, asker))
    known = site.documents[document.name]
    draw = rng.random()
    if draw < 0.5:
        request, route = Request("GET", path_of(TEXT, {"tenant": asker.tenant, "document_id": known})), f"GET {TEXT}"
        return route, Probe(route, "in a crowd", request, served=True, check=shows(document.live_canary))
    if draw < 0.8:
        request, route = Request("GET", path_of(DOCUMENTS, {"tenant": asker.tenant})), f"GET {DOCUMENTS}"
        return route, Probe(route, "in a crowd", request, served=True, check=shows(known))
    template = "/v1/tenants/{tenant}/search" if draw < 0.97 else "/v1/tenants/{tenant}/query"
    body = {"question": document.texts[-1], "limit": 20}
    request, route = with_json("POST", path_of(template, {"tenant": asker.tenant}), body), f"POST {template}"
    return route, Probe(route, "in a crowd", request, served=True, check=shows())
