"""One experiment: a collection through the document path, then its queries through the question path.

The same code as in production: ``ingestion.pipeline.ingest`` and ``rag_service.query.ask.search``, in a temporary
data folder under a key that no file holds.
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from eval.datasets.beir import CorpusDocument, Dataset
from eval.measures.retrieval import by_document, per_query
from ingestion.batch import Ingested, Intake, Outcome, Watcher, ingest_each
from ingestion.crew import ingesting
from ingestion.processes.stages import ProcessStages
from rag_service.authentication import Caller, act_as
from rag_service.domain.document import Upload
from rag_service.domain.errors import InvalidRequest, QuestionRefused, Refused
from rag_service.domain.identity import EVERYONE
from rag_service.domain.scrubbing import ScrubPolicy
from rag_service.query.ask import search
from rag_service.query.retrieve import Filters
from rag_service.settings import load_settings
from rag_service.wiring import Service, open_service

DEPTH = 300
"""Passages a branch returns and a ranking holds: as deep as a search with the largest limit (100) looks, so the first
ranks are those that such a search shows, and there are passages enough for a hundred documents."""
DEFAULT_LIMIT = 10
_TIMED = 200
_TENANT, _USER = "evaluation", "evaluator"


class Progress(Protocol):
    """Is told of work as it is done."""

    def begin(self, what: str, total: int) -> None: ...

    def advance(self) -> None: ...


@dataclass(frozen=True, slots=True)
class IngestOutcome:
    """What the document path made of the collection. ``refused`` counts documents by reason."""

    documents: int
    chunks: int
    refused: Mapping[str, int]
    documents_per_s: float


@dataclass(frozen=True, slots=True)
class Run:
    """What one experiment measured.

    ``values`` are by measure and query. ``latencies_ms`` are searches with the default limit, one at a time, after
    every query was asked once. ``refused_queries`` counts those that the guard refused: they rank nothing.
    """

    dataset: Dataset
    values: Mapping[str, Mapping[str, float]]
    ingest: IngestOutcome
    latencies_ms: tuple[float, ...]
    refused_queries: int


async def run_experiment(dataset: Dataset, progress: Progress, scrubbing: ScrubPolicy | None = None) -> Run:
    """The collection was ingested under this policy, its queries were asked, and the folder is gone again."""
    with tempfile.TemporaryDirectory(prefix="rag-eval-") as folder:
        settings = load_settings(data_dir=Path(folder, "data"), master_key=secrets.token_hex(32))
        async with open_service(settings) as service:
            names, outcome = await _ingest_all(dataset, service, progress, scrubbing or ScrubPolicy())
            tenant = await service.store.tenants.by_name(_TENANT)
            caller = await act_as(tenant, _USER, (), groups_of=service.store.groups)
            rankings, refused = await _ask_all(dataset, service, caller, names, progress)
            latencies = await _time(dataset, service, caller, progress)
    return Run(dataset, per_query(dataset.judgements, rankings), outcome, latencies, refused)


async def _ingest_all(
    dataset: Dataset, service: Service, progress: Progress, scrubbing: ScrubPolicy
) -> tuple[dict[str, str], IngestOutcome]:
    """The collection's id of every document by the service's, and how it went."""
    tenant = await service.store.tenants.create(_TENANT, scrubbing.preset)
    tenant = await service.store.tenants.set_scrubbing(tenant, scrubbing)
    intake = Intake(tenant, _USER, _USER, [EVERYONE])
    names: dict[str, str] = {}
    refused: Counter[str] = Counter()
    chunks = 0

    def report(document: CorpusDocument, outcome: Outcome) -> bool:
        nonlocal chunks
        if isinstance(outcome, Refused):
            refused[outcome.reason] += 1
        else:
            names[outcome.document_id] = document.document_id
            chunks += outcome.chunks if isinstance(outcome, Ingested) else 0
        progress.advance()
        return True

    progress.begin(f"ingesting {dataset.name}", len(dataset.documents))
    began = time.perf_counter()
    async with ingesting(service, ProcessStages(service.settings)):
        await ingest_each(dataset.documents, _upload, intake, service.store, Watcher(report))
    took = time.perf_counter() - began
    return names, IngestOutcome(len(names), chunks, dict(sorted(refused.items())), len(dataset.documents) / took)


def _upload(document: CorpusDocument) -> Upload:
    """The document as a text file with its title beside it."""
    return Upload(
        name=f"{document.document_id}.txt",
        content=document.text.encode(),
        source=document.document_id,
        title=document.title or None,
    )


async def _ask_all(
    dataset: Dataset, service: Service, caller: Caller, names: Mapping[str, str], progress: Progress
) -> tuple[dict[str, list[str]], int]:
    """A ranking of documents a query, and how many queries the guard refused."""
    rankings: dict[str, list[str]] = {}
    progress.begin(f"asking {dataset.name}", len(dataset.queries))
    for query, text in dataset.queries.items():
        try:
            found = await search(text, Filters(), caller, service.query_parts, limit=DEPTH, depth=DEPTH)
        except (InvalidRequest, QuestionRefused):
            pass
        else:
            rankings[query] = by_document(names[passage.document_id] for passage in found.passages)
        progress.advance()
    return rankings, len(dataset.queries) - len(rankings)


async def _time(dataset: Dataset, service: Service, caller: Caller, progress: Progress) -> tuple[float, ...]:
    """Milliseconds of searches as callers make them, one after the other; at most 200 of the queries."""
    texts = list(dataset.queries.values())[:_TIMED]
    times: list[float] = []
    progress.begin(f"timing {dataset.name}", len(texts))
    for text in texts:
        began = time.perf_counter()
        try:
            await search(text, Filters(), caller, service.query_parts, limit=DEFAULT_LIMIT)
        except (InvalidRequest, QuestionRefused):
            continue
        finally:
            progress.advance()
        times.append(1000 * (time.perf_counter() - began))
    return tuple(times)
