"""The data folder: one place for all data, sealed under a master key that lies elsewhere, owned by one process."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rag_service.crypto.keys import KeyVault
from rag_service.crypto.master_key import read_master_key, read_or_create_master_key
from rag_service.domain.errors import FolderHeld, MasterKeyWrong, SchemaMismatch
from rag_service.settings import Settings
from rag_service.store.database import Database, sqlite_database
from rag_service.store.tables import SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class DataFolder:
    path: Path
    vault: KeyVault

    @property
    def index(self) -> Path:
        return self.path / "index"

    def database(self) -> Database:
        return sqlite_database(self.path / "rag.db")


async def open_folder(settings: Settings) -> DataFolder:
    """The data folder with its vault open; a folder that does not exist is made, together with its key.

    Raises:
        MasterKeyMissing, MasterKeyWrong: the folder was sealed under a key that is not here; nothing is changed.
        SchemaMismatch: the folder was written by another version.
    """
    path = settings.data_dir
    record = path / "installation.json"
    if not record.exists():
        await _create(settings, record)
    vault = KeyVault(read_master_key(settings))
    found = json.loads(record.read_text(encoding="utf-8"))
    if found["check"] != vault.folder_check(found["folder_id"]):
        raise MasterKeyWrong
    if found["schema"] != SCHEMA_VERSION:
        raise SchemaMismatch(found["schema"], SCHEMA_VERSION)
    return DataFolder(path, vault)


@contextmanager
def hold(folder: DataFolder) -> Iterator[None]:
    """This process owns the folder's index while the context lasts. Raises ``FolderHeld``."""
    lock = folder.path / "lock"
    with os.fdopen(os.open(lock, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderHeld(folder.path, file.read().strip() or "another process") from None
        file.truncate(0)
        command = " ".join(["rag", *sys.argv[1:2]])
        file.write(f"`{command}` (process {os.getpid()})")
        file.flush()
        yield


async def _create(settings: Settings, record: Path) -> None:
    path = settings.data_dir
    vault = KeyVault(read_or_create_master_key(settings))
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = sqlite_database(path / "rag.db")
    await database.create_tables()
    await database.close()
    folder_id = secrets.token_hex(8)
    facts = {"folder_id": folder_id, "schema": SCHEMA_VERSION, "check": vault.folder_check(folder_id)}
    draft = record.with_name(f".installation.{folder_id}")
    draft.write_text(json.dumps(facts), encoding="utf-8")
    try:
        os.link(draft, record)  # of two processes that create at once, the first wins, and both go on with its record
    except FileExistsError:
        pass
    finally:
        draft.unlink()
