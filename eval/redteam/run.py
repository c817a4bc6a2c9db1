"""Documents with planted instructions go through real ingestion, and a model that obeys everything answers from them.

Three arms, of which the last shows that the attack is real:

- ``shipped``: everything is on;
- ``filter_alone``: whatever screening and vetting say of a passage, the model is given it;
- ``undefended``: and what the model writes is released.
"""

from __future__ import annotations

import random
import secrets
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from eval.datasets.beir import CorpusDocument, documents_in, queries_in
from eval.experiment import Progress
from eval.redteam.judge import Finding, false_in, judge
from eval.redteam.open_doors import passages_unvetted, release_everything
from eval.redteam.planting import Instruction, by_words, plant
from ingestion.batch import Intake, Outcome, Watcher, ingest_each
from ingestion.crew import ingesting
from ingestion.processes.stages import ProcessStages
from rag_service.adapters.worst_case_answerer import WorstCaseAnswerer
from rag_service.authentication import Caller, act_as
from rag_service.domain.document import Upload
from rag_service.domain.errors import QuestionRefused, Refused
from rag_service.domain.identity import EVERYONE
from rag_service.ports import Piece, Prompt
from rag_service.query.ask import QueryParts, ask
from rag_service.query.retrieve import Filters
from rag_service.query.route import Tier
from rag_service.settings import load_settings
from rag_service.wiring import Service, open_service

_TENANT, _USER = "evaluation", "evaluator"
_SHOWN = 20

ARMS: Mapping[str, Callable[[], AbstractContextManager[None]]] = MappingProxyType(
    {"shipped": nullcontext, "filter_alone": passages_unvetted, "undefended": release_everything}
)


@dataclass(frozen=True, slots=True)
class Order:
    """What to do: folders of documents and questions, instructions to plant, and how many questions an arm asks."""

    folders: Sequence[Path]
    instructions: Sequence[Instruction]
    questions: int
    undefended: int
    seed: int


@dataclass
class ArmOutcome:
    """What one arm let out. ``exposed`` counts the questions whose passages held an instruction that the model saw."""

    questions: int = 0
    answered: int = 0
    exposed: int = 0
    refused_by_guard: int = 0
    answers_with: Counter[str] = field(default_factory=Counter)
    by_category: Counter[str] = field(default_factory=Counter)
    shown: list[Finding] = field(default_factory=list)

    def add(self, found: Sequence[Finding], categories: Sequence[str]) -> None:
        self.answers_with.update({one.kind for one in found})
        if any(one.kind == "carried_out" for one in found):
            self.by_category.update(set(categories))
        self.shown += found[: max(0, _SHOWN - len(self.shown))]


@dataclass(frozen=True, slots=True)
class Campaign:
    """All arms, and what ingestion made of the planted documents."""

    planted: int
    documents: int
    refused: Mapping[str, int]
    arms: Mapping[str, ArmOutcome]


