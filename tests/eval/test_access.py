"""Nobody sees what they may not: a small run of `rag eval access`, and proof that it finds what is planted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from eval.access.changes import probe_revocations
from eval.access.credentials import BelievedProvider
from eval.access.crowd import probe_crowd
from eval.access.doors import INDEX, SQL, database_door, index_door, sql_door, watched
from eval.access.faults import FAULTS
from eval.access.judge import Finding, Probe, judged
from eval.access.oracle import READS, UPLOADS, Asker, Atom, Oracle, State
from eval.access.plan import check_coverage
from eval.access.questions import PROBES
from eval.access.report import Tally, document, page, readable
from eval.access.routes import UnprobedRoute, routes_of
from eval.access.run import Order, run_access
from eval.access.site import Site, opened_site
from eval.access.wire import Request
from eval.access.world import make_world
from rag_service.domain.errors import NotFound
from rag_service.settings import load_settings
from rag_service.web.app import create_app
from rag_service.wiring import Models, open_service
from tests.postgresql import Postgres, address

Run = Callable[[Any], Any]

TENANT = "/v1/tenants/{tenant}"
LIST, TEXT = f"GET {TENANT}/documents", f"GET {TENANT}/documents/{{document_id}}/text"
JOB, SEARCH = f"GET {TENANT}/jobs/{{job_id}}", f"POST {TENANT}/search"


class Quiet:
    def begin(self, what: str, total: int) -> None: ...

    def advance(self) -> None: ...


def test_nothing_leaks_in_a_small_run(run: Run, models: Models) -> None:
    outcome = run(run_access(Order(probes=1160, concurrent=100, times=3, commands=5), Quiet(), models))
    told = document(outcome)
    assert [str(one) for one in outcome.tally.findings] == []
    assert told["leaks"] == told["errors"] == 0
    assert told["probes"] >= 1500
    assert 0 < told["upper_bound_95"] < 0.002
    assert {INDEX, SQL, "(command line)", "(owner's socket)"} <= told["by_route"].keys()
    assert all(one["probes"] > 0 for one in told["by_route"].values())
    assert "0 leaks and 0 errors" in readable(told)
    assert "0 leaks in" in page(told)


@dataclass
class Grounds:
    """A planted site that tests share, and the loop that it lives in."""

    site: Site
    loop: asyncio.Runner


@pytest.fixture(scope="module")
def grounds(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grounds]:
    settings = load_settings(data_dir=tmp_path_factory.mktemp("access") / "data", master_key="ab" * 32)

    @asynccontextmanager
    async def planted() -> AsyncIterator[Site]:
        async with open_service(settings, models) as service:
            seen, _ = watched(replace(service, provider=BelievedProvider()))
            async with opened_site(make_world(3, tenants=2, documents=8), seen, 3) as site:
                yield site

    with asyncio.Runner() as loop:
        opening = planted()
        site = loop.run(opening.__aenter__())
        yield Grounds(site, loop)
        loop.run(opening.__aexit__(None, None, None))


@contextmanager
def faulty(site: Site, fault: str) -> Iterator[None]:
    """The site's application is made anew over a service with the fault."""
    service, app = site.service, site.app
    with FAULTS[fault](service) as broken:
        site.service, index = watched(broken)
        site.app = create_app(site.service)
        try:
            yield
        finally:
            FOUND_AT_THE_INDEX[:] = index_door(site, index).findings
            site.service, site.app = service, app


FOUND_AT_THE_INDEX: list[Finding] = []

Try = Callable[[Site, Tally], Awaitable[None]]


def on(route: str, role: str) -> Try:
    """Some of all that somebody with this role in either tenant would try on the route, each kind first."""

    async def attempt(site: Site, tally: Tally) -> None:
        for tenant in site.tenants:
            asker = site.asker(tenant, "bob", (role,))
            for probe in islice(PROBES[route](site, asker, random.Random(1)), 24):
                tally.add(route, await judged(site, asker, probe))

    return attempt


async def every_passage(site: Site, tally: Tally) -> None:
    passed = await sql_door(site)
    tally.add(SQL, passed.findings, passed.probes)


async def revoke(site: Site, tally: Tally) -> None:
    await probe_revocations(site, 24, 1, tally.add)


async def crowd(site: Site, tally: Tally) -> None:
    await probe_crowd(site, 110, 1, tally.add)


SHOWN_BY: dict[str, tuple[Try, str]] = {
    "index_filter_dropped": (on(SEARCH, READS), INDEX),
    "sql_condition_dropped": (every_passage, SQL),
    "sql_check_dropped": (every_passage, SQL),
    "route_without_scope": (on(TEXT, READS), TEXT),
    "forbidden_is_told": (on(TEXT, READS), TEXT),
    "stale_groups": (revoke, TEXT),
    "jobs_of_everybody": (on(JOB, UPLOADS), JOB),
    "tenant_unchecked": (on(LIST, READS), LIST),
    "mixed_up_callers": (crowd, LIST),
}
"""For each fault the part of the evaluation that is there to find it, and where it must be found."""


