"""``rag demo``: two companies, their documents in ten formats, and questions that show who is told what."""

from __future__ import annotations

import json
import tempfile
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from rich.markup import escape

from ingestion.batch import FileOutcome, FoundFile, Ingested, Intake, Quarantined, Watcher, ingest_files
from ingestion.crew import ingesting
from ingestion.processes.stages import ProcessStages
from ingestion.progress import line
from rag_service.authentication import act_as, operate
from rag_service.commands.options import printable
from rag_service.domain.answer import Answer
from rag_service.domain.errors import InvalidSetting
from rag_service.domain.identity import Principal
from rag_service.query.ask import ask
from rag_service.query.retrieve import Filters
from rag_service.settings import load_settings
from rag_service.wiring import Service, open_service

_MAX_BYTES = 2**20
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DemoTenant(_Table):
    name: str
    title: str
    pii: str
    groups: dict[str, list[str]]


class DemoDocument(_Table):
    tenant: str
    path: str
    owner: str
    allow: list[str]
    held: bool = False


class DemoQuestion(_Table):
    tenant: str
    user: str
    question: str
    expect: Literal["found", "not_found"]
    shows: str
    cites: str | None = None
    says: list[str] = []
    never_says: list[str] = []


class DemoScript(_Table):
    """``examples/demo.toml``."""

    tenants: Annotated[list[DemoTenant], Field(min_length=1)]
    documents: list[DemoDocument]
    questions: list[DemoQuestion]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the demo, its answer, and in what the answer differs from what the script expects."""

    question: DemoQuestion
    answer: Answer
    differs: tuple[str, ...]


async def run_demo(corpus: Path | None, as_json: bool) -> bool:
    """The demo ran in a temporary folder, under a temporary key; whether every outcome was as expected."""
    corpus = corpus or EXAMPLES
    script = read_script(corpus)
    console = Console(soft_wrap=True, highlight=False, quiet=as_json)
    with tempfile.TemporaryDirectory(prefix="rag-demo-") as folder, tempfile.TemporaryDirectory() as key_folder:
        settings = load_settings(data_dir=Path(folder), master_key_file=Path(key_folder, "master.key"))
        console.print("[bold]Two companies, one service, one folder.[/bold] Nothing leaves this machine.\n")
        async with open_service(settings) as service:
            async with ingesting(service, ProcessStages(settings)):
                outcomes = await _ingest_all(service, script, corpus, console)
            document_ids = {
                str(one.path): one.result.document_id for one in outcomes if isinstance(one.result, Ingested)
            }
            asked = [await _ask(service, question, document_ids) for question in script.questions]
            for number, one in enumerate(asked, start=1):
                _print_asked(console, number, one)
    wrong = sum(bool(one.differs) for one in asked) + _ended_otherwise(script, outcomes)
    right = len(asked) + len(script.documents) - wrong
    console.print(f"\n{right} outcomes as expected, {wrong} not.")
    console.print("Next: docs/operations.md tells how to do the same with your own documents.")
    if as_json:
        print(json.dumps(_document(outcomes, asked), indent=2, ensure_ascii=False, default=str))  # noqa: T201  # the one JSON document of --json
    return wrong == 0


def read_script(corpus: Path) -> DemoScript:
    """Raises ``InvalidSetting`` where the folder holds no demo."""
    path = corpus / "demo.toml"
    if not path.is_file():
        raise InvalidSetting("--corpus", f"there is no {path}; run the demo from a clone of the project")
    return DemoScript.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


async def _ingest_all(service: Service, script: DemoScript, corpus: Path, console: Console) -> list[FileOutcome]:
    outcomes = []
    for demo_tenant in script.tenants:
        tenant = await service.store.tenants.create(demo_tenant.name, demo_tenant.pii)
        for group, members in demo_tenant.groups.items():
            await service.store.groups.set(operate(tenant), tenant.keys, group, members)
        console.print(f"[bold]{escape(demo_tenant.title)}[/bold]")
        for document in (one for one in script.documents if one.tenant == demo_tenant.name):
            access = [*(Principal.parse(entry) for entry in document.allow), Principal.user(document.owner)]
            file = FoundFile(corpus / document.path, document.path)
            intake = Intake(tenant, document.owner, document.owner, access)
            [outcome] = await ingest_files([file], intake, service.store, _MAX_BYTES, Watcher(lambda *_: True))
            shown = FileOutcome(Path(document.path), outcome.result)
            console.print(f"  {escape(line(shown))} → {escape(', '.join(document.allow))}")
            outcomes.append(shown)
    return outcomes


def _ended_otherwise(script: DemoScript, outcomes: list[FileOutcome]) -> int:
    """How many of the documents are neither live nor held as the script says."""
    live = {str(one.path) for one in outcomes if isinstance(one.result, Ingested)}
    held = {str(one.path) for one in outcomes if isinstance(one.result, Quarantined)}
    return sum(one.path not in (held if one.held else live) for one in script.documents)


async def _ask(service: Service, question: DemoQuestion, document_ids: dict[str, str]) -> Asked:
    tenant = await service.store.tenants.by_name(question.tenant)
    caller = await act_as(tenant, question.user, [], groups_of=service.store.groups)
    answer = await ask(question.question, Filters(), caller, service.query_parts, limit=10)
    return Asked(question, answer, tuple(_differences(question, answer, document_ids)))


def _differences(question: DemoQuestion, answer: Answer, document_ids: dict[str, str]) -> list[str]:
    told = json.dumps(asdict(answer), ensure_ascii=False)
    found = "found" if answer.found else "not_found"
    differs = [] if found == question.expect else [f"expected {question.expect}"]
    if question.cites and (not answer.citations or answer.citations[0].document_id != document_ids[question.cites]):
        differs.append(f"does not cite {question.cites} first")
    differs += [f"lacks {text!r}" for text in question.says if text not in answer.answer]
    differs += [f"says {text!r}" for text in question.never_says if text in told]
    return differs


def _print_asked(console: Console, number: int, asked: Asked) -> None:
    question, answer = asked.question, asked.answer
    console.print(f"\n[bold]{number}. {escape(question.question)}[/bold]")
    console.print(f"   {escape(question.user)} of {escape(question.tenant)}: [italic]{escape(question.shows)}[/italic]")
    console.print(f"   {escape(answer.answer)}", style="green" if answer.found else "yellow")
    for one in answer.citations:
        page = f", page {one.page}" if one.page else ""
        quote = escape(" ".join(one.quote.split()))
        console.print(
            f"   \\[{one.marker}] {escape(printable(one.source))}{page}, characters {one.start}-{one.end}: “{quote}”"
        )
    for flag in answer.flags:
        console.print(f"   {escape(f'({flag.stage}: {flag.kind} {flag.action})')}", style="magenta")
    for difference in asked.differs:
        console.print(f"   NOT AS EXPECTED: {escape(difference)}", style="red")


def _document(outcomes: list[FileOutcome], asked: list[Asked]) -> dict[str, object]:
    from ingestion.cli import summary

    answers = [
        {"question": one.question.model_dump(), "answer": asdict(one.answer), "differs": one.differs} for one in asked
    ]
    return {"ingestion": summary(outcomes), "questions": answers}
