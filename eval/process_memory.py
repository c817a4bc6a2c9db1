"""The peak memory of every process that this one starts, by what it is called."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_EVERY_S = 0.2


class MemoryWatch:
    """Looks at the descendants of this process a few times a second while the context lasts, as Linux tells them.

    A process that begins and ends between two looks is not seen. Pages that processes share count in each of them.
    """

    def __init__(self) -> None:
        self._peaks: dict[int, tuple[str, float]] = {}
        self._together = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    @property
    def together_mib(self) -> float:
        """The most that all of them held at one look."""
        return self._together

    def peaks(self) -> list[dict[str, Any]]:
        """The largest first: each name with how many processes had it, and the peak of the largest of them."""
        named: dict[str, list[float]] = defaultdict(list)
        for name, peak in self._peaks.values():
            named[name].append(peak)
        rows = sorted(named.items(), key=lambda row: -max(row[1]))
        return [{"process": name, "seen": len(peaks), "peak_mib": round(max(peaks), 1)} for name, peaks in rows]

    def _watch(self) -> None:
        while not self._over.wait(_EVERY_S):
            together = 0.0
            for pid in descendants(os.getpid()):
                status = _status(pid)
                if "VmHWM" in status:
                    self._peaks[pid] = (_name(pid, status), int(status["VmHWM"].split()[0]) / 1024)
                    together += int(status["VmRSS"].split()[0]) / 1024
            self._together = max(self._together, together)


def descendants(pid: int) -> list[int]:
    """The children of the process, theirs, and so on."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _status(int(entry.name)).get("PPid")):
            children[int(parent)].append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _status(pid: int) -> dict[str, str]:
    """Nothing for a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _name(pid: int, status: dict[str, str]) -> str:
    """The module or command that a Python process runs: ``-m`` tells it, else the first word after ``-c``'s code."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        words = []
    if "-m" in words[:-1]:
        return words[words.index("-m") + 1]
    if "-c" in words[:-2]:
        after = next((word for word in words[words.index("-c") + 2 :] if word and not word.isdecimal()), "")
        return after if "." in after else f"rag {after}"
    return status.get("Name", "unknown")
