"""The sweep: what newer detectors find in stored documents, and that it may be stopped anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestion import floods, outliers
from ingestion import revalidate as sweeping
from ingestion import screen as screening
from ingestion.revalidate import Sweep, revalidate
from ingestion.stages import LocalStages
from rag_service.authentication import operate
from rag_service.detect import injection
from rag_service.domain.document import Finding
from tests.conftest import Company
from tests.databases import tamper
from tests.ingestion.samples import zip_file
from tests.ingestion.test_members import FERRY, Shelf, id_of
from tests.store.test_quarantine import CLEAN, HELD, decide, in_quarantine, seen

Run = Callable[[Any], Any]
Open = Callable[..., Any]


async def sweep(company: Company, **more: Any) -> Sweep:
    tenant = await company.service.store.tenants.by_name(company.name)
    stages = LocalStages(company.service.embedder, company.service.detector)
    done = await revalidate(tenant, company.service.store.revalidation, stages, **more)
    await company.service.follower.catch_up(tenant.id)
    return done


def learn(monkeypatch: pytest.MonkeyPatch, word: str, kind: str = injection.KIND, version: str = "newer") -> None:
    """From now on the detectors find this word, and are of another version."""
    orders_in = injection.orders_in

    def learned(text: str) -> Any:
        found, is_encoded = orders_in(text)
        at = text.find(word)
        return [*found, *([Finding(kind, at, at + len(word))] if at >= 0 else [])], is_encoded

    monkeypatch.setattr(injection, "orders_in", learned)
    for module in (screening, sweeping):
        monkeypatch.setattr(module, "DETECTOR_VERSION", version)


def test_newer_detectors_hold_what_older_ones_let_through(
    run: Run, open_companies: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            document = await acme.document_id(tmp_path, ["everyone"], ferry_md=CLEAN)
            await acme.ingest(tmp_path, pier_md="# Pier\n\nThe pier is long.\n")
            assert (await sweep(acme)).judged == 0  # today's detectors judged them already
            embedded: list[str] = []
            monkeypatch.setattr(acme.service.embedder, "embed", lambda texts: embedded.extend(texts) or 1 / 0)
            learn(monkeypatch, "Quillfjord")
            done = await sweep(acme)
            assert (done.judged, done.quarantined, embedded) == (2, [document], [])
            monkeypatch.undo()
            learn(monkeypatch, "Quillfjord")
            [held] = await in_quarantine(acme)
            assert (held.document_id, held.live_version, held.reasons) == (document, 0, ("injected_instruction",))
            answer, _, documents, _ = await seen(acme)
            assert ("nine" in answer, documents) == (False, 1)
            assert (await sweep(acme)).judged == 0
            await decide(acme, "release", document)
            assert "nine" in (await seen(acme))[0]
            assert (await sweep(acme, everything=True)).quarantined == []  # there is no reason that is new
            learn(monkeypatch, "nine", screening.injection.KIND, "newest")
            assert (await sweep(acme)).quarantined == []
            tenant = await acme.service.store.tenants.by_name("acme")
            for one in (
                document,
                *[meta.document_id for meta in await acme.service.store.documents.all(operate(tenant), tenant.keys)],
            ):
                assert await acme.service.store.consistency.problems(operate(tenant), tenant.keys, one) == []

    run(scenario())


def test_what_came_in_an_archive_that_a_sweep_holds_waits_with_it_and_is_released_with_it(
    run: Run, open_companies: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            shelf = Shelf(acme, tmp_path)
            members = {"quillon.md": b"# Quay\n\nIt is long.\n", "ferry.md": FERRY}
            await shelf.put("town.zip", zip_file({"quillon.md": members["quillon.md"], "ferry.md": FERRY}))
            second = await shelf.put("town.zip", zip_file({**members, "quillon.md": b"# Quay\n\nIt is short.\n"}))
            container, ferry = id_of(second), id_of(second.members["ferry.md"])
            assert await shelf.found_by("ann") == ferry
            learn(monkeypatch, "quillon.md")
            assert (await sweep(acme)).quarantined == [container]
            held = {one.document_id: one.reasons for one in await in_quarantine(acme)}
            assert held == {
                container: ("injected_instruction",),
                **dict.fromkeys(map(id_of, second.members.values()), ("held_container",)),
            }
            assert await shelf.metas() == {}
            assert await shelf.found_by("ann") is None
            await decide(acme, "release", container)
            assert await shelf.found_by("ann") == ferry  # which is the first version's, and came in the second too
            assert len(await shelf.metas()) == 3

    run(scenario())


def test_a_sweep_weighs_stored_vectors_and_keeps_what_was_seen_beside_others(
    run: Run, open_companies: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def evidence(company: Company) -> list[str]:
        stored = company.service.store.revalidation
        tenant = await company.service.store.tenants.by_name(company.name)
        [live], _ = await stored.page(operate(tenant), tenant.keys)
        text = await stored.text(operate(tenant), live)
        assert text is not None
        return sorted({one[0] for one in text.screening["evidence"]})

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            with monkeypatch.context() as lonely:
                lonely.setattr(floods, "LEAST_KNOWN", 0)
                lonely.setattr(floods, "FAR", 2.0)
                await acme.ingest(tmp_path, harbour_md=CLEAN)
            assert await evidence(acme) == [floods.FAR_FROM_OTHERS]
            monkeypatch.setattr(outliers, "FAR", 2.0)
            monkeypatch.setattr(outliers, "LEAST_PASSAGES", 1)
            monkeypatch.setattr(acme.service.embedder, "embed", lambda _: 1 / 0)
            learn(monkeypatch, "nothing of the kind")
            assert (await sweep(acme)).judged == 1
            assert await evidence(acme) == [floods.FAR_FROM_OTHERS, outliers.KIND]

    run(scenario())


def test_what_was_released_is_held_again_for_a_reason_that_is_new(
    run: Run, open_companies: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            [outcome] = (await acme.ingest(tmp_path, ferry_md=HELD)).values()
            document = outcome.result.document_id
            await decide(acme, "release", document)
            learn(monkeypatch, "Quillfjord", "tag_characters")
            hiding = screening._concealments
            monkeypatch.setattr(screening, "_concealments", lambda found: [*hiding(found), "tag_characters"])
            assert (await sweep(acme)).quarantined == [document]
            [held] = await in_quarantine(acme)
            assert set(held.reasons) == {"injected_instruction", "hidden_characters"}

    run(scenario())


def test_a_suspicion_that_is_new_drops_its_passage_and_nothing_else(
    run: Run, open_companies: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            await acme.document_id(tmp_path, ["everyone"], ferry_md=CLEAN)
            learn(monkeypatch, "Quillfjord", "off_topic_request")  # of a score that holds nothing
            orders_in = injection.orders_in
            monkeypatch.setattr(
                injection,
                "orders_in",
                lambda text: ([Finding(one.kind, one.start, one.end, 0.7) for one in orders_in(text)[0]], False),
            )
            done = await sweep(acme)
            assert (done.judged, done.changed, done.quarantined) == (1, 1, [])
            answer, *_ = await seen(acme)
            assert answer == ""

    run(scenario())


def test_a_sweep_that_is_stopped_or_meets_another_leaves_every_document_whole(
    run: Run, open_companies: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            for number in range(4):
                await acme.ingest(tmp_path / str(number), **{f"ferry{number}_md": f"{CLEAN}\nPier {number}.\n"})
            learn(monkeypatch, "Quillfjord")
            stopped = asyncio.Event()

            def stop(done: Sweep) -> None:
                if done.judged == 2:
                    stopped.set()
                    raise asyncio.CancelledError

            with pytest.raises(asyncio.CancelledError):
                await sweep(acme, watch=stop)
            assert len(await in_quarantine(acme)) == 2
            both = await asyncio.gather(sweep(acme), sweep(acme))
            assert sum(len(one.quarantined) for one in both) == 2  # each is held once, by one of them
            assert len(await in_quarantine(acme)) == 4
            tenant = await acme.service.store.tenants.by_name("acme")
            entries = await acme.service.store.quarantine.history(operate(tenant), tenant.keys, limit=100)
            assert len(entries) == 4
            assert await acme.service.store.consistency.strays() == {}

    run(scenario())


def test_where_nothing_is_held_a_sweep_holds_nothing_either(
    run: Run, open_companies: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            await acme.document_id(tmp_path, ["everyone"], ferry_md=CLEAN)
            learn(monkeypatch, "Quillfjord")
            done = await sweep(acme, holds=False)
            assert (done.judged, done.changed, done.quarantined) == (1, 1, [])
            answer, _, documents, _ = await seen(acme)
            assert (answer, documents) == ("", 1)  # only its passage is left out

    run(scenario())


def test_a_detector_that_fails_at_one_document_judges_those_behind_it(
    run: Run, open_companies: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            for number in range(3):
                await acme.ingest(tmp_path / str(number), **{f"ferry{number}_md": f"{CLEAN}\nPier {number}.\n"})
            learn(monkeypatch, "Quillfjord")
            failing, calls = injection.orders_in, iter(range(9))
            monkeypatch.setattr(injection, "orders_in", lambda text: failing(text) if next(calls) else 1 / 0)
            done = await sweep(acme)
            assert (len(done.failed), len(done.quarantined)) == (1, 2)
            assert (await sweep(acme)).quarantined == done.failed

    run(scenario())


def test_a_document_that_was_altered_is_not_signed_anew(
    run: Run, open_companies: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            document = await acme.document_id(tmp_path, ["everyone"], ferry_md=CLEAN)
            assert tamper(settings.data_dir, "UPDATE chunks SET signature = ? WHERE document_id = ?", b"x", document)
            learn(monkeypatch, "nothing of it")
            assert (await sweep(acme)).failed == [document]
            assert (await sweep(acme)).failed == [document]
            tenant = await acme.service.store.tenants.by_name("acme")
            found = await acme.service.store.consistency.problems(operate(tenant), tenant.keys, document)
            assert found == ["a chunk does not carry its signature"]

    run(scenario())
