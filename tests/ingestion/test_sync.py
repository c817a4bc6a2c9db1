"""A folder and the documents that came from it stay in step, and nothing is removed on a doubt."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from ingestion import sync as syncing
from ingestion.batch import FoundFile
from ingestion.scan import Folder, Scan, folder_at, scan
from ingestion.sync import Request, SyncReport, preview, sync
from rag_service.authentication import operate
from rag_service.domain.errors import InvalidRequest, NotFound
from rag_service.domain.identity import Principal
from rag_service.settings import Settings
from tests.conftest import Company

Run = Callable[[Any], Any]
Open = Callable[..., Any]


@dataclass
class Kept:
    """A folder of a tenant, and a service over the same data in this process, whose worker ingests."""

    root: Path
    settings: Settings
    acme: Company

    def write(self, **files: str) -> None:
        """``sub__a_md="…"`` becomes ``sub/a.md``."""
        for name, text in files.items():
            path = self.root / ".".join(name.replace("__", "/").rsplit("_", 1))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def request(self, folder: str = ".", source: str | None = None, allow: str = "everyone", **more: Any) -> Request:
        access = [Principal.parse(allow)] if allow else []
        return Request(folder_at(self.root / folder, source), "acme", None, access, more.get("delete_all", False))

    async def sync(self, *where: str, **more: Any) -> dict[str, list[str]]:
        return self.told(await sync(self.settings, self.request(*where, **more)))

    async def preview(self, *where: str, **more: Any) -> dict[str, list[str]]:
        return self.told(await preview(self.settings, self.request(*where, **more)))

    def told(self, report: SyncReport) -> dict[str, list[str]]:
        """The lists that hold something, each with the names below the root."""
        return {
            name: sorted(str(row.get("path", row.get("source"))).removeprefix(f"{self.root}/") for row in rows)
            for name, rows in asdict(report).items()
            if rows
        }

    async def stored(self) -> set[str]:
        """The sources of the tenant's documents, below the root."""
        store = self.acme.service.store
        tenant = await store.tenants.by_name("acme")
        metas = await store.documents.all(operate(tenant), tenant.keys)
        return {meta.source.removeprefix(f"{self.root}/") for meta in metas}

    async def indexed(self) -> int:
        """How many points the tenant has in the index."""
        service = self.acme.service
        tenant = await service.store.tenants.by_name("acme")
        return len(await service.index.point_ids(tenant.keys.index.collection))


@pytest.fixture
def kept(settings: Settings, open_companies: Open, tmp_path: Path) -> Callable[[], Any]:
    root = tmp_path.resolve() / "docs"
    root.mkdir()

    @asynccontextmanager
    async def opened() -> AsyncIterator[Kept]:
        async with open_companies("acme", "bolt") as (acme, _), acme.worker_at_work():
            yield Kept(root, settings, acme)

    return opened


def test_what_is_new_is_added_what_changed_replaced_and_what_is_gone_removed(run: Run, kept: Open) -> None:
    async def scenario() -> None:
        async with kept() as here:
            here.write(a_md="Hotels cost 140 euros.", sub__b_md="Taxis cost 30 euros.", c_md="Trains are booked.")
            first = {"added": ["a.md", "c.md", "sub/b.md"]}
            assert await here.preview() == first
            assert await here.sync() == first
            assert await here.preview() == await here.sync() == {"unchanged": ["a.md", "c.md", "sub/b.md"]}
            here.write(a_md="Hotels cost 160 euros.", d_md="Planes need consent.")
            (here.root / "sub" / "b.md").unlink()
            second = {"added": ["d.md"], "changed": ["a.md"], "removed": ["sub/b.md"], "unchanged": ["c.md"]}
            assert await here.preview() == second
            assert await here.sync() == second
            assert await here.stored() == {"a.md", "c.md", "d.md"}
            assert await here.indexed() == 3
            (here.root / "c.md").rename(here.root / "renamed.md")
            assert await here.sync() == {
                "added": ["renamed.md"], "removed": ["c.md"], "unchanged": ["a.md", "d.md"]
            }  # fmt: skip

    run(scenario())


