"""``rag sync`` as operators meet it: real processes over one data folder, beside a running service and without."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from rag_service.folder import QUEUE_LOCK, hold, open_folder
from rag_service.settings import load_settings
from rag_service.wiring import open_store
from tests.rag import Rag


@pytest.fixture
def rag(tmp_path: Path) -> Rag:
    """A folder with one tenant."""

    async def create() -> None:
        async with open_store(load_settings(data_dir=tmp_path / "data")) as store:
            await store.tenants.create("acme", "identifiers")

    asyncio.run(create())
    return Rag(tmp_path / "data")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "docs"
    (folder / "sub").mkdir(parents=True)
    (folder / "hotel.md").write_text("A hotel may cost 140 euros a night.\n", encoding="utf-8")
    (folder / "sub" / "taxi.md").write_text("A taxi may cost 30 euros.\n", encoding="utf-8")
    return folder


def rows(rag: Rag) -> list[str]:
    """All that SQL holds."""
    with closing(sqlite3.connect(rag.folder / "rag.db")) as database:
        return list(database.iterdump())


def test_a_folder_is_kept_in_step(rag: Rag, docs: Path) -> None:
    sync = ("sync", docs, "--tenant", "acme", "--owner", "ann")
    added = rag.json(*sync)
    assert {key: len(value) for key, value in added.items()} == {
        "added": 2, "changed": 0, "removed": 0, "unchanged": 0, "refused": 0, "quarantined": 0, "kept": 0
    }  # fmt: skip
    assert [(row["path"], row["version"], row["chunks"]) for row in added["added"]] == [
        (str(docs / "hotel.md"), 1, 1), (str(docs / "sub" / "taxi.md"), 1, 1)
    ]  # fmt: skip
    ids = {Path(row["path"]).name: row["document_id"] for row in added["added"]}
    assert rag.json("documents", "show", ids["taxi.md"], "--tenant", "acme")["access"] == ["user:ann"]

    (docs / "hotel.md").write_text("A hotel may cost 160 euros a night.\n", encoding="utf-8")
    (docs / "sub" / "taxi.md").unlink()
    (docs / "link.md").symlink_to(docs / "hotel.md")
    Path(os.fsdecode(os.fsencode(docs) + b"/caf\xe9.md")).write_text("Coffee.\n", encoding="utf-8")
    changed = rag.json(*sync, status=1)
    assert changed["changed"] == [
        {"path": str(docs / "hotel.md"), "document_id": ids["hotel.md"], "version": 2, "chunks": 1}
    ]
    assert changed["removed"] == [{"document_id": ids["taxi.md"], "source": str(docs / "sub" / "taxi.md")}]
    assert {(Path(row["path"]).name, row["reason"]) for row in changed["refused"]} == {
        ("link.md", "symbolic_link"), ("caf\ufffd.md", "unreadable_name")
    }  # fmt: skip
    question = ("ask", "What may a hotel or a taxi cost?", "--tenant", "acme", "--user", "ann")
    answer = rag.json(*question)
    assert "160 euros" in answer["answer"]
    assert "30 euros" not in answer["answer"]

    for path in docs.glob("*.md"):
        path.unlink()
    refused = rag.run(*sync)
    assert refused.returncode == 1
    assert "--delete-all" in refused.stderr
    assert len(rag.json("documents", "list", "--tenant", "acme")["documents"]) == 1
    gone = rag.run(*sync, "--delete-all")
    assert gone.stdout.splitlines() == [
        f"removed  {docs / 'hotel.md'} ({ids['hotel.md']})", "0 added, 0 changed, 1 removed, 0 unchanged, 0 refused"
    ]  # fmt: skip
    assert rag.json(*question)["found"] is False


def test_a_dry_run_changes_nothing_and_needs_nothing(rag: Rag, docs: Path) -> None:
    """Not even the folder's locks, nor a model: the tenant is bound to none by it."""
    (docs / "link.md").symlink_to("hotel.md")
    before, files = rows(rag), set(rag.folder.rglob("*"))

    async def beside() -> None:
        folder = await open_folder(load_settings(data_dir=rag.folder))
        with hold(folder), hold(folder, QUEUE_LOCK):
            told = rag.json("sync", docs, "--tenant", "acme", "--dry-run", status=1, RAG_EMBEDDING_MODEL="/none")
            [refused] = told.pop("refused")
            assert (refused["path"], refused["reason"]) == (str(docs / "link.md"), "symbolic_link")
            assert told == {
                "added": [{"path": str(docs / "hotel.md")}, {"path": str(docs / "sub" / "taxi.md")}],
                "changed": [], "removed": [], "unchanged": [], "quarantined": [], "kept": [],
            }  # fmt: skip

    asyncio.run(beside())
    assert rows(rag) == before
    assert {path.name for path in set(rag.folder.rglob("*")) - files} <= {"lock", "worker.lock"}
    shown = rag.run("sync", docs, "--tenant", "acme", "--dry-run").stdout.splitlines()
    assert shown[0] == f"added    {docs / 'hotel.md'}"
    assert shown[-1] == "A dry run, nothing was changed: 2 added, 0 changed, 0 removed, 0 unchanged, 1 refused"


def test_a_folder_is_kept_in_step_beside_a_running_service(rag: Rag, docs: Path) -> None:
    key = rag.json("key", "create", "--tenant", "acme", "--user", "ann")["key"]
    with (
        rag.serving() as url,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as web,
    ):

        def sources() -> set[str]:
            found = web.post("/v1/tenants/acme/search", json={"question": "What does it cost?"}).json()
            return {Path(result["source"]).name for result in found["results"]}

        assert len(rag.json("sync", docs, "--tenant", "acme", "--allow", "everyone")["added"]) == 2
        assert sources() == {"hotel.md", "taxi.md"}
        (docs / "sub" / "taxi.md").unlink()
        assert len(rag.json("sync", docs, "--tenant", "acme", "--allow", "everyone")["removed"]) == 1
        assert sources() == {"hotel.md"}


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("/no/such/folder", "--owner", "ann", "--tenant", "acme"), 1, "no folder"),
        (("x" * 5000, "--owner", "ann", "--tenant", "acme"), 1, "no folder"),
        ((__file__, "--owner", "ann", "--tenant", "acme"), 1, "no folder"),
        ((".", "--tenant", "acme"), 2, "--owner"),
        ((".", "--tenant", "acme", "--allow", "all"), 2, "group:NAME"),
        ((".", "--tenant", "nobody", "--dry-run"), 1, "no such tenant"),
        ((".", "--tenant", "acme", "--dry-run", "--source", "/"), 1, "must name something"),
    ],
)
def test_a_mistake_gets_a_sentence_and_changes_nothing(
    arguments: tuple[str, ...], status: int, says: str, rag: Rag
) -> None:
    before = rows(rag)
    done = rag.run("sync", *arguments, COLUMNS="200")
    assert done.returncode == status, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert rows(rag) == before


def test_sync_explains_itself(rag: Rag) -> None:
    shown = rag.run("sync", "--help", COLUMNS="120").stdout
    for word in ("Usage: rag sync", "--dry-run", "--delete-all", "--owner", "--source"):
        assert word in shown
