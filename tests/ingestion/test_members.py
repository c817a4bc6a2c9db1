"""What comes in an archive or a mail: documents of their own that go where their container goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ingestion.batch import FileOutcome, FoundFile, Ingested, Intake, Outcome, Watcher, ingest_files
from ingestion.pipeline import Unchanged
from ingestion.stages import LocalStages
from rag_service.authentication import operate
from rag_service.domain.errors import Conflict, Refused
from rag_service.domain.identity import Principal
from rag_service.store.opened import DocumentMeta
from rag_service.store.tenants import Tenant
from tests.conftest import Company
from tests.ingestion.samples import zip_file
from tests.ingestion.test_unpack import mail
from tests.security.http import ask, client

Run = Callable[[Any], Any]
Open = Callable[..., Any]
FERRY, HARBOUR = b"# Ferry\n\nThe ferry to Quillfjord leaves at nine.\n", b"The harbour master is on call at night.\n"


@dataclass
class Shelf:
    """A tenant and a folder, whose files are ingested as they are written."""

    company: Company
    folder: Path

    async def put(self, name: str, content: bytes, allow: list[str] | None = None) -> FileOutcome:
        path = self.folder / name
        path.write_bytes(content)
        [outcome] = await self.company.ingest_found([FoundFile(path, name)], allow or ["everyone"])
        return outcome

    async def tenant(self) -> Tenant:
        return await self.company.service.store.tenants.by_name(self.company.name)

    async def metas(self) -> dict[str, DocumentMeta]:
        tenant = await self.tenant()
        return {one.source: one for one in await self.company.service.store.documents.all(operate(tenant), tenant.keys)}

    async def found_by(self, user: str) -> str | None:
        """The document that tells this user when the ferry leaves."""
        async with client(self.company.service, await self.company.key(user)) as web:
            answer = (await ask(web, self.company.name, "When does the ferry to Quillfjord leave?")).json()
        return answer["citations"][0]["document_id"] if answer["found"] else None

    async def set_readers(self, document_id: str, *principals: str) -> None:
        tenant = await self.tenant()
        listed = [Principal.parse(one) for one in principals]
        await self.company.service.store.versions.set_access(operate(tenant), tenant.keys, document_id, listed)
        await self.company.service.follower.catch_up(tenant.id)

    async def readers(self, document_id: str) -> set[str]:
        tenant = await self.tenant()
        listed = await self.company.service.store.documents.access(operate(tenant), tenant.keys, document_id)
        return set(listed.entries)


def id_of(outcome: Outcome | FileOutcome) -> str:
    result = outcome.result if isinstance(outcome, FileOutcome) else outcome
    assert isinstance(result, Ingested | Unchanged), result
    return result.document_id


def test_the_files_of_an_archive_are_documents_and_the_archive_lists_them(
    run: Run, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            shelf = Shelf(acme, tmp_path)
            inner = zip_file({"harbour.txt": HARBOUR})
            outcome = await shelf.put("town.zip", zip_file({"ferry.md": FERRY, "in.zip": inner, "../x.txt": b"evil"}))
            assert set(outcome.members) == {"ferry.md", "in.zip!harbour.txt", "../x.txt"}
            refused = outcome.members["../x.txt"]
            assert isinstance(refused, Refused)
            assert refused.reason == "unsafe_path"
            metas = await shelf.metas()
            assert set(metas) == {"town.zip", "town.zip!ferry.md", "town.zip!in.zip!harbour.txt"}
            assert metas["town.zip!ferry.md"].parent_id == id_of(outcome) == metas["town.zip"].document_id
            assert metas["town.zip!in.zip!harbour.txt"].title == "harbour in town.zip"
            assert await shelf.found_by("ann") == metas["town.zip!ferry.md"].document_id

            again = await shelf.put("town.zip", (tmp_path / "town.zip").read_bytes())
            assert isinstance(again.result, Unchanged)
            assert {path: type(one) for path, one in again.members.items()} == {
                "ferry.md": Unchanged,
                "in.zip!harbour.txt": Unchanged,
            }

    run(scenario())


def test_a_member_is_read_by_whom_its_container_is_and_never_by_others(
    run: Run, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            shelf = Shelf(acme, tmp_path)
            outcome = await shelf.put("town.zip", zip_file({"ferry.md": FERRY}), ["user:ann", "user:bob"])
            container, member = id_of(outcome), id_of(outcome.members["ferry.md"])
            assert await shelf.readers(member) == {"user:ann", "user:bob"}
            assert [await shelf.found_by(user) for user in ("ann", "bob", "eve")] == [member, member, None]

            await shelf.set_readers(container, "user:ann")
            assert await shelf.readers(member) == {"user:ann"}
            assert [await shelf.found_by(user) for user in ("ann", "bob")] == [member, None]

            with pytest.raises(Conflict):
                await shelf.set_readers(member, "everyone")
            assert await shelf.readers(member) == {"user:ann"}

    run(scenario())


def test_a_changed_container_replaces_what_changed_and_removes_what_is_gone(
    run: Run, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            shelf = Shelf(acme, tmp_path)
            first = await shelf.put("t.zip", zip_file({"a.txt": FERRY, "b.txt": HARBOUR, "c.txt": b"the third"}))
            second = await shelf.put(
                "t.zip", zip_file({"a.txt": FERRY, "b.txt": b"no master any more", "d.txt": b"new"})
            )
            kept, changed, new = (second.members[f"{name}.txt"] for name in "abd")
            assert isinstance(kept, Unchanged)
            assert kept.document_id == id_of(first.members["a.txt"])
            assert isinstance(changed, Ingested)
            assert (changed.document_id, changed.version) == (id_of(first.members["b.txt"]), 2)
            assert isinstance(new, Ingested)
            assert set(await shelf.metas()) == {"t.zip", "t.zip!a.txt", "t.zip!b.txt", "t.zip!d.txt"}

            tenant = await shelf.tenant()
            await acme.service.store.versions.delete(operate(tenant), id_of(second))
            assert await shelf.metas() == {}
            assert await shelf.found_by("ann") is None

    run(scenario())


def test_attachments_have_the_mail_as_their_container_and_equal_names_do_not_meet(
    run: Run, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            shelf = Shelf(acme, tmp_path)
            letter = await shelf.put("letter.eml", mail(("ferry.md", FERRY)).as_bytes(), ["user:ann"])
            other = await shelf.put("other.eml", mail(("ferry.md", HARBOUR)).as_bytes(), ["user:bob"])
            assert await shelf.readers(id_of(letter.members["ferry.md"])) == {"user:ann"}
            assert await shelf.readers(id_of(other.members["ferry.md"])) == {"user:bob"}
            assert (await shelf.metas())["letter.eml!ferry.md"].title == "Ferry in Letter"

    run(scenario())


def test_nobody_takes_the_place_of_a_member_and_no_member_that_of_a_file(
    run: Run, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            shelf = Shelf(acme, tmp_path)
            file = await shelf.put("t.zip!a.txt", HARBOUR, ["user:eve"])
            outcome = await shelf.put("t.zip", zip_file({"a.txt": FERRY}), ["user:ann"])
            assert id_of(outcome.members["a.txt"]) != id_of(file)
            assert await shelf.readers(id_of(file)) == {"user:eve"}
            assert await shelf.readers(id_of(outcome.members["a.txt"])) == {"user:ann"}

    run(scenario())


def test_a_member_whose_container_changes_hands_or_goes_meanwhile_never_goes_live_as_it_was(
    run: Run, open_companies: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is narrowed, and then the container deleted, while its member is being embedded."""

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            shelf, embed, done = Shelf(acme, tmp_path), LocalStages.embed, list[str]()

            async def meanwhile(self: LocalStages, texts: Any) -> Any:
                rows = await embed(self, texts)
                if any("Quillfjord" in text for text in texts) and len(done) < 1:
                    done.append("narrowed")
                    await shelf.set_readers((await shelf.metas())["t.zip"].document_id, "user:ann")
                if any("gone" in text for text in texts):
                    tenant = await shelf.tenant()
                    await acme.service.store.versions.delete(
                        operate(tenant), (await shelf.metas())["u.zip"].document_id
                    )
                return rows

            monkeypatch.setattr(LocalStages, "embed", meanwhile)
            monkeypatch.setattr("rag_service.store.jobs._FIRST_DELAY_S", 0.01)
            outcome = await shelf.put("t.zip", zip_file({"a.txt": FERRY}), ["everyone"])
            assert await shelf.readers(id_of(outcome.members["a.txt"])) == {"user:ann"}
            assert done

            lost = await shelf.put("u.zip", zip_file({"b.txt": b"soon this is gone"}), ["everyone"])
            ended = lost.members["b.txt"]
            assert isinstance(ended, Refused)
            assert ended.reason == "cancelled"
            assert set(await shelf.metas()) == {"t.zip", "t.zip!a.txt"}

    run(scenario())


