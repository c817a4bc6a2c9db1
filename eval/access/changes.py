"""Lists and memberships change while everybody reads: after a change was answered, only the new state may show."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, islice

from eval.access.aims import ACCESS, DOCUMENT, DOCUMENTS, TEXT, shows
from eval.access.judge import Probe, Told, judged
from eval.access.oracle import ADMINISTERS, READS, UPLOADS, Asker, spelled, with_group, with_list
from eval.access.site import Site, members_of
from eval.access.wire import Request, path_of, with_json
from eval.access.world import Document
from rag_service.authentication import operate

READERS = 6
Change = Callable[[], Awaitable[None]]
_MEMBERSHIP, _ENTRY = "a membership", "an entry of its list"


async def probe_changes(site: Site, count: int, seed: int, told: Told) -> None:
    """So many probes by readers, while one task changes lists and groups for as long as they read."""
    rng = random.Random(seed)  # noqa: S311  # a test's choice, repeatable on purpose
    every = list(site.world.documents)
    restless = rng.sample(every, min(6, len(every)))
    readers = [one for one in site.askers if one.roles == {READS}]
    left, done = iter(range(count)), asyncio.Event()

    async def read() -> None:
        for _ in left:
            document = rng.choice(restless)
            asker = rng.choice([one for one in readers if one.tenant == document.tenant])
            probe = rng.choice(_READS)(site, asker, document)
            told(probe.route, await judged(site, asker, probe))

    async def change() -> None:
        while not done.is_set():  # a change that was begun is always answered
            await rng.choice((_change_list, _change_list, _change_group))(site, rng, restless)

    changing = asyncio.create_task(change())
    try:
        await asyncio.gather(*(read() for _ in range(READERS)))
    finally:
        done.set()
        await changing


async def probe_revocations(site: Site, count: int, seed: int, told: Told) -> None:
    """Somebody reads, loses what let them read, and is refused by the next request on every route; gets it back.

    Whatever remembers an earlier answer is warm when it is asked again.
    """
    rng = random.Random(seed)  # noqa: S311  # as above
    for taken in islice(cycle((_MEMBERSHIP, _ENTRY)), count // 6):
        ways: list[Way] = []
        while not ways:
            asker = rng.choice([one for one in site.askers if one.roles == {READS}])
            ways = [way for way in _ways_to_lose(site, asker) if way.taken == taken]
        document, change, undo = (way := rng.choice(ways)).document, way.change, way.undo
        own = _text(site, asker, document)
        told(own.route, await judged(site, asker, replace(own, check=shows(document.live_canary))))
        await change()
        for reading in (_text, _told, _listed, _searched):
            probe = replace(reading(site, asker, document), what=f"after {taken} was taken away")
            told(probe.route, await judged(site, asker, probe))
        await undo()
        told(own.route, await judged(site, asker, replace(own, check=shows(document.live_canary))))


@dataclass(frozen=True, slots=True)
class Way:
    """How a reader may lose a document, and get it back."""

    document: Document
    taken: str
    change: Change
    undo: Change


def _ways_to_lose(site: Site, asker: Asker) -> Iterator[Way]:
    """Every entry of a list or a group whose loss takes a document from this reader."""
    state, tenant = site.oracle.state, asker.tenant
    documents = {one.name: one for one in site.world.documents}
    mine = state.readable(asker)
    for name in sorted(mine):
        listed = state.lists[name][1]
        for entry in sorted(listed):
            fewer = (listed - {entry}) or frozenset({"user:nobody.at.all"})
            if name not in with_list(state, name, fewer).readable(asker):
                change, undo = (partial(_set_list, site, documents[name], one) for one in (fewer, listed))
                yield Way(documents[name], _ENTRY, change, undo)
    for group, members in sorted(state.groups[tenant].items()):
        for member in sorted(members):
            fewer = members - {member}
            for name in sorted(mine - with_group(state, tenant, group, fewer).readable(asker)):
                change, undo = (partial(_set_group, site, tenant, group, one) for one in (fewer, members))
                yield Way(documents[name], _MEMBERSHIP, change, undo)


async def settle(site: Site) -> None:
    """The index has followed every change, so that its hits can be judged for every document again."""
    for tenant in site.tenants.values():
        await site.service.follower.catch_up(tenant.id)
    site.oracle.restless.clear()


async def _change_list(site: Site, rng: random.Random, restless: list[Document]) -> None:
    document = rng.choice(restless)
    tenant = next(one for one in site.world.tenants if one.name == document.tenant)
    every = [*(f"user:{user}" for user in tenant.users), *(f"group:{group}" for group in tenant.groups), "everyone"]
    listed = rng.sample(every, rng.choice((1, 1, 2)))
    await _set_list(site, document, frozenset(map(spelled, listed)))


async def _change_group(site: Site, rng: random.Random, restless: list[Document]) -> None:
    document = rng.choice(restless)
    tenant = next(one for one in site.world.tenants if one.name == document.tenant)
    group = rng.choice([one for one in tenant.groups if one != "staff"])
    members = [f"user:{user}" for user in rng.sample(tenant.users, rng.choice((0, 2, 5)))]
    await _set_group(site, tenant.name, group, frozenset(map(spelled, members)))


async def _set_list(site: Site, document: Document, listed: frozenset[str]) -> None:
    """Through the route, by an administrator."""
    administrator = site.asker(document.tenant, "ann", (READS, UPLOADS, ADMINISTERS))
    path = path_of(ACCESS, {"tenant": document.tenant, "document_id": site.documents[document.name]})
    with site.oracle.changing(lambda state: with_list(state, document.name, listed)):
        response = await site.send(administrator, with_json("PUT", path, {"allow": sorted(listed)}))
        if response.status != 204:
            raise RuntimeError(f"a change of an access list was answered with {response.status}")


async def _set_group(site: Site, tenant: str, group: str, members: frozenset[str]) -> None:
    """As `rag group set` does."""
    owner = site.tenants[tenant]
    with site.oracle.changing(lambda state: with_group(state, tenant, group, members)):
        await site.service.store.groups.set(operate(owner), owner.keys, group, *members_of(members))


def _text(site: Site, asker: Asker, document: Document) -> Probe:
    path = path_of(TEXT, {"tenant": asker.tenant, "document_id": site.documents[document.name]})
    return Probe(f"GET {TEXT}", "while lists change", Request("GET", path), served=True)


def _told(site: Site, asker: Asker, document: Document) -> Probe:
    path = path_of(DOCUMENT, {"tenant": asker.tenant, "document_id": site.documents[document.name]})
    return Probe(f"GET {DOCUMENT}", "while lists change", Request("GET", path), served=True)


def _listed(_site: Site, asker: Asker, _document: Document) -> Probe:
    path = path_of(DOCUMENTS, {"tenant": asker.tenant})
    return Probe(f"GET {DOCUMENTS}", "while lists change", Request("GET", path), served=True)


def _searched(_site: Site, asker: Asker, document: Document) -> Probe:
    route = "/v1/tenants/{tenant}/search"
    body = {"question": document.texts[-1], "limit": 100}
    request = with_json("POST", path_of(route, {"tenant": asker.tenant}), body)
    return Probe(f"POST {route}", "while lists change", request, served=True)


_READS: tuple[Callable[[Site, Asker, Document], Probe], ...] = (_text, _text, _told, _listed, _searched)
