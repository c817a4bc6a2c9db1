"""The document path as a whole: idempotent, atomic, and never stopped by a bad file."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ingestion.batch import FoundFile, Ingested, find_files
from ingestion.pipeline import Unchanged
from ingestion.stages import LocalStages
from rag_service.authentication import operate
from rag_service.domain.errors import IndexUnavailable, Refused
from rag_service.domain.identity import EVERYONE, Role
from rag_service.settings import Settings
from rag_service.wiring import Models, open_service
from tests.conftest import written
from tests.databases import rows, tamper
from tests.security.http import ask, client

Run = Callable[[Any], Any]
Open = Callable[..., Any]

FIRST = "# Ferry\n\nThe ferry leaves at nine.\n\n# Fares\n\nA return ticket costs twelve crowns.\n"
SECOND = "# Ferry\n\nThe ferry leaves at eleven.\n\n# Fares\n\nA return ticket costs twelve crowns.\n"
QUESTION = "When does the ferry leave?"


def test_unchanged_content_is_not_even_parsed(
    run: Run, open_companies: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            document = await acme.document_id(tmp_path, ["everyone"], ferry_md=FIRST)
            monkeypatch.setattr("ingestion.stages.parse", None)
            [again] = (await acme.ingest(tmp_path, ferry_md=FIRST)).values()
            assert again.result == Unchanged(document)

    run(scenario())


def test_changed_content_switches_version_in_one_step(run: Run, open_companies: Open, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            document = await acme.document_id(tmp_path, ["everyone"], ferry_md=FIRST)
            async with client(acme.service, await acme.key("ann")) as web:
                first = (await ask(web, "acme", QUESTION)).json()
                assert await acme.document_id(tmp_path, ["everyone"], ferry_md=SECOND) == document
                second = (await ask(web, "acme", QUESTION)).json()
                passages = (await ask(web, "acme", QUESTION, "search", limit=100)).json()["results"]
                assert "nine" in first["answer"]
                assert "eleven" in second["answer"]
                assert "nine" not in second["answer"]
                assert {passage["version"] for passage in passages} == {2}
                tenant = await acme.service.store.tenants.by_name("acme")
                root = await acme.service.store.api_keys.create(tenant, "root", [Role.QUERY, Role.ADMIN], None)
                async with client(acme.service, root.secret) as admin:
                    for answer, reader in ((first, admin), (second, web)):  # an old citation points at what it quoted
                        [citation] = answer["citations"][:1]
                        url = f"/v1/tenants/acme/documents/{document}/text?version={citation['version']}"
                        text = (await reader.get(url)).json()["text"]
                        assert text[citation["start"] : citation["end"]] == citation["quote"]

    run(scenario())


def test_only_changed_chunks_are_embedded_again(
    run: Run, open_companies: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unchanged = "\n\n".join(f"## Part {n}\n\n" + f"Pier number {n} is repaired by crew {n}. " * 30 for n in range(6))

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            [first] = (await acme.ingest(tmp_path, piers_md=f"# Piers\n\n{unchanged}")).values()
            embedded: list[str] = []
            embed = acme.service.embedder.embed
            monkeypatch.setattr(acme.service.embedder, "embed", lambda texts: embedded.extend(texts) or embed(texts))
            text = f"# Piers\n\n{unchanged}\n\n## Part 7\n\nPier seven was sold."
            [second] = (await acme.ingest(tmp_path, piers_md=text)).values()
            assert isinstance(first.result, Ingested)
            assert isinstance(second.result, Ingested)
            assert second.result.version == 2
            assert 0 < len(embedded) < second.result.chunks / 2

    run(scenario())


def test_every_file_has_one_outcome_and_a_bad_one_stops_no_other(
    run: Run, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            outcomes = await acme.ingest(
                tmp_path, good_md=FIRST, empty_txt="", torn_pdf="%PDF-1.7 torn", fake_docx="no archive", broken_json="{"
            )
            reasons = {name: one.result.reason for name, one in outcomes.items() if isinstance(one.result, Refused)}
            assert set(reasons) == {"empty.txt", "torn.pdf", "fake.docx", "broken.json"}
            assert reasons["empty.txt"] == "empty_file"
            assert isinstance(outcomes["good.md"].result, Ingested)

    run(scenario())


def test_a_defect_in_one_files_way_is_its_outcome_alone(
    run: Run, open_companies: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingestion import stages

    chunk = stages.chunk

    def defective(document: Any, starts: Any) -> Any:
        if "Bad" in document.document.title:
            raise ZeroDivisionError
        return chunk(document, starts)

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            monkeypatch.setattr(stages, "chunk", defective)
            outcomes = await acme.ingest(tmp_path, bad_md="# Bad\n\nThis one fails.\n", good_md=FIRST)
            assert isinstance(outcomes["bad.md"].result, Refused)
            assert outcomes["bad.md"].result.reason == "internal_error"
            assert isinstance(outcomes["good.md"].result, Ingested)

    run(scenario())


def test_a_failed_new_version_leaves_the_old_one_live(run: Run, open_companies: Open, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            await acme.ingest(tmp_path, ferry_md=FIRST)
            [refused] = (await acme.ingest(tmp_path, ferry_md="")).values()
            assert isinstance(refused.result, Refused)
            async with client(acme.service, await acme.key("ann")) as web:
                assert "nine" in (await ask(web, "acme", QUESTION)).json()["answer"]

    run(scenario())


def test_the_index_catches_up_after_a_crash_before_it_was_written(
    run: Run, settings: Settings, models: Models, open_companies: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: object) -> None:
        raise IndexUnavailable("the process died here")

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            monkeypatch.setattr(acme.service.index, "upsert", crash)
            tenant = await acme.service.store.tenants.by_name("acme")
            ingesting = asyncio.create_task(acme.ingest(tmp_path, ferry_md=FIRST))
            while not await acme.service.store.outbox.entries(tenant.id):  # noqa: ASYNC110  # it is another task's
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
            assert not ingesting.done()  # it waits for the index, which never comes
            ingesting.cancel()
            await asyncio.gather(ingesting, return_exceptions=True)
        async with open_service(settings, models) as service:
            tenant = await service.store.tenants.by_name("acme")
            stored = await service.store.versions.chunk_ids(operate(tenant))
            assert stored
            assert await service.index.point_ids(tenant.keys.index.collection) == stored
            assert await service.store.outbox.entries(tenant.id) == []

    run(scenario())


def test_deleting_leaves_nothing_in_sql_or_index(
    run: Run, settings: Settings, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            document = await acme.document_id(tmp_path, ["everyone"], ferry_md=FIRST)
            service = acme.service
            tenant = await service.store.tenants.by_name("acme")
            await service.store.versions.delete(operate(tenant), document)
            await service.follower.catch_up(tenant.id)
            assert await service.index.point_ids(tenant.keys.index.collection) == frozenset()
        for table in ("documents", "versions", "access", "chunks", "outbox", "spool"):
            assert rows(settings.data_dir, f"select count(*) from {table}") == [(0,)]  # noqa: S608  # our own names

    run(scenario())


def blanked(folder: Path, column: str) -> None:
    assert tamper(folder, f"update chunks set {column} = ?", bytes(200))  # noqa: S608  # our own names


def exchanged(folder: Path, table: str, column: str, key: str) -> None:
    """Each row has what another had."""
    found = rows(folder, f"select {key}, {column} from {table} order by {key}")  # noqa: S608  # as above
    for (this, _), (_, other) in zip(found, [*found[1:], found[0]], strict=True):
        tamper(folder, f"update {table} set {column} = ? where {key} = ?", other, this)  # noqa: S608  # as above


@pytest.mark.parametrize(
    "damage",
    [
        partial(blanked, column="signature"),
        partial(blanked, column="sealed_record"),
        partial(exchanged, table="chunks", column="sealed_record", key="id"),
        partial(exchanged, table="versions", column="version_key", key="document_id"),
    ],
    ids=["signature", "record", "records exchanged", "keys exchanged"],
)
def test_a_chunk_that_was_tampered_with_is_dropped_and_flagged(
    damage: Callable[[Path], None], run: Run, settings: Settings, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            await acme.ingest(tmp_path, ferry_md=FIRST, boats_md="# Boats\n\nThe boat leaves the pier at noon.\n")
            damage(settings.data_dir)
            async with client(acme.service, await acme.key("ann")) as web:
                answer = (await ask(web, "acme", QUESTION)).json()
            assert answer["found"] is False
            assert {flag["kind"] for flag in answer["flags"]} == {"broken_seal_or_signature"}

    run(scenario())


def test_a_version_that_does_not_open_can_be_replaced(
    run: Run, settings: Settings, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            await acme.ingest(tmp_path, ferry_md=FIRST)
            assert tamper(settings.data_dir, "update vectors set sealed_vector = ?", bytes(200))
            [outcome] = (await acme.ingest(tmp_path, ferry_md=SECOND)).values()
            assert isinstance(outcome.result, Ingested)
            async with client(acme.service, await acme.key("ann")) as web:
                assert "eleven" in (await ask(web, "acme", QUESTION)).json()["answer"]

    run(scenario())


def test_two_runs_at_once_leave_one_document(run: Run, open_companies: Open, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            files = [
                FoundFile(path, path.name) for n in range(4) for path in written(tmp_path, {f"f{n}_md": FIRST + str(n)})
            ]
            async with acme.worker_at_work():
                await asyncio.gather(*(acme.submit(files, ["everyone"]) for _ in range(3)))
            tenant = await acme.service.store.tenants.by_name("acme")
            documents = await acme.service.store.documents.all(operate(tenant), tenant.keys)
            stored = await acme.service.store.versions.chunk_ids(operate(tenant))
            assert len(documents) == 4
            assert await acme.service.index.point_ids(tenant.keys.index.collection) == stored

    run(scenario())


def test_files_are_found_in_order_and_links_are_not_followed(tmp_path: Path) -> None:
    for name in ("b.md", "a/c.md", "a/.hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    (tmp_path / "link.md").symlink_to("/etc/passwd")
    (tmp_path / "loop").symlink_to(tmp_path)
    found = [file.path.relative_to(tmp_path).as_posix() for file in find_files([tmp_path], None)]
    assert found == ["a/.hidden", "a/c.md", "b.md", "link.md"]
    sources = [file.source for file in find_files([tmp_path], "wiki:/")]
    assert sources[1] == "wiki:/a/c.md"


def test_a_symbolic_link_is_refused(run: Run, open_companies: Open, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            (tmp_path / "link.md").symlink_to("/etc/passwd")
            [outcome] = await acme.ingest_found([FoundFile(tmp_path / "link.md", "link")], ["everyone"])
            assert isinstance(outcome.result, Refused)
            assert outcome.result.reason == "symbolic_link"

    run(scenario())


def test_new_content_is_not_put_under_a_wider_access_list(run: Run, open_companies: Open, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            await acme.ingest(tmp_path / "public", plan_txt="The summer party is on the pier.")
            [outcome] = (
                await acme.ingest_for(["group:hr"], tmp_path / "hr", plan_txt="Nine people will be laid off in May.")
            ).values()
            assert isinstance(outcome.result, Refused)
            assert outcome.result.reason == "access_wider"
            async with client(acme.service, await acme.key("intern")) as web:
                assert "laid off" not in (await ask(web, "acme", "Who is laid off in May?", "search")).text

    run(scenario())


def test_a_list_that_was_widened_meanwhile_is_not_what_new_content_goes_under(
    run: Run, open_companies: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the list and the switch of versions lie parsing and embedding: minutes, for a large file."""

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            document = await acme.document_id(
                tmp_path / "hr", ["group:hr"], plan_txt="The summer party is on the pier."
            )
            store = acme.service.store
            tenant = await store.tenants.by_name("acme")
            embed = LocalStages.embed

            async def widened(self: LocalStages, texts: Sequence[str]) -> Any:
                await store.versions.set_access(operate(tenant), tenant.keys, document, [EVERYONE])
                return await embed(self, texts)

            monkeypatch.setattr(LocalStages, "embed", widened)
            secret = "Nine people will be laid off in May."
            [outcome] = (await acme.ingest_for(["group:hr"], tmp_path / "new", plan_txt=secret)).values()
            assert isinstance(outcome.result, Refused)
            assert outcome.result.reason == "access_wider"
            async with client(acme.service, await acme.key("intern")) as web:
                assert "laid off" not in (await ask(web, "acme", "Who is laid off in May?", "search")).text

    run(scenario())


