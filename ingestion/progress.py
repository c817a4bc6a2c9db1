"""How a batch shows itself: a bar on a terminal's stderr, a line a file on stdout."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from ingestion.batch import FileOutcome
from ingestion.pipeline import Ingested, Unchanged
from rag_service.commands.options import printable


class Progress:
    """A progress bar while the context lasts; without ``lines``, only the bar."""

    def __init__(self, files: int, *, lines: bool) -> None:
        columns = (TextColumn("ingesting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("ingest", total=files)
        self._lines = Console(soft_wrap=True, highlight=False, markup=False) if lines else None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def report(self, outcome: FileOutcome) -> None:
        self._bar.advance(self._task)
        if self._lines:
            self._lines.print(line(outcome))


def line(outcome: FileOutcome) -> str:
    """One file's outcome, for people: one line, whatever the file is called."""
    path, result = printable(str(outcome.path)), outcome.result
    if isinstance(result, Unchanged):
        return f"unchanged  {path}"
    if isinstance(result, Ingested):
        removed = ", ".join(f"{count} {kind}" for kind, count in sorted(result.removed.items()))
        notes = [f"{result.chunks} chunks", *([f"scrubbed {removed}"] if removed else [])]
        notes += [f"suspicious: {', '.join(result.suspicions)}"] if result.suspicions else []
        return f"ingested   {path} ({'; '.join(notes)})"
    return f"REFUSED    {path}: {result.reason}. {result.detail}"
