"""Where shards stand on disk, and how one takes the place of another.

A collection's folder carries its name. Whatever is unfinished carries a dot and a random suffix, and belongs to nobody
after a restart. A crash at any instant leaves a collection as it was before or as it is after, never half.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from typing import TYPE_CHECKING

from rag_service.domain.errors import IndexUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COLLECTION = re.compile(r"[0-9a-f]{8,64}")
_UNFINISHED = re.compile(r"\.(?:new|gone)-[0-9a-f]{8,64}(?:-[0-9a-f]+)?")
NEEDED_BYTES = 64 * 2**20
"""Free on the disk before a shard is opened or written to: the engine maps sparse files, and a page of them for which
there is no room ends the process with SIGBUS, and with it the service."""
_MOVED = ".old-"
"""Before a collection's name while another folder is about to take it: the only place of its points for an instant."""


def is_collection(name: str) -> bool:
    """Whether a folder may be named so: no name reaches out of the root."""
    return _COLLECTION.fullmatch(name) is not None


class ShardFolders:
    """The folders under ``root``, which one process owns."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def of(self, collection: str) -> Path:
        """Where the collection stands, if it was ever written."""
        return self._root / collection

    def names(self) -> frozenset[str]:
        """Every collection that has a folder."""
        return frozenset(path.name for path in self._entries() if is_collection(path.name))

    def new(self, collection: str) -> Path:
        """An empty folder for a shard that shall ``take_place``."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.require_room()
        made = self._root / f".new-{collection}-{secrets.token_hex(8)}"
        made.mkdir(mode=0o700)
        return made

    def require_room(self) -> None:
        """Raises ``IndexUnavailable`` where the disk is all but full."""
        disk = os.statvfs(self._root)
        if disk.f_bavail * disk.f_frsize < NEEDED_BYTES:
            raise IndexUnavailable(f"less than {NEEDED_BYTES // 2**20} MiB are free on the disk that holds it")

    def take_place(self, made: Path, collection: str) -> Path | None:
        """``made`` is the collection's folder. Returns what is left of the one before it, for ``discard``."""
        home, moved = self.of(collection), self._root / f"{_MOVED}{collection}"
        replaces = home.exists()
        if replaces:
            home.rename(moved)
        try:
            made.rename(home)
        except OSError:
            if replaces:
                moved.rename(home)
            raise
        self._sync()
        return self._put_away(moved) if replaces else None

    def remove(self, collection: str) -> None:
        """The collection has no folder; it is gone at once, and its files soon after."""
        if self.of(collection).exists():
            gone = self._put_away(self.of(collection))
            self._sync()
            shutil.rmtree(gone)

    def discard(self, unfinished: Path) -> None:
        """The files of a folder that belongs to nobody are gone, or will be after the next ``recover``."""
        shutil.rmtree(unfinished, ignore_errors=True)

    def recover(self) -> None:
        """Every collection is whole after a crash, and nothing unfinished is left."""
        for path in list(self._entries()):
            if path.name.startswith(_MOVED):
                home = self.of(path.name.removeprefix(_MOVED))
                if home.exists():
                    self.discard(self._put_away(path))
                else:
                    path.rename(home)
            elif _UNFINISHED.fullmatch(path.name):
                self.discard(path)

    def _put_away(self, path: Path) -> Path:
        collection = path.name.removeprefix(_MOVED)
        return path.rename(self._root / f".gone-{collection}-{secrets.token_hex(8)}")

    def _entries(self) -> Iterator[Path]:
        return self._root.iterdir() if self._root.exists() else iter(())

    def _sync(self) -> None:
        """The renames outlast a loss of power."""
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
