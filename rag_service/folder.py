"""The data folder: one place for all data, sealed under a master key that lies elsewhere, owned by one process."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rag_service.crypto.keys import KeyVault
from rag_service.crypto.master_key import read_master_key, read_or_create_master_key
from rag_service.domain.errors import FolderDamaged, FolderHeld, InvalidSetting, MasterKeyWrong, SchemaMismatch
from rag_service.settings import Settings
from rag_service.store.database import Database
from rag_service.store.installation import Installation
from rag_service.store.migrate import create_sqlite_tables, upgrade_sqlite
from rag_service.store.postgresql import Server
from rag_service.store.sqlite import sqlite_database
from rag_service.store.tables import SCHEMA_VERSION, SECURED

INDEX_LOCK, QUEUE_LOCK = "lock", "worker.lock"


@dataclass(frozen=True, slots=True)
class DataFolder:
    """``id`` was drawn when the folder was made; what is signed for one folder means nothing to another.

    Where a PostgreSQL ``server`` holds the tables, it is that of the database, and any number of folders may stand
    beside it.
    """

    path: Path
    id: str
    vault: KeyVault
    server: Server | None = None

    @property
    def index(self) -> Path:
        return self.path / "index"

    def database(self) -> Database:
        return self.server.database() if self.server else sqlite_database(self.path / "rag.db")


async def open_folder(settings: Settings) -> DataFolder:
    """The data folder with its vault open; a folder that does not exist is made, together with its key.

    Raises:
        MasterKeyMissing, MasterKeyWrong: the folder was sealed under a key that is not here; nothing is changed.
        FolderDamaged: a part of it is missing or not as we wrote it; nothing is changed.
        SchemaMismatch: the folder was written by another version.
        InvalidSetting: the path names no folder that this process may use.
    """
    path = settings.data_dir
    if path.exists() and not path.is_dir():
        raise InvalidSetting("RAG_DATA_DIR", f"{path} is a file, and must be a folder")
    if settings.database_url is not None:
        return await _open_beside(settings, settings.database_url.get_secret_value())
    try:
        if not _record(path).exists():
            await _create(settings)
        vault = KeyVault(read_master_key(settings))
        folder_id, schema, check = _facts(path)
    except OSError as error:
        raise InvalidSetting("RAG_DATA_DIR", f"{path} cannot be used: {error.strerror}") from None
    if check != vault.folder_check(folder_id):
        raise MasterKeyWrong
    if schema != SCHEMA_VERSION:
        raise SchemaMismatch(schema, SCHEMA_VERSION)
    if not (path / "rag.db").is_file():
        raise FolderDamaged(path, "rag.db", "is missing")
    _refuse_read_only(path)
    _keep_to_owner(path)
    return DataFolder(path, folder_id, vault)


async def _open_beside(settings: Settings, address: str) -> DataFolder:
    """The folder of locks, and of the index unless a server holds that, beside a PostgreSQL database.

    The first to come enters which key its rows are sealed under.
    """
    plain, path = settings.database_plain, settings.data_dir
    server = Server.at("RAG_DATABASE_URL", address, allows_plain=plain, pool=settings.database_pool)
    try:
        if not path.exists():
            path.mkdir(parents=True, mode=0o700)
            path.chmod(0o700)  # whatever the umask
    except OSError as error:
        raise InvalidSetting("RAG_DATA_DIR", f"{path} cannot be used: {error.strerror}") from None
    _refuse_read_only(path)
    if (path / "rag.db").exists():
        raise InvalidSetting("RAG_DATABASE_URL", f"{path} holds tables of its own: name another folder, RAG_DATA_DIR")
    schema = await asyncio.to_thread(server.examine, SECURED)
    if schema != SCHEMA_VERSION:
        raise SchemaMismatch(schema or "none", SCHEMA_VERSION)
    database = server.database()
    try:
        installation = Installation(database)
        found = await installation.found()
        if found is None:
            vault, folder_id = KeyVault(read_or_create_master_key(settings)), secrets.token_hex(8)
            found = await installation.enter(folder_id, vault.folder_check(folder_id))
    finally:
        await database.close()
    vault = KeyVault(read_master_key(settings))
    if found.key_check != vault.folder_check(found.id):
        raise MasterKeyWrong
    try:
        if not _marker(path).exists():
            _write_whole(_marker(path), found.id)
        beside = _marker(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidSetting("RAG_DATA_DIR", f"{path} cannot be used: {error.strerror}") from None
    if beside != found.id:
        raise InvalidSetting("RAG_DATA_DIR", f"{path} stands beside another database, whose index it may hold")
    return DataFolder(path, found.id, vault, server)


def _marker(path: Path) -> Path:
    """Says of which installation in a database this folder is part."""
    return path / "beside-database"


def _refuse_read_only(path: Path) -> None:
    if not os.access(path, os.W_OK):  # of the folder; what is wrong with a file in it, SQL tells
        raise InvalidSetting("RAG_DATA_DIR", f"{path} is read-only here, and every command writes its locks there")


def upgrade_folder(settings: Settings) -> str:
    """The folder's tables have this version's schema. Returns the one that they had.

    Raises ``FolderHeld`` while another process uses it, ``SchemaMismatch`` where no migration leads from its schema,
    and what ``open_folder`` raises.
    """
    path = settings.data_dir
    if not _record(path).exists():
        raise InvalidSetting("RAG_DATA_DIR", f"there is no data folder at {path}")
    folder_id, schema, check = _facts(path)
    vault = KeyVault(read_master_key(settings))
    if check != vault.folder_check(folder_id):
        raise MasterKeyWrong
    folder = DataFolder(path, folder_id, vault)
    with hold(folder), hold(folder, QUEUE_LOCK):
        if schema != SCHEMA_VERSION and not upgrade_sqlite(path / "rag.db"):
            raise SchemaMismatch(schema, SCHEMA_VERSION)
        _write_record(path, {"folder_id": folder_id, "schema": SCHEMA_VERSION, "check": check})
    return schema


@contextmanager
def hold(folder: DataFolder, name: str = INDEX_LOCK) -> Iterator[None]:
    """This process owns the folder's index while the context lasts, or by ``QUEUE_LOCK`` its queue.

    Where a server holds the tables, no process on any machine owns them at the same time. Raises ``FolderHeld``.
    """
    lock = folder.path / name
    with os.fdopen(_opened_for_owner(lock), "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderHeld(folder.path, file.read().strip() or "another process") from None
        with folder.server.hold(name) if folder.server else nullcontext(enter_result=True) as is_ours:
            if not is_ours:
                raise FolderHeld(folder.path, "another machine or folder that uses its database")
            yield from _held(file)


def _held(file: TextIO) -> Iterator[None]:
    """The lock says who holds it."""
    file.truncate(0)  # what a holder before wrote; it may have been killed
    command = " ".join(["rag", *sys.argv[1:2]])
    file.write(f"`{command}` (process {os.getpid()})")
    file.flush()
    yield


def _record(path: Path) -> Path:
    return path / "installation.json"


def _facts(path: Path) -> tuple[str, str, str]:
    """The folder's id, its schema and its key check. Raises ``FolderDamaged``."""
    try:
        found = json.loads(_record(path).read_bytes())
    except ValueError:
        found = None
    match found:
        case {"folder_id": str(folder_id), "schema": str(schema), "check": str(check)}:
            return folder_id, schema, check
    raise FolderDamaged(path, _record(path).name, "is not as it was written")


