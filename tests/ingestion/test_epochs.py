"""A tenant's index moves to another model or key beside a running service, and back."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ingestion.epochs import Workshop
from rag_service.authentication import Caller, act_as, operate
from rag_service.compare_points import differences
from rag_service.domain.errors import Conflict, EmbeddingMismatch, InvalidRequest, NotFound
from rag_service.domain.identity import Principal
from rag_service.domain.retrieval import SealedPoint
from rag_service.follow import sealed_points
from rag_service.models import Models
from rag_service.owner.socket import owner_socket
from rag_service.query.ask import search
from rag_service.query.retrieve import Filters
from rag_service.settings import Settings, load_settings
from rag_service.store.epochs import EpochState, Views
from rag_service.upkeep import upkeep
from rag_service.wiring import open_service
from tests.conftest import Company

Run = Callable[[Any], Any]
FERRY = "# Ferry\n\nThe last ferry to the island leaves at eleven in the evening from the north quay.\n"
CRANE = "# Cranes\n\nCrane four lifts forty tonnes and is inspected every spring by the insurer.\n"
PILOT = "# Pilots\n\nA pilot boards every large ship at the outer buoy, and two are on call at night.\n"


@dataclass
class Harbour:
    """A running service with two tenants, and the workshop that changes the first one's epochs."""

    acme: Company
    bolt: Company
    workshop: Workshop
    folder: Path
    heard: list[str] = field(default_factory=list)

    async def tenant(self) -> Any:
        return await self.acme.service.store.tenants.by_name("acme")

    async def views(self) -> Views:
        return await self.acme.service.store.epochs.views((await self.tenant()).id)

    async def caller(self, user: str = "ann") -> Caller:
        service = self.acme.service
        return await act_as(await self.tenant(), user, (), groups_of=service.store.groups)

    async def found(self, question: str, user: str = "ann") -> list[str]:
        """The texts of what the user finds in the live epoch."""
        found = await search(question, Filters(), await self.caller(user), self.acme.service.query_parts, limit=3)
        return [passage.text for passage in found.passages]

    async def is_in_line(self) -> bool:
        """Whether every epoch's collection holds exactly what SQL seals for it."""
        service = self.acme.service
        views = await self.views()
        await service.follower.catch_up(views.live.id)
        for view in views.all:
            expected: dict[str, SealedPoint] = {}
            for document in await service.store.versions.document_ids(operate(view)):
                stored, access = await service.store.versions.points(operate(view), view.keys, document)
                expected |= {one.point_id: one for one in sealed_points(view.keys.index, document, stored, access)}
            held = await service.index.point_ids(view.keys.index.collection)
            read = await service.index.read(view.keys.index.collection, sorted(held))
            if expected.keys() != held or any(differences(one, read[name]) for name, one in expected.items()):
                return False
        return True

    async def points(self) -> list[int]:
        """How many points each epoch's collection has, the live one's first."""
        index = self.acme.service.index
        return [len(await index.point_ids(view.keys.index.collection)) for view in (await self.views()).all]


@pytest.fixture
def open_harbour(settings: Settings, models: Models, tmp_path: Path) -> Callable[..., Any]:
    @asynccontextmanager
    async def opened(using: Models = models) -> AsyncIterator[Harbour]:
        async with open_service(settings, using) as service:
            for name in ("acme", "bolt"):
                await service.store.tenants.create(name, "identifiers")
            acme, bolt = Company(service, "acme"), Company(service, "bolt")
            await acme.ingest(tmp_path / "acme", ferry_md=FERRY, crane_md=CRANE)
            await bolt.ingest(tmp_path / "bolt", ferry_md=FERRY)
            async with upkeep(service), owner_socket(service):
                yield Harbour(acme, bolt, Workshop(settings, service.store, lambda *_: None), tmp_path)

    return opened