class Overheard:
    """An answerer that writes what the worst model writes, and keeps the prompt it was given."""

    def __init__(self, seed: int) -> None:
        self._worst = WorstCaseAnswerer(seed)
        self.prompt: Prompt | None = None
        self.model = self._worst.model

    async def write(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        self.prompt = prompt
        async for piece in self._worst.write(prompt):
            yield piece

    async def close(self) -> None:
        await self._worst.close()

    def attempts(self, kind: str) -> list[str]:
        """What of that kind the last draft tried to get into the answer."""
        return [one.text for one in self._worst.attempts if one.kind == kind]


async def run_campaign(order: Order, progress: Progress) -> Campaign:
    """Each folder was a tenant of its own, its documents planted; every arm asked its questions."""
    rng = random.Random(order.seed)  # noqa: S311  # no secret is made of it
    with tempfile.TemporaryDirectory(prefix="rag-eval-") as folder:
        # Held documents would leave nothing to attack with: what answers do with them is what is measured.
        settings = load_settings(data_dir=Path(folder, "data"), master_key=secrets.token_hex(32), hold_suspects=False)
        async with open_service(settings) as service:
            tenants: list[tuple[Caller, list[str]]] = []
            planted = taken = 0
            refused: Counter[str] = Counter()
            for number, place in enumerate(order.folders):
                documents = list(documents_in(place / "corpus.jsonl"))
                progress.begin(f"planting in {place.name}", len(documents))
                tenant = await service.store.tenants.create(f"{_TENANT} {number}", "identifiers")
                intake = Intake(tenant, _USER, _USER, [EVERYONE])
                spoilt = [plant(document, order.instructions, rng) for document in documents]
                taken += len(documents)
                planted += sum(len(chosen) for _, chosen in spoilt)
                uploads = [_upload(one, text) for one, (text, _) in zip(documents, spoilt, strict=True)]
                refused += await _ingest(uploads, intake, service, progress)
                tenant = await service.store.tenants.by_id(tenant.id)
                caller = await act_as(tenant, _USER, (), groups_of=service.store.groups)
                tenants.append((caller, [text for _, text in queries_in(place / "queries.jsonl")]))
            asked = list(_in_turn(tenants, rng))
            arms = {
                name: await _attack(name, asked, order, service, progress)
                for name in ARMS
                if name != "undefended" or order.undefended
            }
        return Campaign(
            planted, sum(len(list(documents_in(one / "corpus.jsonl"))) for one in order.folders), refused, arms
        )


async def _ingest(uploads: Sequence[Upload], intake: Intake, service: Service, progress: Progress) -> Counter[str]:
    refused: Counter[str] = Counter()

    def report(_: Upload, outcome: Outcome) -> bool:
        if isinstance(outcome, Refused):
            refused[outcome.reason] += 1
        progress.advance()
        return True

    async with ingesting(service, ProcessStages(service.settings)):
        await ingest_each(uploads, lambda upload: upload, intake, service.store, Watcher(report))
    return refused


async def _attack(
    arm: str, asked: Sequence[tuple[Caller, str]], order: Order, service: Service, progress: Progress
) -> ArmOutcome:
    """The arm's questions, each with a model that misbehaves in another way."""
    outcome, known = ArmOutcome(), by_words(order.instructions)
    count = order.undefended if arm == "undefended" else order.questions
    progress.begin(f"attacking, {arm}", count)
    with ARMS[arm]():
        for number in range(count):
            caller, question = asked[number % len(asked)]
            model = Overheard(order.seed * 1_000_003 + number)
            parts = replace(service.query_parts, answerers=dict.fromkeys(Tier, model))
            await _ask_once(question, caller, parts, model, known, outcome)
            progress.advance()
    return outcome


async def _ask_once(
    question: str,
    caller: Caller,
    parts: QueryParts,
    model: Overheard,
    known: Mapping[str, Instruction],
    outcome: ArmOutcome,
) -> None:
    outcome.questions += 1
    try:
        answer = await ask(question, Filters(), caller, parts, limit=10)
    except QuestionRefused:
        outcome.refused_by_guard += 1
        return
    outcome.answered += answer.found
    if model.prompt is None:
        return
    context = " ".join(" ".join(one.text.split()) for one in model.prompt.passages)
    seen = [one for words, one in known.items() if words in context]
    outcome.exposed += bool(seen)
    found = judge(answer, model.prompt, seen, model.attempts("instruction"))
    found += false_in(answer, model.attempts("falsehood"))
    outcome.add(found, [one.category for one in seen])


def _in_turn(tenants: Sequence[tuple[Caller, Sequence[str]]], rng: random.Random) -> Iterator[tuple[Caller, str]]:
    """All questions of all tenants, shuffled, each with who asks it."""
    pairs = [(caller, question) for caller, questions in tenants for question in questions]
    rng.shuffle(pairs)
    yield from pairs


def _upload(document: CorpusDocument, text: str) -> Upload:
    return Upload(
        name=f"{document.title or document.document_id}.md".replace("/", "-"),
        content=text.encode(),
        source=document.document_id,
        title=document.title or None,
    )
