"""The master key: 32 random bytes, kept apart from the data it protects."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from rag_service.crypto.sealing import KEY_BYTES, new_key
from rag_service.domain.errors import InvalidSetting, MasterKeyMissing
from rag_service.settings import Settings


def read_master_key(settings: Settings) -> bytes:
    """The key from ``RAG_MASTER_KEY`` or the key file. Raises ``MasterKeyMissing`` or ``InvalidSetting``."""
    if settings.master_key is not None:
        return _decode(settings.master_key.get_secret_value(), "RAG_MASTER_KEY")
    path = settings.master_key_file
    try:
        return _decode(path.read_text(encoding="ascii"), "RAG_MASTER_KEY_FILE")
    except FileNotFoundError:
        raise MasterKeyMissing(path) from None
    except (OSError, UnicodeDecodeError):
        raise InvalidSetting("RAG_MASTER_KEY_FILE", f"{path} cannot be read as a key file") from None


def read_or_create_master_key(settings: Settings) -> bytes:
    """For a new data folder: the key that is there, or else a new key file with mode 0600.

    Raises:
        InvalidSetting: the file cannot be made, or would lie inside the data folder, where a stolen folder would carry
            it along.
    """
    try:
        return read_master_key(settings)
    except MasterKeyMissing:
        pass
    path = settings.master_key_file
    if is_inside(path, settings.data_dir):
        raise InvalidSetting("RAG_MASTER_KEY_FILE", "the master key must not be created inside the data folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return read_master_key(settings)
    except OSError as error:
        raise InvalidSetting(
            "RAG_MASTER_KEY_FILE", f"there is no {path}, and it cannot be made: {error.strerror}"
        ) from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(new_key().hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return read_master_key(settings)


def key_file_warnings(settings: Settings) -> list[str]:
    """What an operator should mend about where the key lies and who may read it."""
    path = settings.master_key_file
    if settings.master_key is not None or not path.exists():
        return []
    warnings = []
    if is_inside(path, settings.data_dir):
        warnings.append(f"the master key {path} lies inside the data folder: whoever copies the folder can read it")
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        warnings.append(f"the master key {path} can be read by others: chmod 600 {path}")
    return warnings


def is_inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _decode(text: str, setting: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise InvalidSetting(setting, "a master key is 64 hex digits")
    return key