def test_questions_find_their_answer_at_every_moment_of_a_change_and_its_rollback(
    run: Run, open_harbour: Callable[..., Any]
) -> None:
    async def scenario() -> None:
        async with open_harbour() as harbour:
            asked: list[tuple[int, bool]] = []
            one_more = asyncio.Semaphore(0)

            async def ask_on() -> None:
                while True:
                    epoch = (await harbour.tenant()).keys.index.epoch
                    texts = await harbour.found("When does the last ferry leave?")
                    asked.append((epoch, any("eleven" in text for text in texts)))
                    one_more.release()

            async def answered(count: int) -> None:
                """So many questions more, the last of them begun after now."""
                while one_more.locked() is False:
                    await one_more.acquire()
                for _ in range(count):
                    await one_more.acquire()

            asking = asyncio.create_task(ask_on())
            tenant = await harbour.tenant()
            built = await harbour.workshop.build(tenant, None, new_key=True)
            assert (built.number, built.state) == (2, EpochState.READY)
            await harbour.workshop.switch(tenant)
            await answered(3)
            await harbour.workshop.switch(tenant, back=True)
            await answered(3)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert {epoch for epoch, _ in asked} == {1, 2}
            assert all(was_found for _, was_found in asked)
            assert await harbour.is_in_line()

    run(scenario())


def test_what_changes_while_another_epoch_stands_beside_changes_in_both(
    run: Run, open_harbour: Callable[..., Any]
) -> None:
    async def scenario() -> None:
        async with open_harbour() as harbour:
            store, tenant = harbour.acme.service.store, await harbour.tenant()
            before = await harbour.bolt.service.store.epochs.views((await store.tenants.by_name("bolt")).id)
            await harbour.workshop.build(tenant, None, new_key=True)
            crane, ferry = [
                (await store.versions.live(operate(tenant), tenant.keys, name)) for name in ("crane.md", "ferry.md")
            ]
            assert crane is not None
            assert ferry is not None
            await store.versions.set_access(operate(tenant), tenant.keys, ferry.document_id, [Principal.user("bob")])
            await harbour.acme.ingest(harbour.folder / "acme", crane_md=CRANE.replace("forty", "fifty"), pilot_md=PILOT)
            assert await harbour.is_in_line()
            assert await harbour.points() == [3, 1]  # what is new waits for the builder, what was replaced is gone
            await harbour.workshop.switch(tenant)  # embeds what came meanwhile
            assert await harbour.points() == [3, 3]
            assert any("fifty" in text for text in await harbour.found("How much does crane four lift?"))
            assert not any("ferry" in text for text in await harbour.found("When does the last ferry leave?"))
            assert any("ferry" in text for text in await harbour.found("When does the last ferry leave?", "bob"))
            await store.versions.delete(operate(tenant), ferry.document_id)
            await harbour.acme.ingest(harbour.folder / "acme", ferry_md=FERRY.replace("eleven", "ten"))
            assert await harbour.is_in_line()
            assert await harbour.points() == [3, 2]
            await harbour.workshop.switch(tenant, back=True)
            assert any("ten in" in text for text in await harbour.found("When does the last ferry leave?"))
            assert await harbour.points() == [3, 3]
            number = await harbour.workshop.discard(await harbour.tenant())
            assert number == 2
            assert await harbour.points() == [3]
            assert len(await harbour.acme.service.index.collections()) == 2
            with pytest.raises(Conflict):
                await harbour.workshop.switch(tenant, back=True)
            with pytest.raises(NotFound):
                await harbour.workshop.discard(tenant)
            assert await harbour.bolt.service.store.epochs.views(before.live.id) == before

    run(scenario())