def test_only_documents_of_the_folder_are_removed_and_unchanged_files_are_adopted(run: Run, kept: Open) -> None:
    async def scenario() -> None:
        async with kept() as here:
            here.write(a_md="Hotels cost 140 euros.", b_md="Taxis cost 30 euros.", d_md="Planes need consent.")
            files = [FoundFile(here.root / name, str(here.root / name)) for name in ("a.md", "b.md", "d.md")]
            await here.acme.submit(files, ["everyone"])
            (here.root / "b.md").unlink()
            here.write(d_md="Planes are refused.")
            told = {"changed": ["d.md"], "unchanged": ["a.md"]}
            assert await here.sync() == told, "b.md was ingested, never synchronised"
            (here.root / "a.md").unlink()
            (here.root / "d.md").unlink()
            here.write(c_md="Trains are booked.")
            assert await here.sync() == {"added": ["c.md"], "removed": ["a.md", "d.md"]}
            assert await here.stored() == {"b.md", "c.md"}

    run(scenario())


def test_a_document_belongs_to_the_folder_that_was_synchronised_last(run: Run, kept: Open) -> None:
    async def scenario() -> None:
        async with kept() as here:
            here.write(a_md="Hotels cost 140 euros.", sub__b_md="Taxis cost 30 euros.", sub__c_md="Trains are booked.")
            await here.sync()
            assert await here.sync("sub") == {"unchanged": ["sub/b.md", "sub/c.md"]}
            (here.root / "sub" / "b.md").unlink()
            assert await here.sync() == {"unchanged": ["a.md", "sub/c.md"]}, "b.md belongs to sub"
            (here.root / "sub" / "c.md").unlink()
            assert await here.sync() == {"removed": ["sub/c.md"], "unchanged": ["a.md"]}, "c.md belongs to docs again"
            here.write(sub__d_md="Planes need consent.")
            assert await here.sync("sub") == {"added": ["sub/d.md"], "removed": ["sub/b.md"]}

    run(scenario())


def test_a_folder_known_by_a_source_may_move(run: Run, kept: Open) -> None:
    async def scenario() -> None:
        async with kept() as here:
            here.write(one__a_md="Hotels cost 140 euros.", one__b_md="Taxis cost 30 euros.")
            await here.sync("one", source="handbook:/")
            (here.root / "one").rename(here.root / "two")
            (here.root / "two" / "b.md").unlink()
            assert await here.sync("two", source="handbook:") == {
                "removed": ["handbook:/b.md"], "unchanged": ["two/a.md"]
            }  # fmt: skip
            assert await here.stored() == {"handbook:/a.md"}

    run(scenario())


def test_an_empty_folder_removes_its_documents_only_on_demand(run: Run, kept: Open) -> None:
    async def scenario() -> None:
        async with kept() as here:
            assert await here.sync() == {}, "nothing came from it yet"
            here.write(a_md="Hotels cost 140 euros.")
            await here.sync()
            (here.root / "a.md").unlink()
            for attempt in (here.preview, here.sync):
                with pytest.raises(InvalidRequest, match="--delete-all"):
                    await attempt()
            assert await here.stored() == {"a.md"}
            assert await here.preview(delete_all=True) == {"removed": ["a.md"]}
            assert await here.stored() == {"a.md"}
            assert await here.sync(delete_all=True) == {"removed": ["a.md"]}
            assert await here.indexed() == 0

    run(scenario())


