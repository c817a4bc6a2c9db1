"""The processes of an installation, found as an operator would find them, and killed without warning."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

_CHILD = "ingestion.processes."


class Part(StrEnum):
    """What is killed. The worker of a `rag ingest` is that command itself."""

    PARSER = "parser"
    TEXT = "text"
    MODEL = "model"
    WORKER = "worker"
    OWNER = "owner"
    ALL = "all"


def parts_of(owner: int, worker: int | None) -> dict[Part, list[int]]:
    """The running processes below these two, by what they are. ``worker`` is None where the owner keeps one itself."""
    children = _children()
    roots = [owner] if worker is None else [owner, worker]
    below = list(_descendants(roots, children))
    parts: dict[Part, list[int]] = {Part.OWNER: [owner], Part.ALL: [*roots, *below]}
    if worker is not None:
        parts[Part.WORKER] = [worker]
    for pid in below:
        words = _command(pid)
        if worker is None and "--role" in words and "worker" in words:
            parts.setdefault(Part.WORKER, []).append(pid)
        for part in (Part.PARSER, Part.TEXT, Part.MODEL):
            if f"{_CHILD}{part}" in words:
                parts.setdefault(part, []).append(pid)
    return parts


def kill(pids: Iterable[int]) -> None:
    """None of the processes takes another step."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _children() -> dict[int, list[int]]:
    """Every process of this machine by its parent."""
    found: dict[int, list[int]] = defaultdict(list)
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError, ValueError):
                stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
                found[int(stat.rpartition(")")[2].split()[1])].append(int(folder.name))
    return found


def _descendants(roots: Iterable[int], children: dict[int, list[int]]) -> Iterable[int]:
    for root in roots:
        for child in children.get(root, []):
            yield child
            yield from _descendants([child], children)


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:  # it ended meanwhile
        return []