def test_two_files_of_one_source_never_replace_each_other(run: Run, open_companies: Open, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            for name in ("a.md", "b.md"):
                (tmp_path / name).write_text(FIRST, encoding="utf-8")
            files = [FoundFile(tmp_path / name, "one-source") for name in ("a.md", "b.md")]
            first, second = await acme.ingest_found(files, ["everyone"])
            assert isinstance(first.result, Ingested)
            assert isinstance(second.result, Refused)
            assert second.result.reason == "duplicate_source"

    run(scenario())


def test_a_name_that_is_not_utf_8_is_refused(run: Run, open_companies: Open, tmp_path: Path) -> None:
    import os

    (tmp_path / "docs").mkdir()
    with open(os.fsencode(tmp_path / "docs") + b"/caf\xe9.md", "wb") as file:  # noqa: PTH123  # the name is bytes
        file.write(b"text")

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            files = list(find_files([tmp_path / "docs"], None))
            [outcome] = await acme.ingest_found(files, ["everyone"])
            assert isinstance(outcome.result, Refused)
            assert outcome.result.reason == "unreadable_name"

    run(scenario())


@pytest.mark.parametrize("loss", ["folder", "collection", "rebuild"])
def test_a_lost_index_is_made_anew_and_never_answers_not_found(
    loss: str,
    run: Run,
    settings: Settings,
    models: Models,
    open_companies: Open,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its folder was deleted, or the process died in the middle of a rebuild."""

    async def die(*_: object) -> None:
        raise IndexUnavailable("the process died here")

    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            await acme.ingest(tmp_path, ferry_md=FIRST, boats_md="# Boats\n\nThe boat leaves the pier at noon.\n")
            key = await acme.key("ann")
            if loss == "rebuild":
                tenant = await acme.service.store.tenants.by_name("acme")
                monkeypatch.setattr(acme.service.index, "replace", die)
                await acme.service.store.outbox.request_rebuild(operate(tenant))
                with pytest.raises(IndexUnavailable):
                    await acme.service.follower.catch_up(tenant.id)
            if loss == "collection":
                await acme.service.index.drop((await acme.service.store.tenants.by_name("acme")).keys.index.collection)
        if loss == "folder":
            shutil.rmtree(settings.data_dir / "index", ignore_errors=True)  # an index elsewhere has none
        async with open_service(settings, models) as service:
            tenant = await service.store.tenants.by_name("acme")
            stored = await service.store.versions.chunk_ids(operate(tenant))
            assert await service.index.point_ids(tenant.keys.index.collection) == stored
            async with client(service, key) as web:
                assert "nine" in (await ask(web, "acme", QUESTION)).json()["answer"]

    run(scenario())


def test_a_failing_index_is_written_until_it_holds_the_document(
    run: Run, open_companies: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            upsert, failures = acme.service.index.upsert, [IndexUnavailable("for a moment")] * 2

            async def fails_at_first(*arguments: Any) -> None:
                if failures:
                    raise failures.pop()
                await upsert(*arguments)

            monkeypatch.setattr(acme.service.index, "upsert", fails_at_first)
            [outcome] = (await acme.ingest(tmp_path, ferry_md=FIRST)).values()
            assert isinstance(outcome.result, Ingested)
            assert not failures
            async with client(acme.service, await acme.key("ann")) as web:
                assert "nine" in (await ask(web, "acme", QUESTION)).json()["answer"]

    run(scenario())