async def _create(settings: Settings) -> None:
    """An empty folder under a key: complete, or not there at all."""
    path, record = settings.data_dir, _record(settings.data_dir)
    if not path.exists():
        read_or_create_master_key(settings)  # first, as a key that may not be made must leave no folder behind
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.chmod(0o700)  # whatever the umask
    async with _only_creator(path):
        if record.exists():  # another process was first, and both go on with its record
            return
        if _marker(path).exists():
            raise InvalidSetting("RAG_DATABASE_URL", f"the tables of {path} are in PostgreSQL: set it")
        for part in ("rag.db", "rag.db-wal", "index"):
            if (path / part).exists():  # a new record would go with a new key, under which none of it opens
                raise FolderDamaged(path, record.name, "is missing")
        vault = KeyVault(read_or_create_master_key(settings))
        _create_database(path / "rag.db")
        folder_id = secrets.token_hex(8)
        check = vault.folder_check(folder_id)
        _write_record(path, {"folder_id": folder_id, "schema": SCHEMA_VERSION, "check": check})


def _write_record(path: Path, facts: Mapping[str, str]) -> None:
    _write_whole(_record(path), json.dumps(facts))


def _write_whole(path: Path, text: str) -> None:
    """The text is on disk for its owner, and nobody ever sees a part of it."""
    draft = path.with_name(f".{path.stem}")
    with os.fdopen(_opened_for_owner(draft), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _create_database(path: Path) -> None:
    """Empty tables under this name. They are made under another, so that a stop on the way leaves nothing of it."""
    draft = path.with_name(".rag.db")
    draft.unlink(missing_ok=True)
    os.close(_opened_for_owner(draft))
    create_sqlite_tables(draft)
    draft.replace(path)


@asynccontextmanager
async def _only_creator(path: Path) -> AsyncIterator[None]:
    """No other process makes this folder while the context lasts."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        await asyncio.to_thread(fcntl.flock, handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _opened_for_owner(path: Path) -> int:
    """A handle on a file with mode 0600, whatever the umask and whoever made it before."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with contextlib.suppress(PermissionError):  # another user made it, and lets us write
        os.fchmod(handle, 0o600)
    return handle


def _keep_to_owner(path: Path) -> None:
    """Of a folder that an earlier version made, or that was restored, the files are for their owner alone."""
    for part in ("rag.db", "rag.db-wal", "rag.db-shm", "installation.json"):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            (path / part).chmod(0o600)
