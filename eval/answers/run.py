"""A run: tenants' folders through the document path into one installation, then questions through ``ask``.

The same code as in production, in a temporary data folder under a key that no file holds. Each tenant's questions are
asked by a caller of its own; some of the others' questions are put to it too, which its documents do not answer.
"""

from __future__ import annotations

import secrets
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from eval.answers.asked import Asked, Desk
from eval.answers.tenants import Offered, Question, TenantFolder
from eval.experiment import Progress
from ingestion.batch import Ingested, Intake, Outcome, Watcher, ingest_each
from ingestion.crew import ingesting
from ingestion.processes.stages import ProcessStages
from ingestion.stages import StagesByTenant
from rag_service.authentication import act_as
from rag_service.domain.errors import Refused
from rag_service.domain.identity import EVERYONE
from rag_service.query.ask import QueryParts
from rag_service.settings import Settings, load_settings
from rag_service.wiring import Models, Service, open_service

EXTRACTIVE, SERVER = "extractive", "server"
_USER = "evaluator"

PartsOf = Callable[[Service], QueryParts]


@dataclass(frozen=True, slots=True)
class Order:
    """What to ask, and who answers: every N-th question of each tenant, every N-th of all the others' (0: none)."""

    answerers: Mapping[str, PartsOf]
    every: int = 1
    wrong_every: int = 4
    limit: int = 10


@dataclass(frozen=True, slots=True)
class Taken:
    """What ingestion did, over all tenants. ``refused`` counts files by reason."""

    files: int
    chunks: int
    refused: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """All that was asked, by answerer."""

    taken: Taken
    asked: Mapping[str, Sequence[Asked]]


async def run_answers(
    tenants: Sequence[TenantFolder],
    order: Order,
    progress: Progress,
    models: Models | None = None,
    stages: AbstractContextManager[StagesByTenant] | None = None,
) -> Outcomes:
    """The tenants were ingested, the questions asked, and the folder is gone again.

    ``models`` and ``stages`` (of ingestion) are those of production, unless a caller has some at work already.
    """
    with tempfile.TemporaryDirectory(prefix="rag-eval-") as folder:
        settings = load_settings(data_dir=Path(folder, "data"), master_key=secrets.token_hex(32), llm_base_url=None)
        async with open_service(settings, models) as service:
            desks, taken = await open_desks(tenants, service, progress, stages)
            asked = {}
            for name, parts_of in order.answerers.items():
                parts = parts_of(service)
                asked[name] = await _ask_all(tenants, desks, parts, order, progress, name)
                for answerer in {id(one): one for one in parts.answerers.values()}.values():
                    await answerer.close()
    return Outcomes(taken, asked)


def extractive(service: Service) -> QueryParts:
    """The question path without a model server."""
    return replace(service, settings=service.settings.model_copy(update={"llm_base_url": None})).query_parts


def served_by(settings: Settings) -> PartsOf:
    """The question path with the model server that ``settings`` name."""
    chosen = {name: getattr(settings, name) for name in type(settings).model_fields if name.startswith("llm_")}
    return lambda service: replace(service, settings=service.settings.model_copy(update=chosen)).query_parts


async def open_desks(
    tenants: Sequence[TenantFolder],
    service: Service,
    progress: Progress,
    stages: AbstractContextManager[StagesByTenant] | None = None,
) -> tuple[list[Desk], Taken]:
    """Every tenant was ingested, and has a caller."""
    refused: Counter[str] = Counter()
    desks: list[Desk] = []
    files = chunks = 0
    async with ingesting(service, stages or ProcessStages(service.settings)):
        for folder in tenants:
            names, pieces = await _ingest(folder, service, refused, progress)
            tenant = await service.store.tenants.by_name(folder.name)  # now with the embedding it was ingested with
            caller = await act_as(tenant, _USER, (), groups_of=service.store.groups)
            desks.append(Desk(folder.name, caller, service.store.documents, names))
            files += len(folder.documents)
            chunks += pieces
    return desks, Taken(files, chunks, dict(sorted(refused.items())))


async def _ingest(
    folder: TenantFolder, service: Service, refused: Counter[str], progress: Progress
) -> tuple[dict[str, str], int]:
    """The name of each of the tenant's documents by its id, and how many chunks there are."""
    tenant = await service.store.tenants.create(folder.name, "identifiers")
    names: dict[str, str] = {}
    chunks = 0

    def report(document: Offered, outcome: Outcome) -> bool:
        nonlocal chunks
        if isinstance(outcome, Refused):
            refused[outcome.reason] += 1
        else:
            names[outcome.document_id] = document.name
            chunks += outcome.chunks if isinstance(outcome, Ingested) else 0
        progress.advance()
        return True

    progress.begin(f"ingesting {folder.name}", len(folder.documents))
    intake = Intake(tenant, _USER, _USER, [EVERYONE])
    await ingest_each(folder.documents, lambda one: one.upload(), intake, service.store, Watcher(report))
    return names, chunks


async def _ask_all(
    tenants: Sequence[TenantFolder],
    desks: Sequence[Desk],
    parts: QueryParts,
    order: Order,
    progress: Progress,
    answerer: str,
) -> list[Asked]:
    await desks[0].put(tenants[0].questions[0], parts, is_own=True, limit=order.limit)  # loads what is loaded once
    asked: list[Asked] = []
    for desk, folder in zip(desks, tenants, strict=True):
        questions = [(question, True) for question in folder.questions[:: order.every]]
        questions += [(question, False) for question in _of_others(tenants, folder, order.wrong_every)]
        progress.begin(f"asking {folder.name}, {answerer}", len(questions))
        for question, is_own in questions:
            asked.append(await desk.put(question, parts, is_own=is_own, limit=order.limit))
            progress.advance()
    return asked


def _of_others(tenants: Sequence[TenantFolder], own: TenantFolder, every: int) -> list[Question]:
    others = [question for folder in tenants if folder is not own for question in folder.questions]
    return others[::every] if every else []