def test_a_container_that_an_operator_gives_to_another_takes_its_members_along(
    run: Run, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,), acme.worker_at_work():
            shelf, tenant = Shelf(acme, tmp_path), await acme.service.store.tenants.by_name("acme")
            path = tmp_path / "t.zip"
            path.write_bytes(zip_file({"a.txt": FERRY}))
            found = [FoundFile(path, "t.zip")]
            owners = {}
            for owner in ("ann", "bob"):
                intake = Intake(tenant, "operator", owner, [Principal.user(owner)])
                [outcome] = await ingest_files(found, intake, acme.service.store, 2**26, Watcher(lambda *_: True))
                member = id_of(outcome.members["a.txt"])
                listed = await acme.service.store.documents.access(operate(tenant), tenant.keys, member)
                owners[owner] = (member, listed.owner, listed.entries)
            member = owners["ann"][0]
            assert owners == {"ann": (member, "ann", ["user:ann"]), "bob": (member, "bob", ["user:bob"])}
            assert [await shelf.found_by(user) for user in ("ann", "bob")] == [None, member]

    run(scenario())


def test_no_member_is_lost_where_the_service_stops_after_its_container_went_live(
    run: Run, open_companies: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker ends as if it were killed when it meets the first member; the next one finds the jobs in the queue."""

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            shelf, gate = Shelf(acme, tmp_path), asyncio.Event()
            parse = LocalStages.parse

            async def killed(self: LocalStages, upload: Any, max_bytes: int) -> Any:
                gate.set()
                await asyncio.Event().wait()

            monkeypatch.setattr(LocalStages, "parse", killed)
            put = asyncio.create_task(shelf.put("t.zip", zip_file({"a.txt": FERRY, "b.txt": HARBOUR})))
            await gate.wait()
            put.cancel()
            await asyncio.gather(put, return_exceptions=True)
            assert set(await shelf.metas()) == {"t.zip"}
            monkeypatch.setattr(LocalStages, "parse", parse)
            async with acme.worker_at_work() as worker:
                await worker.drained()
            assert set(await shelf.metas()) == {"t.zip", "t.zip!a.txt", "t.zip!b.txt"}

    run(scenario())