def test_nothing_below_a_subfolder_that_cannot_be_read_is_removed(
    run: Run, kept: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with kept() as here:
            here.write(
                a_md="Hotels.", b_md="Taxis.", sub__c_md="Trains.", sub__deep__d_md="Planes.", subway_md="Metro."
            )
            await here.sync()
            for name in ("b.md", "subway.md"):
                (here.root / name).unlink()
            forbid(monkeypatch, here.root / "sub")
            told = {
                "removed": ["b.md", "subway.md"], "unchanged": ["a.md"], "refused": ["sub"],
                "kept": ["sub/c.md", "sub/deep/d.md"],
            }  # fmt: skip
            assert await here.preview() == told
            assert await here.sync() == told
            forbid(monkeypatch, here.root)
            for attempt in (here.preview, here.sync):
                with pytest.raises(InvalidRequest, match="cannot be read"):
                    await attempt(delete_all=True)
            monkeypatch.undo()
            assert await here.stored() == {"a.md", "sub/c.md", "sub/deep/d.md"}

    run(scenario())


def forbid(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """The system refuses to list this folder, as it would for a user who is not root."""
    listed = os.scandir

    def refusing(path: Any) -> Any:
        if Path(path) == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refusing)


def test_a_source_that_was_scrubbed_is_not_removed_while_anything_is_hidden(
    run: Run, kept: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is stored of a source is what readers may see: that does not always tell where the file lay."""

    async def scenario() -> None:
        async with kept() as here:
            (here.root / "desk@acme.example.md").write_text("Taxis.", encoding="utf-8")
            here.write(a_md="Hotels.", sub__c_md="Trains.")
            await here.sync()
            (here.root / "desk@acme.example.md").unlink()
            with monkeypatch.context() as patch:
                forbid(patch, here.root / "sub")
                hidden = await here.sync()
            assert len(hidden["kept"]) == 2
            assert "removed" not in hidden
            assert len((await here.sync())["removed"]) == 1

    run(scenario())


def test_a_link_in_the_place_of_what_was_ingested_removes_nothing(run: Run, kept: Open, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with kept() as here:
            here.write(a_md="Hotels.", b_md="Taxis.", sub__c_md="Trains.", gone__d_md="Planes.", rest_md="Metro.")
            await here.sync()
            (here.root / "sub").rename(tmp_path / "elsewhere")
            (here.root / "sub").symlink_to(tmp_path / "elsewhere")
            (here.root / "gone" / "d.md").unlink()
            (here.root / "gone").rmdir()
            (here.root / "gone").symlink_to(tmp_path / "nowhere")
            (here.root / "b.md").unlink()
            (here.root / "b.md").symlink_to(here.root / "a.md")
            (here.root / "rest.md").unlink()
            told = {
                "removed": ["rest.md"], "unchanged": ["a.md"], "refused": ["b.md", "gone", "sub"],
                "kept": ["gone/d.md", "sub/c.md"],
            }  # fmt: skip
            assert await here.preview() == told
            assert await here.sync() == told
            assert await here.stored() == {"a.md", "b.md", "gone/d.md", "sub/c.md"}

    run(scenario())


def test_a_file_that_is_refused_leaves_its_earlier_version_live(run: Run, kept: Open) -> None:
    async def scenario() -> None:
        async with kept() as here:
            here.write(a_md="Hotels.", b_md="Taxis.", c_md="Trains.")
            await here.sync()
            here.write(a_md="", b_md="x" * (here.settings.max_upload_mb * 2**20 + 1))
            assert await here.preview() == {"changed": ["a.md"], "refused": ["b.md"], "unchanged": ["c.md"]}
            report = await sync(here.settings, here.request())
            assert here.told(report) == {"refused": ["a.md", "b.md"], "unchanged": ["c.md"]}
            assert {row["reason"] for row in report.refused} == {"empty_file", "too_large"}
            assert await here.stored() == {"a.md", "b.md", "c.md"}
            (here.root / "a.md").unlink()
            assert (await here.sync())["removed"] == ["a.md"]

    run(scenario())


def test_new_content_is_not_put_before_more_readers_than_are_named(run: Run, kept: Open) -> None:
    async def scenario() -> None:
        async with kept() as here:
            here.write(a_md="Hotels.", b_md="Taxis.")
            await here.sync(allow="everyone")
            here.write(a_md="Hotels cost 160 euros.")
            told = {"refused": ["a.md"], "unchanged": ["b.md"]}
            assert await here.preview(allow="user:ann") == told
            assert await here.sync(allow="user:ann") == told
            assert await here.preview(allow="") == {"changed": ["a.md"], "unchanged": ["b.md"]}, "nobody was named yet"
            assert await here.sync(allow="everyone") == {"changed": ["a.md"], "unchanged": ["b.md"]}

    run(scenario())


def test_a_file_that_came_back_while_the_others_were_ingested_is_not_removed(
    run: Run, kept: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with kept() as here:
            here.write(a_md="Hotels.", b_md="Taxis.")
            await here.sync()
            (here.root / "b.md").unlink()

            def looked(folder: Folder, besides: Path) -> Scan:
                seen = scan(folder, besides)
                here.write(b_md="Taxis.")
                return seen

            monkeypatch.setattr(syncing, "scan", looked)
            assert await here.sync() == {"unchanged": ["a.md"]}
            assert await here.stored() == {"a.md", "b.md"}

    run(scenario())


def test_another_tenants_documents_of_the_same_folder_are_untouched(run: Run, kept: Open) -> None:
    async def scenario() -> None:
        async with kept() as here:
            here.write(a_md="Hotels.", b_md="Taxis.")
            await here.sync()
            (here.root / "a.md").unlink()
            theirs = Request(folder_at(here.root, None), "bolt", "bo", [Principal.user("bo")], delete_all=True)
            assert here.told(await sync(here.settings, theirs)) == {"added": ["b.md"]}
            assert await here.stored() == {"a.md", "b.md"}
            with pytest.raises(NotFound):
                await preview(here.settings, Request(folder_at(here.root, None), "cove", None, [], delete_all=True))

    run(scenario())