def test_every_planted_fault_is_found_and_without_one_nothing_is(grounds: Grounds) -> None:
    assert SHOWN_BY.keys() == FAULTS.keys()

    async def scenario() -> None:
        for fault, (attempt, where) in SHOWN_BY.items():
            found = Tally()
            with faulty(grounds.site, fault):
                await attempt(grounds.site, found)
            told = [*found.findings, *FOUND_AT_THE_INDEX]
            assert any(one.is_leak and one.route == where for one in told), f"{fault} was not found at {where}"
        clean = Tally()
        for attempt in {attempt for attempt, _ in SHOWN_BY.values()}:
            await attempt(grounds.site, clean)
        assert [str(one) for one in clean.findings] == []

    grounds.loop.run(scenario())


def test_row_security_that_is_off_is_found_where_every_condition_is_gone(
    run: Run, models: Models, postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.fresh()
    assert url.database is not None
    database = url.database

    async def scenario() -> None:
        settings = load_settings(data_dir=tmp_path / "data", master_key="ab" * 32, database_url=address(url))
        async with open_service(settings, models) as service:
            seen = replace(service, provider=BelievedProvider())
            async with opened_site(make_world(3, tenants=2, documents=4), seen, 3) as site:
                closed = await database_door(site)
                assert closed.probes > 0
                assert closed.findings == []
                postgres.run("ALTER TABLE documents DISABLE ROW LEVEL SECURITY", database)
                opened = await database_door(site)
                assert {one.told.split()[-1] for one in opened.findings} == {"documents"}
                assert all(one.is_leak for one in opened.findings)

    run(scenario())
    postgres.run(f"DROP DATABASE {database} WITH (FORCE)")


def test_what_crashes_or_refuses_everything_is_no_proof(grounds: Grounds, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        documents = type(grounds.site.service.store.documents)
        for error, told in ((NotFound("document"), "denied with 404"), (RuntimeError(), "answered with 500")):
            with monkeypatch.context() as patched:
                patched.setattr(documents, "text", _raising(error))
                tally = Tally()
                await on(TEXT, READS)(grounds.site, tally)
            assert any(told in one.told for one in tally.errors)

    grounds.loop.run(scenario())


def _raising(error: Exception) -> Callable[..., Awaitable[Any]]:
    async def text(*_: Any) -> Any:
        raise error

    return text


def test_a_route_without_a_probe_is_told(grounds: Grounds) -> None:
    app = create_app(grounds.site.service)
    found = routes_of(app)
    check_coverage(found)
    described = {f"{method.upper()} {path}" for path, item in app.openapi()["paths"].items() for method in item}
    assert described <= set(found) <= set(PROBES)
    app.add_api_route("/v1/tenants/{tenant}/secrets", routes_of, methods=["GET"])
    with pytest.raises(UnprobedRoute, match="secrets"):
        check_coverage(routes_of(app))


def test_a_canary_in_a_header_counts_and_an_echo_of_the_own_path_does_not(run: Run) -> None:
    async def app(scope: Any, _receive: Any, send: Any) -> None:
        location = scope["raw_path"] if scope["path"].startswith("/back") else b"/elsewhere/" + b"a" * 16
        headers = [(b"location", location), (b"x-more", b"zqbadadababa" if scope["path"] == "/more" else b"-")]
        await send({"type": "http.response.start", "status": 307, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def scenario() -> None:
        site = _bare_site(app)
        asker = Asker("acme", "ann", frozenset({"query"}))
        told = [
            sorted(
                one.told for one in await judged(site, asker, Probe("GET /", "x", Request("GET", path), served=True))
            )
            for path in ("/back/aaaaaaaaaaaaaaaa", "/more", "/other")
        ]
        assert told == [[], ["document id", "file name"], ["document id"]]

    run(scenario())


def _bare_site(app: Any) -> Site:
    atoms = {"a" * 16: Atom("document id"), "zqbadadababa": Atom("file name")}
    oracle = Oracle(State({}, {"acme": {}}), atoms)
    nothing: Any = None
    site = Site(make_world(1, 1, 1), nothing, app, {}, oracle, random.Random(1))
    site.credentials[Asker("acme", "ann", frozenset({"query"}))] = lambda _: ()
    return site


@pytest.mark.parametrize(
    ("listed", "reads"),
    [
        ("everyone", {"ann", "bob", "group:legal", "legal"}),
        ("user:ann", {"ann"}),
        ("user:group:legal", {"group:legal"}),
        ("group:legal", {"bob"}),
        ("group:staff", {"bob", "ann"}),
        ("group:nobody", set()),
        ("user:legal", {"legal"}),
    ],
)
def test_the_oracle_reads_lists_as_they_are_documented(listed: str, reads: set[str]) -> None:
    groups = {"legal": frozenset({"user:bob"}), "staff": frozenset({"group:legal", "user:ann"})}
    state = State({"d": ("acme", frozenset({listed}))}, {"acme": groups, "bolt": groups})
    found = {
        user
        for user in ("ann", "bob", "group:legal", "legal")
        if state.readable(Asker("acme", user, frozenset({"query"})))
    }
    assert found == reads
    assert state.readable(Asker("bolt", "bob", frozenset({"query"}))) == frozenset()


def test_worlds_of_one_seed_are_alike_and_no_canary_stands_twice() -> None:
    world = make_world(7, 6, 16)
    assert world == make_world(7, 6, 16)
    assert world != make_world(8, 6, 16)
    canaries = [word for one in (*world.documents, *world.uploads) for word in one.canaries]
    assert len(canaries) == len(set(canaries))
