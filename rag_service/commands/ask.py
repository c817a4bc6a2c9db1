"""``rag ask``: one question, as a given user would have it answered."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag_service.commands.options import AsJson, DataDir, TenantName, fail, printable, run, settings_for, show

if TYPE_CHECKING:
    from rag_service.domain.answer import Answer


def ask(
    question: Annotated[str, typer.Argument(help="The question.", metavar="QUESTION")],
    tenant: TenantName,
    user: Annotated[str, typer.Option(help="Answer from what this user may read.")],
    group: Annotated[list[str] | None, typer.Option(help="Count the user as a member, for this question.")] = None,
    schema: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Answer with a JSON value that fits the JSON Schema in this file."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Most passages to answer from.")] = 10,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask a question, and get an answer whose every sentence is cited."""
    from rag_service.owner.reach import at_desk

    form = _schema_in(schema, as_json) if schema else None

    async def action() -> Answer:
        question.encode()  # one that is no text is refused here, whether or not there is anything to search
        return await at_desk(
            settings_for(data_dir),
            lambda _, desk: desk.ask(question, tenant=tenant, user=user, groups=group or [], limit=limit, schema=form),
        )

    answer = run(as_json, action)
    show(as_json, asdict(answer), readable(answer))


def _schema_in(file: Path, as_json: bool) -> dict[str, Any]:
    from rag_service.query.answer_schema import MOST_BYTES

    try:
        content = file.read_bytes()
    except OSError as error:
        fail(as_json, "InvalidRequest", f"cannot read {printable(str(file))}: {error.strerror}")
    try:
        found = json.loads(content) if len(content) <= MOST_BYTES else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        fail(as_json, "InvalidRequest", f"{printable(str(file))} is no JSON object of at most {MOST_BYTES} bytes")
    return found


def readable(answer: Answer) -> str:
    """The answer with its citations below, and what was decided, each decision once."""
    lines = [answer.answer]
    for one in answer.citations:
        page = f", page {one.page}" if one.page else ""
        lines.append(
            f"  [{one.marker}] {printable(one.title)}{page} ({one.start}-{one.end}): “{' '.join(one.quote.split())}”"
        )
    decided = Counter(f"{flag.stage}: {flag.kind} {flag.action}" for flag in answer.flags)
    lines += [f"  ({what})" if times == 1 else f"  ({what}, {times} times)" for what, times in decided.items()]
    return "\n".join(lines)
