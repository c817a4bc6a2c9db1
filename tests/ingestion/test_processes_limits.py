"""Children that break a limit or their word: the file is refused or the stage has failed, and the next is served."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ingestion.processes.limits import MIB
from ingestion.processes.stages import ProcessStages
from rag_service.domain.document import ParsedDocument, Upload
from rag_service.domain.errors import Refused, StageFailed
from tests.ingestion.children import ACME, LIMITS, hostile_stages, order


def asked(stages: ProcessStages, what: str, with_: str = "") -> ParsedDocument:
    return asyncio.run(stages.of(ACME).parse(order(what, with_), 2**20))


def is_served(stages: ProcessStages) -> bool:
    return asked(stages, "fine").title == "Title"


@pytest.fixture(scope="module")
def stages() -> Iterator[ProcessStages]:
    """Shared by tests that leave a working parser behind."""
    stages = hostile_stages()
    yield stages
    stages.close()


@pytest.mark.parametrize(
    ("what", "limits", "reason"),
    [
        ("loop", {"cpu_s": 1, "wall_s": 3600.0, "requests": 20}, "parser_timeout"),
        ("loop", {"wall_s": 1.0}, "parser_timeout"),
        ("sleep", {"wall_s": 1.0}, "parser_timeout"),
        ("allocate", {}, "parser_memory"),
        ("abort_without_memory", {}, "parser_memory"),
        ("long", {}, "output_too_large"),
        ("endless", {}, "output_too_large"),
    ],
)
def test_a_file_whose_parser_breaks_a_limit_is_refused_and_the_next_is_served(
    what: str, limits: dict[str, float], reason: str
) -> None:
    if what == "abort_without_memory":  # its peak is told apart only where it is above that of this process
        peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        limits = {"memory_bytes": max(LIMITS.memory_bytes or 0, 2 * peak + 2**28)}
    stages = hostile_stages(**limits)
    try:
        assert is_served(stages)
        [before] = stages.pids()["parser"]
        with pytest.raises(Refused) as refused:
            asked(stages, what)
        assert refused.value.reason == reason
        assert refused.value.detail.endswith(".")
        assert is_served(stages)
        assert before not in stages.pids()["parser"]
    finally:
        stages.close()


@pytest.mark.parametrize("what", ["crash", "end", "garbage", "other_types", "class_in_json", "deep"])
def test_a_child_that_dies_or_breaks_its_word_is_a_failed_stage_and_is_replaced(
    stages: ProcessStages, what: str
) -> None:
    assert is_served(stages)
    [before] = stages.pids()["parser"]
    with pytest.raises(StageFailed) as failed:
        asked(stages, what)
    assert failed.value.stage == "parse"
    assert is_served(stages)
    assert before not in stages.pids()["parser"]


@pytest.mark.parametrize("what", ["raw_pickle", "pickle_as_answer", "pickle_as_head", "class_in_json"])
def test_nothing_on_the_wire_is_ever_run(stages: ProcessStages, what: str, tmp_path: Path) -> None:
    with pytest.raises(StageFailed):
        asked(stages, what, f"touch {tmp_path / 'ran'}")
    assert list(tmp_path.iterdir()) == []
    assert is_served(stages)


def test_an_error_in_a_stage_says_its_kind_and_nothing_of_the_document(stages: ProcessStages) -> None:
    with pytest.raises(StageFailed) as failed:
        asked(stages, "defect", "zebra")
    assert "ValueError" in str(failed.value)
    assert "zebra" not in str(failed.value)


@pytest.mark.parametrize("reason", ["Not A Word", "../x", "x" * 100, "рус"])
def test_a_reason_that_is_no_plain_word_is_not_passed_on(stages: ProcessStages, reason: str) -> None:
    with pytest.raises(StageFailed):
        asked(stages, "reason", reason)


def test_what_a_child_prints_goes_nowhere(stages: ProcessStages, capfd: pytest.CaptureFixture[str]) -> None:
    assert asked(stages, "noise").title == "Title"
    assert capfd.readouterr() == ("", "")


def test_halves_of_surrogate_pairs_do_not_cross(stages: ProcessStages) -> None:
    texts = [element.text for element in asked(stages, "surrogates").elements]
    assert texts == ["before  after \U0001f600", ""]


def test_a_child_that_is_killed_in_the_middle_is_a_failed_stage_and_the_next_request_works(
    stages: ProcessStages,
) -> None:
    async def kill() -> None:
        assert (await stages.of(ACME).parse(order("fine"), 1)).title == "Title"
        under_way = asyncio.create_task(stages.of(ACME).parse(order("sleep"), 1))
        await asyncio.sleep(0.2)
        [pid] = stages.pids()["parser"]
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(StageFailed, match="signal 9"):
            await under_way

    asyncio.run(kill())
    assert is_served(stages)


def test_a_parser_is_replaced_after_so_many_documents() -> None:
    stages = hostile_stages(requests=3)
    try:
        pids = [asked(stages, "fine").elements[0].text for _ in range(7)]
    finally:
        stages.close()
    assert [len(set(pids[at : at + 3])) for at in (0, 3)] == [1, 1]
    assert len(set(pids)) == 3


def test_closing_ends_what_is_under_way_and_leaves_no_child() -> None:
    stages = hostile_stages(parsers=2)

    async def close() -> None:
        tasks = [asyncio.create_task(stages.of(ACME).parse(order(what), 1)) for what in ("sleep", "loop", "fine")]
        while "start" not in stages.profile() or stages.profile()["start"].calls < 2:  # noqa: ASYNC110  # no event is set
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)  # both are at work
        pids.extend(stages.pids()["parser"])
        await asyncio.to_thread(stages.close)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(outcome, StageFailed) for outcome in outcomes)

    pids: list[int] = []
    asyncio.run(close())
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    with pytest.raises(StageFailed):
        asked(stages, "fine")
    stages.close()


def test_a_cancelled_request_that_still_waits_is_never_sent(stages: ProcessStages) -> None:
    async def cancel() -> None:
        first = asyncio.create_task(stages.of(ACME).parse(order("busy"), 1))
        unwanted = asyncio.create_task(stages.of(ACME).parse(order("loop"), 1))
        last = asyncio.create_task(stages.of(ACME).parse(order("fine"), 1))
        await asyncio.sleep(0.01)
        unwanted.cancel()
        await asyncio.gather(first, last)

    assert is_served(stages)
    before = stages.pids()["parser"]
    asyncio.run(cancel())
    assert stages.pids()["parser"] == before  # the same child: no loop had to be killed between


def test_a_large_file_has_longer_by_its_size() -> None:
    limits = replace(LIMITS, cpu_s=60, wall_s=120.0, s_per_mib=15)
    assert [limits.cpu_s_for(size * MIB) for size in (0, 1, 4)] == [60, 60 + 15, 60 + 4 * 15]
    assert [limits.wall_s_for(size * MIB) for size in (0, 1, 4)] == [120, 120 + 3 * 15, 120 + 3 * 4 * 15]
    stages = hostile_stages(cpu_s=1, wall_s=3600.0, s_per_mib=30, requests=20)
    try:
        assert asyncio.run(stages.of(ACME).parse(Upload("busy", bytes(MIB), ""), 2 * MIB)).title == "Title"
        with pytest.raises(Refused, match="parser_timeout"):
            asyncio.run(stages.of(ACME).parse(Upload("busy", bytes(100), ""), 2 * MIB))
    finally:
        stages.close()
