"""How a batch shows itself: on a terminal's stderr a bar with the stages under way, on stdout a line a file."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from ingestion.batch import FileOutcome, FoundFile, Ingested, Outcome, Quarantined
from ingestion.pipeline import Unchanged
from rag_service.commands.options import printable
from rag_service.domain.jobs import JobState, Standing

_PATIENCE_S = 15.0
_STAGES = ("unpack", "parse", "scrub", "judge", "chunk", "embed")


class Progress:
    """A progress bar while the context lasts; without ``lines``, only the bar."""

    def __init__(self, files: int, *, lines: bool) -> None:
        columns = (
            TextColumn("ingesting"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[now]}", style="dim"),
        )
        self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("ingest", total=files, now="")
        self._stored_since: float | None = None
        self._lines = Console(soft_wrap=True, highlight=False, markup=False) if lines else None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def ended(self, file: FoundFile, outcome: Outcome) -> bool:
        self._bar.advance(self._task)
        if self._lines:
            self._lines.print(line(FileOutcome(file.path, outcome)))
        return True

    def member(self, file: FoundFile, way: str, outcome: Outcome) -> None:
        """What came in a file has its outcome."""
        if self._lines:
            self._lines.print(line(FileOutcome(Path(f"{file.path}!{way}"), outcome)))

    def moved(self, jobs: Sequence[Standing]) -> None:
        self._bar.update(self._task, now=under_way(jobs))
        if not jobs or any(job.state is not JobState.STORED for job in jobs):
            self._stored_since = None
        elif self._stored_since is None:
            self._stored_since = time.monotonic()
        elif time.monotonic() - self._stored_since > _PATIENCE_S:
            self.say("The documents are stored; the index has yet to follow, and is tried again and again.")
            self._stored_since = math.inf

    def say(self, text: str) -> None:
        """A remark beside the files."""
        self._bar.console.print(text, style="dim", markup=False, highlight=False)


def under_way(jobs: Sequence[Standing]) -> str:
    """Where the jobs are, in the order of the path.

    >>> under_way([])
    ''
    """
    running = Counter(job.stage for job in jobs if job.state is JobState.RUNNING)
    shown = [f"{stage} {running[stage]}" for stage in _STAGES if running[stage]]
    for state, word in ((JobState.STORED, "index"), (JobState.QUEUED, "waiting")):
        if count := sum(job.state is state for job in jobs):
            shown.append(f"{word} {count}")
    return " · ".join(shown)


def line(outcome: FileOutcome) -> str:
    """One file's outcome, for people: one line, whatever the file is called."""
    path, result = printable(str(outcome.path)), outcome.result
    if isinstance(result, Unchanged):
        return f"unchanged  {path}"
    if isinstance(result, Ingested):
        removed = ", ".join(f"{count} {kind}" for kind, count in sorted(result.removed.items()))
        notes = [f"{result.chunks} chunks", *([f"scrubbed {removed}"] if removed else [])]
        notes += [f"left out {', '.join(result.stripped)}"] if result.stripped else []
        notes += [f"suspicious: {', '.join(result.suspicions)}"] if result.suspicions else []
        return f"ingested   {path} ({'; '.join(notes)})"
    if isinstance(result, Quarantined):
        return f"QUARANTINED {path} ({result.document_id}): {', '.join(result.reasons)}. A reviewer is to decide"
    return f"REFUSED    {path}: {result.reason}. {result.detail}"
