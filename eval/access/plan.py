"""Which probes are sent, in which order: every foreign id once by every reader, then tricks on every route."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice

from eval.access.aims import DOCUMENT, FORBIDDEN, FOREIGN, TEXT
from eval.access.judge import Probe
from eval.access.oracle import READS, UPLOADS, Asker
from eval.access.questions import PROBES, SHARES
from eval.access.routes import UnprobedRoute
from eval.access.site import Site
from eval.access.tricks import KINDS, METHODS
from eval.access.wire import Request

Planned = tuple[Asker, Probe]
_FOR_READERS = {f"GET {DOCUMENT}", f"GET {TEXT}"}
"""Asked with the role to read; all else that takes an id with the role to upload."""


def check_coverage(routes: list[str]) -> None:
    """Every route has probes. Raises ``UnprobedRoute`` with the names of those that have none."""
    if missing := sorted(set(routes) - set(PROBES)):
        raise UnprobedRoute(f"no probe is written for {', '.join(missing)}: add one in eval/access/questions.py")


def planned(site: Site, routes: list[str], count: int, seed: int) -> Iterator[Planned]:
    """So many probes: a share for every route, and within a route for every asker in turn."""
    rng = random.Random(seed)  # noqa: S311  # a test's choice, repeatable on purpose
    weights = [SHARES.get(route, 1.0) for route in routes]
    lanes = {route: _lane(site, route, routes, random.Random(rng.random())) for route in routes}  # noqa: S311  # as above
    every_route_once = iter(routes)
    drawn = chain(every_route_once, (rng.choices(routes, weights)[0] for _ in range(count)))
    return (next(lanes[route]) for route in islice(drawn, count))


def _lane(site: Site, route: str, routes: list[str], rng: random.Random) -> Iterator[Planned]:
    """Probes of one route without end: each asker in turn has one as it is, and one with a trick."""
    askers = site.askers
    rng.shuffle(askers)
    left: dict[Asker, Iterator[Probe]] = {}
    while True:
        for asker in askers:
            for tricked in (False, True):
                probe = next(left.get(asker, iter(())), None)
                if probe is None:
                    left[asker] = PROBES[route](site, asker, rng)
                    probe = next(left[asker], None)
                if probe is None:
                    break  # nothing to aim at, for this asker
                yield asker, _tricked(site, asker, probe, routes, rng) if tricked else probe


def _tricked(site: Site, asker: Asker, probe: Probe, routes: list[str], rng: random.Random) -> Probe:
    """The same trick is played on attack and control. What was a right answer may now be a refusal."""
    if rng.random() < 0.15 and (free := _methods_without_route(probe.route, routes)):
        return _with_method(probe, rng.choice(free))
    kind, draw = rng.choice(KINDS)
    if kind == "identifier" and "_id}" not in probe.route:
        kind, draw = KINDS[0]
    play = draw(site, asker, rng)
    return replace(
        probe,
        what=f"{probe.what}, {kind}",
        attack=play(probe.attack),
        control=play(probe.control) if probe.control else None,
        check=None,
        served=probe.served or not probe.route.startswith("GET") or kind == "path",
    )


def _methods_without_route(route: str, routes: list[str]) -> list[str]:
    _, template = route.split(" ", 1)
    taken = {one.split(" ", 1)[0] for one in routes if one.split(" ", 1)[1] == template}
    return [method for method in METHODS if method not in taken]


def _with_method(probe: Probe, method: str) -> Probe:
    def sent(request: Request) -> Request:
        return replace(request, method=method)

    control = sent(probe.control) if probe.control else None
    return replace(probe, what=f"method {method}", attack=sent(probe.attack), control=control, check=None, served=True)


def sweep(site: Site, routes: list[str], count: int, seed: int) -> Iterator[Planned]:
    """At most so many of: everybody, and each document and job that is not theirs, in random order."""
    rng = random.Random(seed)  # noqa: S311  # as above
    every: list[Planned] = [
        (asker, probe)
        for route in routes
        if route.startswith("GET") and "_id}" in route
        for asker in site.askers
        if asker.roles == {READS if route in _FOR_READERS else UPLOADS}
        for probe in PROBES[route](site, asker, rng)
        if probe.what in {FORBIDDEN, FOREIGN}
    ]
    rng.shuffle(every)
    return islice(iter(every), count)
