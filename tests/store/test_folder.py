"""The data folder: nothing readable in it, useless without its key, and owned by one process."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rag_service.crypto.master_key import key_file_warnings
from rag_service.domain.errors import (
    DatabaseUnavailable,
    FolderDamaged,
    FolderHeld,
    InvalidSetting,
    MasterKeyMissing,
    MasterKeyWrong,
    SchemaMismatch,
)
from rag_service.folder import hold, open_folder
from rag_service.settings import Settings, load_settings
from rag_service.store.database import SHARED
from rag_service.wiring import open_store
from tests.security.http import ask, client

pytestmark = pytest.mark.sqlite

Run = Callable[[Any], Any]
Open = Callable[..., Any]

DOCUMENT = """# Harbour dredging handbook

The estuary channel is dredged every seventeen weeks by the barge Cormorant.
Only the harbourmaster Ottoline decides when the sluice gates are opened.
"""
TELLING = [
    "dredging handbook", "Harbour", "seventeen weeks", "Cormorant", "Ottoline", "sluice", "dredg", "harbourmast",
    "anneliese", "wharfingers", "tidewater", "handbook.md",
]  # fmt: skip


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def readable_in(content: bytes) -> list[str]:
    """The telling words that stand in it, whatever their case."""
    folded = content.replace(bytes(4096), bytes(2)).lower()  # most of an index's files is room that nothing uses yet
    return [word for word in TELLING if any(word.lower().encode(one) in folded for one in ("utf-8", "utf-16-le"))]


def test_no_byte_of_the_folder_is_readable(run: Run, settings: Settings, open_companies: Open, tmp_path: Path) -> None:
    """Text, title, words, stems, user, group, tenant and file name: in SQL, its log, the index and its log."""

    async def scenario() -> None:
        async with open_companies("tidewater") as (company,):
            await company.ingest_for(["user:anneliese", "group:wharfingers"], tmp_path / "docs", handbook_md=DOCUMENT)
            async with client(company.service, await company.key("anneliese", "wharfingers")) as web:
                answered = await ask(web, "tidewater", "How often is the estuary channel dredged?")
            assert "seventeen weeks" in answered.json()["answer"]
            search_for_plain_text(settings.data_dir)  # while the logs are still open
        search_for_plain_text(settings.data_dir)

    def search_for_plain_text(folder: Path) -> None:
        files = contents(folder)
        assert any("index" in path.parts for path in files)
        assert any(path.name == "rag.db" for path in files)
        for path, found in files.items():
            assert not readable_in(found), f"{readable_in(found)} stand in {path}"

    run(scenario())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_the_search_for_plain_text_would_find_it(encoding: str) -> None:
    assert readable_in(b"\x00\x01" + "the barge cormorant".encode(encoding) + b"\x02") == ["Cormorant"]


def test_a_copied_folder_without_its_key_refuses_to_start_and_changes_nothing(
    run: Run, settings: Settings, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme"):
            pass
        stolen = tmp_path / "stolen"
        shutil.copytree(settings.data_dir, stolen)
        before = contents(stolen)
        with pytest.raises(MasterKeyMissing):
            await open_folder(load_settings(data_dir=stolen, master_key_file=tmp_path / "elsewhere" / "key"))
        assert not (tmp_path / "elsewhere").exists(), "no new key may be made for an old folder"
        with pytest.raises(MasterKeyWrong):
            await open_folder(load_settings(data_dir=stolen, master_key="ab" * 32))
        assert contents(stolen) == before

    run(scenario())


def test_a_new_key_lies_outside_the_folder_for_its_owner_alone(run: Run, settings: Settings) -> None:
    run(open_folder(settings))
    assert stat.S_IMODE(settings.master_key_file.stat().st_mode) == 0o600
    assert not settings.master_key_file.is_relative_to(settings.data_dir)
    assert stat.S_IMODE(settings.data_dir.stat().st_mode) == 0o700
    assert key_file_warnings(settings) == []


def test_a_key_is_never_made_inside_the_folder(run: Run, tmp_path: Path) -> None:
    inside = load_settings(data_dir=tmp_path / "data", master_key_file=tmp_path / "data" / "key")
    with pytest.raises(InvalidSetting):
        run(open_folder(inside))
    assert not (tmp_path / "data").exists()


def test_a_key_that_others_may_read_is_warned_of(run: Run, settings: Settings) -> None:
    run(open_folder(settings))
    settings.master_key_file.chmod(0o644)
    [warning] = key_file_warnings(settings)
    assert "chmod 600" in warning


@pytest.mark.parametrize("key", ["", "zz" * 32, "ab" * 31, "ab" * 33])
def test_a_malformed_key_is_refused(run: Run, key: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting):
        run(open_folder(load_settings(data_dir=tmp_path / "data", master_key=key)))


def test_a_folder_of_another_schema_is_refused(run: Run, settings: Settings) -> None:
    run(open_folder(settings))
    record = settings.data_dir / "installation.json"
    record.write_text(json.dumps(json.loads(record.read_text(encoding="utf-8")) | {"schema": "0"}), encoding="utf-8")
    with pytest.raises(SchemaMismatch):
        run(open_folder(settings))


def test_a_folder_is_held_once(run: Run, settings: Settings) -> None:
    folder = run(open_folder(settings))
    with hold(folder):
        with pytest.raises(FolderHeld) as refusal, hold(folder):
            pass
        assert "process" in str(refusal.value)
    with hold(folder):
        pass


@pytest.mark.parametrize("part", ["rag.db", "rag.db-wal", "index"])
def test_a_folder_whose_record_is_gone_gets_no_new_key(part: str, run: Run, settings: Settings) -> None:
    run(open_folder(settings))
    (settings.data_dir / "index").mkdir()
    (settings.data_dir / "rag.db-wal").touch()
    (settings.data_dir / "installation.json").unlink()
    for other in {"rag.db", "rag.db-wal"} - {part}:
        (settings.data_dir / other).unlink()
    if part != "index":
        (settings.data_dir / "index").rmdir()
    settings.master_key_file.unlink()
    before = contents(settings.data_dir)
    with pytest.raises(FolderDamaged, match=r"installation\.json is missing.*backup"):
        run(open_folder(settings))
    assert contents(settings.data_dir) == before
    assert not settings.master_key_file.exists()


def test_a_folder_whose_database_is_gone_gets_no_empty_one(run: Run, settings: Settings) -> None:
    run(open_folder(settings))
    (settings.data_dir / "rag.db").unlink()
    before = contents(settings.data_dir)
    with pytest.raises(FolderDamaged, match=r"rag\.db is missing"):
        run(open_folder(settings))
    assert contents(settings.data_dir) == before


@pytest.mark.parametrize(
    "record", ["", "{", "[]", "null", "{}", '{"folder_id": 1, "schema": "1", "check": "x"}', "\xff"]
)
def test_a_spoilt_record_is_said_to_be_spoilt(record: str, run: Run, settings: Settings) -> None:
    run(open_folder(settings))
    (settings.data_dir / "installation.json").write_bytes(record.encode("latin-1"))
    before = contents(settings.data_dir)
    with pytest.raises(FolderDamaged, match=r"installation\.json is not as it was written"):
        run(open_folder(settings))
    assert contents(settings.data_dir) == before


def test_a_file_in_the_folders_place_is_no_data_folder(run: Run, settings: Settings) -> None:
    settings.data_dir.write_text("notes", encoding="utf-8")
    with pytest.raises(InvalidSetting, match="is a file"):
        run(open_folder(settings))
    below = load_settings(data_dir=settings.data_dir / "deeper")
    with pytest.raises(InvalidSetting, match="cannot be used"):
        run(open_folder(below))
    assert settings.data_dir.read_text(encoding="utf-8") == "notes"


@pytest.mark.parametrize("content", [b"", b"this is no database, and nothing of it may be repeated" * 100])
def test_a_database_that_is_none_is_unavailable(content: bytes, run: Run, settings: Settings) -> None:
    async def scenario() -> None:
        await open_folder(settings)
        (settings.data_dir / "rag.db").write_bytes(content)
        async with open_store(settings) as store:
            await store.tenants.all()

    with pytest.raises(DatabaseUnavailable, match=r"cannot be read \(SQLITE_") as refusal:
        run(scenario())
    assert "nothing of it" not in str(refusal.value)
    assert "SELECT" not in str(refusal.value)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
@pytest.mark.parametrize("made_before", [True, False])
def test_files_are_for_their_owner_alone(made_before: bool, umask: int, run: Run, settings: Settings) -> None:
    def mode(name: str) -> int:
        return stat.S_IMODE((settings.data_dir / name).stat().st_mode)

    async def scenario() -> None:
        async with open_store(settings) as store:
            with hold(store.folder):
                await store.tenants.create("acme", "identifiers")
                names = {path.name for path in settings.data_dir.iterdir()}
                assert {"rag.db", "rag.db-wal", "rag.db-shm", "installation.json", "lock"} == names
                assert {name: mode(name) for name in names} == dict.fromkeys(names, 0o600)

    settings.master_key_file.parent.mkdir()  # only the data folder is under test
    if made_before:
        settings.data_dir.mkdir(mode=0o755)
    before = os.umask(umask)
    try:
        run(scenario())
    finally:
        os.umask(before)
    assert stat.S_IMODE(settings.data_dir.stat().st_mode) == (0o755 if made_before else 0o700)


def test_files_that_others_could_read_are_closed_to_them(run: Run, settings: Settings) -> None:
    run(open_folder(settings))
    for name in ("rag.db", "installation.json"):
        (settings.data_dir / name).chmod(0o644)
    run(open_folder(settings))
    for name in ("rag.db", "installation.json"):
        assert stat.S_IMODE((settings.data_dir / name).stat().st_mode) == 0o600


def test_of_several_that_create_at_once_all_go_on_with_one_record(run: Run, settings: Settings) -> None:
    async def scenario() -> None:
        await asyncio.gather(*(open_folder(settings) for _ in range(4)))

    run(scenario())
    assert {path.name for path in settings.data_dir.iterdir()} == {"rag.db", "installation.json"}


def test_a_creation_that_was_stopped_on_the_way_is_done_anew(
    run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rag_service.folder.create_sqlite_tables", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(open_folder(settings))
    assert list(settings.data_dir.iterdir()), "it was stopped before it had begun"
    run(open_folder(settings))


def test_a_full_disk_is_called_one_and_not_a_damaged_file(run: Run, settings: Settings) -> None:
    async def scenario() -> None:
        async with open_store(settings) as store:
            database = store.folder.database()
            try:
                async with database.write(SHARED) as connection:
                    pages = await connection.run_sync(
                        lambda sync: sync.exec_driver_sql("PRAGMA page_count").scalar_one()
                    )
                    await connection.run_sync(lambda sync: sync.exec_driver_sql(f"PRAGMA max_page_count = {pages}"))
                    await connection.run_sync(
                        lambda sync: sync.exec_driver_sql("CREATE TABLE more AS SELECT zeroblob(1000000)")
                    )
            finally:
                await database.close()

    with pytest.raises(DatabaseUnavailable, match="full") as refusal:
        run(scenario())
    assert "damaged" not in str(refusal.value)
