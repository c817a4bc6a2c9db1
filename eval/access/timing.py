"""Does the time of a refusal tell whether there is something to refuse?

The same routes, a forbidden id, a foreign one and one of nothing, in random order. In one process, without a network:
what an attacker across a network sees of a difference is less. Times on a shared machine scatter, so a difference is
reported with its interval, and only a gross one fails: one that a few hundred requests over a network would show.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from eval.access.aims import DOCUMENT, JOB, TEXT
from eval.access.oracle import READS, UPLOADS, Asker
from eval.access.site import Site
from eval.access.targets import absent_id, forbidden, foreign_jobs
from eval.access.wire import Request, path_of
from eval.measures.interval import bootstrap_median_difference, mann_whitney_p

GROSS_RATIO, GROSS_MS = 1.5, 1.0


@dataclass(frozen=True, slots=True)
class Compared:
    """Medians in milliseconds of ``route``, where nothing is and where something ``kind`` is; their difference."""

    route: str
    kind: str
    absent_ms: float
    present_ms: float
    difference_ms: float
    interval_ms: tuple[float, float]
    p_value: float
    requests: int

    @property
    def is_gross(self) -> bool:
        """More than half as long again, by a millisecond, and not by chance."""
        low, high = self.interval_ms
        larger, smaller = max(self.present_ms, self.absent_ms), min(self.present_ms, self.absent_ms)
        return larger > GROSS_RATIO * smaller and abs(self.difference_ms) > GROSS_MS and not low <= 0.0 <= high


async def compare_times(site: Site, each: int, seed: int) -> list[Compared]:
    """``each`` requests of every kind on every route that takes an id."""
    rng = random.Random(seed)  # noqa: S311  # a test's choice, repeatable on purpose
    found = []
    for route, key in ((DOCUMENT, "document_id"), (TEXT, "document_id"), (JOB, "job_id")):
        role = UPLOADS if key == "job_id" else READS
        askers = [one for one in site.askers if one.roles == {role}]
        times: dict[str, list[float]] = {"absent": [], "forbidden": [], "foreign": []}
        turns = [kind for kind in times for _ in range(each)]
        rng.shuffle(turns)
        for kind in turns:
            asker, known = _aim(site, askers, kind, key, rng)
            request = Request("GET", path_of(route, {"tenant": asker.tenant, key: known}))
            began = time.perf_counter()
            await site.send(asker, request)
            times[kind].append(1000 * (time.perf_counter() - began))
        found += [_compared(f"GET {route}", kind, times["absent"], times[kind]) for kind in ("forbidden", "foreign")]
    return found


def _aim(site: Site, askers: Sequence[Asker], kind: str, key: str, rng: random.Random) -> tuple[Asker, str]:
    """Somebody, and an id of this kind for them."""
    while True:
        asker = rng.choice(askers)
        if kind == "absent":
            return asker, absent_id(rng)
        if key == "job_id":
            owners = {job: site.job_owners[job][0] for job in foreign_jobs(site, asker)}
        else:
            owners = {site.documents[one.name]: one.tenant for one in forbidden(site, asker)}
        wanted = [one for one, tenant in owners.items() if (tenant == asker.tenant) == (kind == "forbidden")]
        if wanted:
            return asker, rng.choice(wanted)


def _compared(route: str, kind: str, absent: Sequence[float], present: Sequence[float]) -> Compared:
    one, other, difference, interval = bootstrap_median_difference(absent, present)
    return Compared(
        route,
        kind,
        round(one, 3),
        round(other, 3),
        round(difference, 3),
        interval,
        mann_whitney_p(absent, present),
        len(present),
    )
