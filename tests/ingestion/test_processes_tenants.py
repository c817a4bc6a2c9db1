"""What a taken-over parser has read of one tenant is never in its reach when another's document comes."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from ingestion.processes import forking
from ingestion.processes.channel import Frame
from ingestion.processes.pool import Pool, StageDefect
from ingestion.processes.profile import Accounts
from ingestion.processes.stages import ProcessStages
from ingestion.processes.turns import is_best
from ingestion.processes.wire import ParseRequest, encode
from rag_service.domain.errors import ModelUnavailable, Refused, StageFailed
from rag_service.domain.identity import TenantId
from tests.ingestion.children import ACME, HOSTILE, OTHER, hostile_stages, order

THIRD = TenantId("third")


@pytest.fixture
def stages() -> Iterator[ProcessStages]:
    stages = hostile_stages()
    yield stages
    stages.close()


async def recalled(stages: ProcessStages, tenant: TenantId, text: str) -> tuple[int, list[str]]:
    """The child that was asked, and all that it remembers."""
    pid, *kept = (await stages.of(tenant).parse(order("recall", text), 1)).elements
    return int(pid.text), [element.text for element in kept]


def starts(stages: ProcessStages) -> int:
    return stages.profile()["start"].calls


@pytest.mark.parametrize("can_fork", [True, False])
def test_a_parser_that_met_one_tenants_document_never_meets_anothers(
    can_fork: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not can_fork:
        monkeypatch.setattr(forking, "is_available", lambda: False)
    stages = hostile_stages()
    try:
        assert asyncio.run(recalled(stages, ACME, "acme's secret"))[1] == ["acme's secret"]
        assert asyncio.run(recalled(stages, OTHER, "other's"))[1] == ["other's"]
        assert asyncio.run(recalled(stages, ACME, "acme's next"))[1] == ["acme's next"]
        assert bool(stages.templates()) == can_fork
    finally:
        stages.close()


@pytest.mark.parametrize("what", ["defect", "reason", "garbage", "end"])
def test_nor_does_one_that_failed_over_the_first(stages: ProcessStages, what: str) -> None:
    asyncio.run(recalled(stages, OTHER, "other's own"))
    with pytest.raises((StageFailed, Refused)):
        asyncio.run(stages.of(ACME).parse(order(what, "secret"), 1))
    assert asyncio.run(recalled(stages, OTHER, "other's"))[1] == ["other's"]


def test_tenants_side_by_side_never_share_a_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.processes.stages._PATIENCE_S", 0.0)
    stages, chance = hostile_stages(parsers=3), random.Random(7)
    wanted = [chance.choice([ACME, OTHER, THIRD]) for _ in range(60)]

    async def all_at_once() -> list[tuple[int, list[str]]]:
        return await asyncio.gather(*(recalled(stages, tenant, tenant) for tenant in wanted))

    try:
        answers = asyncio.run(all_at_once())
    finally:
        stages.close()
    assert [set(kept) for _, kept in answers] == [{tenant} for tenant in wanted]
    assert len({pid for pid, _ in answers}) > 3


def test_a_tenants_documents_meet_one_parser_after_the_other(stages: ProcessStages) -> None:
    answers = [asyncio.run(recalled(stages, ACME, str(number))) for number in range(4)]
    assert len({pid for pid, _ in answers}) == 1
    assert answers[-1][1] == ["0", "1", "2", "3"]
    assert starts(stages) == 1


def test_tenants_that_take_turns_each_keep_a_parser_where_there_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.processes.stages._PATIENCE_S", 0.0)
    stages = hostile_stages(parsers=2)

    async def both() -> tuple[int, int]:
        found = await asyncio.gather(recalled(stages, ACME, "a"), recalled(stages, OTHER, "o"))
        return found[0][0], found[1][0]

    async def in_turn() -> list[int]:
        return [(await recalled(stages, tenant, "x"))[0] for tenant in (OTHER, ACME, OTHER, ACME)]

    try:
        while starts(stages) < 2 if "start" in stages.profile() else True:
            acme, other = asyncio.run(both())
        acme, other = asyncio.run(both())
        assert asyncio.run(in_turn()) == [other, acme, other, acme]
    finally:
        stages.close()


def test_a_tenant_is_served_in_its_turn_while_another_floods(stages: ProcessStages) -> None:
    """No child's preference for the tenant that it knows keeps another waiting."""
    served: list[str] = []

    async def one(tenant: TenantId, name: str) -> None:
        await recalled(stages, tenant, name)
        served.append(name)

    async def flood() -> None:
        before = [one(ACME, f"before {number}") for number in range(5)]
        after = [one(ACME, f"after {number}") for number in range(5)]
        await asyncio.gather(*before, one(OTHER, "other's"), *after)

    asyncio.run(flood())
    assert served.index("other's") == 5


def test_parsers_go_on_where_their_template_is_killed_and_the_next_has_a_new_one(stages: ProcessStages) -> None:
    pid, _ = asyncio.run(recalled(stages, ACME, "before"))
    killed = stages.templates()["parser"]
    os.kill(killed, signal.SIGKILL)
    assert asyncio.run(recalled(stages, ACME, "after")) == (pid, ["before", "after"])
    assert asyncio.run(recalled(stages, OTHER, "other's"))[1] == ["other's"]
    assert stages.templates()["parser"] != killed


def test_a_template_in_which_a_second_thread_runs_forks_nothing() -> None:
    stages = hostile_stages(config=b"a thread")
    try:
        with pytest.raises(StageFailed):
            asyncio.run(recalled(stages, ACME, "x"))
    finally:
        stages.close()


def test_what_keeps_a_template_from_loading_is_told_by_its_child() -> None:
    stages = hostile_stages(config=b"no model")
    try:
        with pytest.raises(ModelUnavailable, match="nowhere"):
            asyncio.run(recalled(stages, ACME, "x"))
    finally:
        stages.close()


def test_a_request_without_a_tenant_is_not_taken() -> None:
    pool = Pool(HOSTILE, 1, Accounts())
    with pytest.raises(ValueError, match="tenant"):
        pool.submit("parse", lambda: (b"", b""), lambda _body, _blob: None)
    pool.close()


@pytest.mark.parametrize(("what", "passed_on"), [("defect", "ValueError"), ("say_refused", ""), ("say_failed", "")])
def test_a_child_that_serves_many_tenants_has_no_words_of_its_own(what: str, passed_on: str) -> None:
    pool = Pool(replace(HOSTILE, per_tenant=False), 1, Accounts())
    request = encode(ParseRequest(what, "secret_of_another", None, 1))
    try:
        with pytest.raises(StageDefect) as defect:
            pool.submit("parse", lambda: (request, b""), lambda body, blob: Frame(b"", body, blob)).result()
    finally:
        pool.close()
    assert defect.value.error == (passed_on or "an error")


@dataclass
class Idle:
    realm: str | None
    last_asked: float = 0.0


def test_a_request_goes_to_the_idle_child_that_knows_its_tenant_else_a_new_one_else_the_longest_idle() -> None:
    own, fresh, older, newer = Idle("acme"), Idle(None), Idle("x", 1.0), Idle("y", 2.0)
    ranked = [own, fresh, None, older, newer]
    for at, best in enumerate(ranked):
        assert is_best(best, "acme", ranked[at:])
        assert not any(is_best(other, "acme", ranked[at:]) for other in ranked[at + 1 :])
