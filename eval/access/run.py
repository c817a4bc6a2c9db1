"""One run: a world is made, planted and probed in a service of its own, through the production code."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from eval.access.changes import probe_changes, probe_revocations, settle
from eval.access.credentials import BelievedProvider
from eval.access.crowd import probe_crowd
from eval.access.doors import DOORS, INDEX, WatchedIndex, index_door, watched
from eval.access.faults import FAULTS
from eval.access.judge import Finding, Told, judged
from eval.access.operators import probe_commands, probe_socket
from eval.access.plan import Planned, check_coverage, planned, sweep
from eval.access.report import Outcome, Tally
from eval.access.routes import routes_of
from eval.access.site import Site, opened_site
from eval.access.timing import Compared, compare_times
from eval.access.wire import Response
from eval.access.world import make_world
from eval.experiment import Progress
from rag_service.domain.errors import InvalidRequest
from rag_service.settings import load_settings
from rag_service.upkeep import upkeep
from rag_service.wiring import Models, open_service

_SMALL = 5000
"""Below so many probes, the world is small too."""
_AT_ONCE = 4
"""While one probe waits for the database, others go on. ``crowd`` is about many at once."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to run. ``concurrent`` requests are made by a hundred clients, and ``times`` of each kind are compared."""

    probes: int
    seed: int = 1
    concurrent: int = 0
    times: int = 0
    commands: int = 0
    database_url: str | None = None
    fault: str | None = None


async def run_access(order: Order, progress: Progress, models: Models | None = None) -> Outcome:
    """The world was probed, and its folder is gone again. Raises ``UnprobedRoute``, ``InvalidRequest``."""
    if order.fault is not None and order.fault not in FAULTS:
        raise InvalidRequest(f"a fault is one of {', '.join(FAULTS)}")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="rag-eval-") as folder:
        data_dir, key = Path(folder, "data"), secrets.token_hex(32)
        async with _site(order, data_dir, key, progress, models) as (site, index):
            database = "sqlite" if site.service.store.folder.server is None else "postgresql"
            tally = Tally()
            environment = {"RAG_DATA_DIR": str(data_dir), "RAG_MASTER_KEY": key}
            if order.database_url:
                environment["RAG_DATABASE_URL"] = order.database_url
            progress.begin("commands", order.commands)  # first, as operators see what probes upload
            await probe_commands(site, order.commands, environment, _teller(tally, progress))
            timing = await _probe(order, site, index, tally, progress)
    return Outcome(tally, timing, database, time.perf_counter() - began, order.fault)


@asynccontextmanager
async def _site(
    order: Order, data_dir: Path, key: str, progress: Progress, models: Models | None
) -> AsyncIterator[tuple[Site, WatchedIndex]]:
    """The planted site, over a service whose index is watched; with the fault, if one is asked for."""
    settings = load_settings(data_dir=data_dir, master_key=key, database_url=order.database_url)
    small = order.probes < _SMALL
    world = make_world(order.seed, tenants=2 if small else 6, documents=8 if small else 16)
    progress.begin("planting", 1)
    async with open_service(settings, models) as plain:
        fault = FAULTS[order.fault](plain) if order.fault else nullcontext(plain)
        with fault as faulty:
            service, index = watched(replace(faulty, provider=BelievedProvider()))
            service.load_detector()
            async with opened_site(world, service, order.seed) as site, upkeep(service):
                progress.advance()
                yield site, index


async def _probe(order: Order, site: Site, index: WatchedIndex, tally: Tally, progress: Progress) -> list[Compared]:
    """All parts in turn. The parts that change the world come after those that know it as it was planted."""
    routes = routes_of(site.app)
    check_coverage(routes)
    told = _teller(tally, progress)
    changing, every = order.probes // 8, order.probes // 4
    progress.begin("every foreign id", every)
    controls: dict[object, Response] = {}
    swept = await _send_all(site, sweep(site, routes, every, order.seed), told, controls)
    left = order.probes - swept - changing
    progress.begin("tricks on every route", left)
    await _send_all(site, planned(site, routes, left, order.seed), told)
    await _try_doors(site, index, tally)
    progress.begin("who asks at the owner's socket", 1)
    await probe_socket(site, 20, tally.add)
    timing = await compare_times(site, order.times, order.seed) if order.times else []
    if order.concurrent:
        progress.begin("many clients at once", order.concurrent)
        await probe_crowd(site, order.concurrent, order.seed, told)
    progress.begin("what was taken away", changing // 2)
    await probe_revocations(site, changing // 2, order.seed, told)
    progress.begin("while lists change", changing - changing // 2)
    await probe_changes(site, changing - changing // 2, order.seed, told)
    _look(site, index, tally)
    await settle(site)
    await _try_doors(site, index, tally)
    return timing


async def _send_all(
    site: Site, plan: Iterator[Planned], told: Told, controls: dict[object, Response] | None = None
) -> int:
    """Every probe was sent, a few at a time; their number."""
    sent = 0

    async def some() -> None:
        nonlocal sent
        for asker, probe in plan:
            sent += 1
            told(probe.route, await judged(site, asker, probe, controls))

    await asyncio.gather(*(some() for _ in range(_AT_ONCE)))
    return sent


async def _try_doors(site: Site, index: WatchedIndex, tally: Tally) -> None:
    _look(site, index, tally)
    for name, door in DOORS.items():
        passed = await door(site)
        if passed.probes:
            tally.add(name, passed.findings, passed.probes)


def _look(site: Site, index: WatchedIndex, tally: Tally) -> None:
    passed = index_door(site, index)
    tally.add(INDEX, passed.findings, passed.probes)


def _teller(tally: Tally, progress: Progress) -> Told:
    def told(route: str, findings: list[Finding]) -> None:
        tally.add(route, findings)
        progress.advance()

    return told
