"""What a folder holds: its files by source, and the places in it that nothing can be said of."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ingestion.batch import FoundFile
from rag_service.domain.errors import InvalidRequest, Refused

_READ_AGAIN = 3


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that is synchronised. ``base`` is its identity within the tenant, and begins the source of each file."""

    path: Path
    base: str

    def source_of(self, path: Path) -> str:
        """Lexical on purpose: what is a link today has the source that it had as a file."""
        return self.base if path == self.path else f"{self.base}/{path.relative_to(self.path).as_posix()}"


@dataclass(frozen=True, slots=True)
class Scan:
    """``files`` is whatever is no folder, in order. ``refused`` are folders that could not be looked into.

    A file whose name is no text is in ``refused`` too: no document can have come from it.
    """

    files: tuple[FoundFile, ...]
    refused: Mapping[Path, Refused]


def folder_at(path: Path, source: str | None) -> Folder:
    """The folder at a path, known by its absolute path or by ``source``. Raises ``InvalidRequest``."""
    base = (str(path.resolve()) if source is None else source).rstrip("/")
    if not is_text(base) or not is_text(str(path)):
        raise InvalidRequest("the folder's name is not UTF-8; rename it")
    if source is not None and not base:
        raise InvalidRequest("a source must name something, such as handbook:/")
    return Folder(path, base)


def scan(folder: Folder, besides: Path) -> Scan:
    """What the folder holds now; links are found, never followed. ``besides`` is left out: the service's own data."""
    refused: dict[Path, Refused] = {}
    files: list[FoundFile] = []
    for path in _walk(folder.path, besides, refused):
        if is_text(str(path)):
            files.append(FoundFile(path, folder.source_of(path)))
        else:
            refused[path] = Refused("unreadable_name", "the file's name is not UTF-8; rename it")
    return Scan(tuple(sorted(files, key=lambda file: file.path)), refused)


def read(path: Path, max_bytes: int) -> bytes:
    """The file's content at one moment. Raises ``Refused``, also for one that is written to all the time."""
    try:
        for _ in range(_READ_AGAIN):
            content = _read_once(path, max_bytes)
            if content is not None:
                return content
    except OSError as error:
        raise Refused("unreadable", f"the file cannot be read: {error.strerror}") from None
    raise Refused("changed_meanwhile", "the file was written to while it was read; the next run takes it")


def is_text(name: str) -> bool:
    """Whether a name of the file system can be written as UTF-8."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def _read_once(path: Path, max_bytes: int) -> bytes | None:
    """``None`` where the file changed meanwhile. Another file that took its place is no change of this one."""
    if path.is_symlink():
        raise Refused("symbolic_link", "a symbolic link is not followed: name the file that it points to")
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not keep us
    with os.fdopen(handle, "rb") as file:
        before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            raise Refused("not_a_file", "this is no regular file")
        if before.st_size > max_bytes:
            raise Refused("too_large", f"the file is larger than {max_bytes // 2**20} MiB")
        content = file.read(before.st_size + 1)
        after = os.fstat(handle)
    is_same = (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
    return content if is_same and len(content) == before.st_size else None


def _walk(root: Path, besides: Path, refused: dict[Path, Refused]) -> Iterator[Path]:
    """All below the root that is no folder. A folder that cannot be listed to its end is ``refused`` as a whole."""

    def unreadable(error: OSError) -> None:
        refused[Path(error.filename)] = Refused("unreadable", f"the folder cannot be read: {error.strerror}")

    for folder, folders, names in os.walk(root, onerror=unreadable):
        here = Path(folder)
        links = [name for name in folders if (here / name).is_symlink()]
        for link in links:
            refused[here / link] = Refused("symbolic_link", "a symbolic link is not followed: sync where it points to")
        folders[:] = [name for name in folders if name not in links and (here / name).resolve() != besides]
        yield from (here / name for name in names)
