"""A batch: every file under some paths, each with one outcome. A bad file never stops the others."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from ingestion.pipeline import Ingested, IngestionParts, Intake, Unchanged, ingest
from rag_service.domain.document import Upload
from rag_service.domain.errors import ConfigurationError, Conflict, Refused, Unavailable

_log = structlog.get_logger()
_DUPLICATE = "another file of this batch has the same source; one of them would replace the other"
_AT_ONCE = 3
"""Documents under way at once: one is parsed while another is embedded; more would only take memory."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file under one of the paths. ``source`` is its identity within the tenant."""

    path: Path
    source: str


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file."""

    path: Path
    result: Ingested | Unchanged | Refused


def find_files(paths: Sequence[Path], source: str | None) -> Iterator[FoundFile]:
    """Every file under the paths, in order. Symbolic links below a path are found, but never followed.

    A file's source is its absolute path, or lies under ``source`` if that is given.
    """
    for root in paths:
        below = sorted(_walk(root)) if root.is_dir() else [root]
        for path in below:
            if source is None:
                yield FoundFile(path, str(path.resolve()))
            elif root.is_dir():
                yield FoundFile(path, f"{source.rstrip('/')}/{path.relative_to(root).as_posix()}")
            else:
                yield FoundFile(path, source if len(paths) == 1 else f"{source.rstrip('/')}/{path.name}")


async def ingest_files(
    files: Sequence[FoundFile],
    intake: Intake,
    parts: IngestionParts,
    report: Callable[[FileOutcome], None],
) -> list[FileOutcome]:
    """Every file has its outcome, reported as it comes and returned in the order of ``files``.

    Raises ``Unavailable`` or ``ConfigurationError`` where going on makes no sense; finished files stay ingested.
    """
    outcomes: dict[int, FileOutcome] = {}
    waiting = iter(enumerate(files))
    sources: set[str] = set()

    async def work() -> None:
        for number, file in waiting:
            if file.source in sources:
                result: Ingested | Unchanged | Refused = Refused("duplicate_source", _DUPLICATE)
            else:
                sources.add(file.source)
                result = await _ingest_file(file, intake, parts)
            outcomes[number] = FileOutcome(file.path, result)
            report(outcomes[number])

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(work())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [outcomes[number] for number in range(len(files))]


async def _ingest_file(file: FoundFile, intake: Intake, parts: IngestionParts) -> Ingested | Unchanged | Refused:
    try:
        upload = Upload(name=file.path.name, content=_read(file.path, parts.max_bytes), source=file.source)
        return await ingest(upload, intake, parts)
    except Refused as refusal:
        return refusal
    except Conflict:
        return Refused("changed_meanwhile", "another ingestion of this source was quicker; ingest the file again")
    except (Unavailable, ConfigurationError):
        raise
    except Exception as error:  # noqa: BLE001  # a defect in one file's way must not cost the others
        _log.error("ingestion_failed", error=type(error).__name__)
        return Refused("internal_error", f"this file met a defect of the pipeline ({type(error).__name__})")


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        if any("\ud800" <= letter <= "\udfff" for letter in str(path)):
            raise Refused("unreadable_name", "the file's name is not UTF-8; rename it")
        if path.is_symlink():
            raise Refused("symbolic_link", "a symbolic link is not followed: name the file that it points to")
        if not path.is_file():
            raise Refused("not_a_file", "this is no regular file")
        if path.stat().st_size > max_bytes:
            raise Refused("too_large", f"the file is larger than {max_bytes // 2**20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise Refused("unreadable", f"the file cannot be read: {error.strerror}") from None


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in names:
            yield Path(folder, name)