def test_a_change_of_model_is_built_compared_and_switched_to(
    run: Run, open_harbour: Callable[..., Any], settings: Settings, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The packaged model in fp32 is another model to the index: its vectors are made by workers of its own."""
    both = Models(settings.model_copy(update={"embedding_models": ("packaged:torch",)}))
    both.__dict__["embedder"] = models.embedder

    async def scenario() -> None:
        async with open_harbour(both) as harbour:
            tenant = await harbour.tenant()
            with pytest.raises(Conflict, match="already"):
                await harbour.workshop.build(tenant, None, new_key=False)
            built = await harbour.workshop.build(tenant, "packaged:torch", new_key=False)
            assert built.embedding != tenant.embedding
            from ingestion.compare_epochs import compared

            told = await compared(harbour.workshop.settings, "acme", "ann", (), None, 5, lambda *_: None)
            assert told.figures["overlap@10"].mean == 1.0
            asked = harbour.folder / "asked.jsonl"
            for named, is_known in (("ferry.md", True), ("gone.md", False)):
                asked.write_text(json.dumps({"question": "When does the last ferry leave?", "documents": [named]}))
                asking = compared(harbour.workshop.settings, "acme", "ann", (), asked, 5, lambda *_: None)
                if is_known:
                    assert (await asking).figures["RR@10 live"].mean == 1.0
                    continue
                with pytest.raises(InvalidRequest, match=r"gone\.md"):
                    await asking
            await harbour.workshop.switch(tenant)
            assert (await harbour.tenant()).embedding == built.embedding
            assert any("eleven" in text for text in await harbour.found("When does the last ferry leave?"))
            assert await harbour.is_in_line()

    run(scenario())


def test_an_epoch_whose_model_the_service_does_not_have_is_not_switched_to(
    run: Run, open_harbour: Callable[..., Any]
) -> None:
    async def scenario() -> None:
        async with open_harbour() as harbour:
            tenant, store = await harbour.tenant(), harbour.acme.service.store
            await store.epochs.begin(operate(tenant), "a model that is gone")
            await store.epochs.become_ready(operate(tenant), 2)
            with pytest.raises(EmbeddingMismatch):
                await harbour.workshop.switch(tenant)
            assert (await harbour.views()).live.keys.index.epoch == 1

    run(scenario())


@pytest.mark.sqlite
def test_a_vector_of_one_epoch_opens_as_no_other(
    run: Run, open_harbour: Callable[..., Any], settings: Settings
) -> None:
    async def scenario() -> None:
        async with open_harbour() as harbour:
            await harbour.workshop.build(await harbour.tenant(), None, new_key=True)
            swapped = (
                "UPDATE vectors SET sealed_vector = (SELECT v.sealed_vector FROM vectors AS v"
                " WHERE v.chunk_id = vectors.chunk_id AND v.epoch = 2) WHERE epoch = 1 AND chunk_id = ?"
            )
            caller, views = await harbour.caller(), await harbour.views()
            chunks = sorted(await harbour.acme.service.store.versions.chunk_ids(operate(views.live)))
            with sqlite3.connect(settings.data_dir / "rag.db") as database:
                assert database.execute(swapped, [chunks[0]]).rowcount == 1
            database.close()
            documents = harbour.acme.service.store.documents
            opened = await documents.open_chunks(caller.scope, views.live.keys, chunks)
            assert set(opened.chunks) == {chunks[1]}
            assert len(opened.tampered) == 1
            beside = views.all[1]
            assert set((await documents.open_chunks(caller.scope, beside.keys, chunks)).chunks) == set(chunks)

    run(scenario())


def test_models_are_found_by_fingerprint_and_a_folder_that_is_gone_costs_nobody_theirs(
    models: Models, tmp_path: Path
) -> None:
    named = f"{tmp_path / 'gone'}, packaged:onnx"
    several = Models(load_settings(embedding_models=named))
    several.__dict__["embedder"] = type("Other", (), {"fingerprint": "another"})()
    assert several.embedder_of(models.embedder.fingerprint).fingerprint == models.embedder.fingerprint
    with pytest.raises(EmbeddingMismatch):
        several.embedder_of("of nobody")
    assert json.loads(json.dumps(load_settings(embedding_models=named).embedding_models))[1] == "packaged:onnx"
