"""Uploads from memory through the document path, a few at a time, as `rag ingest` does with files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from ingestion.pipeline import Ingested, IngestionParts, Intake, Unchanged, ingest
from rag_service.domain.document import Upload
from rag_service.domain.errors import Refused

_AT_ONCE = 3

Outcome = Ingested | Unchanged | Refused


async def ingest_uploads(
    uploads: Iterable[Upload], intake: Intake, parts: IngestionParts, report: Callable[[Upload, Outcome], bool]
) -> None:
    """Every upload has its outcome, reported as it comes, until ``report`` says that it is enough.

    Whatever is no refusal is raised: an evaluation of a broken pipeline is worth nothing.
    """
    waiting = iter(uploads)
    enough = False

    async def work() -> None:
        nonlocal enough
        for upload in waiting:
            outcome: Outcome
            try:
                outcome = await ingest(upload, intake, parts)
            except Refused as refusal:
                outcome = refusal
            enough = not report(upload, outcome) or enough
            if enough:
                return

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(work())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
