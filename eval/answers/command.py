"""``rag eval answers``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag_service.commands.options import AsJson, fail, run, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eval.answers.run import Order, Outcomes, PartsOf
    from eval.gates import Floors, Shortfall

_ANSWERERS = ("extractive", "server")


def answers(  # noqa: PLR0913, PLR0917  # each is an option of the command
    folders: Annotated[
        list[Path],
        typer.Argument(help="A folder a tenant: documents/ or corpus.jsonl, queries.jsonl, qrels/.", metavar="DIR..."),
    ],
    answerer: Annotated[
        list[str] | None,
        typer.Option(
            help="extractive (the default), or server: the one that RAG_LLM_BASE_URL names. Both are compared."
        ),
    ] = None,
    local_model: Annotated[
        bool, typer.Option("--local-model", help="As server, a small model that is started from installed weights.")
    ] = False,
    every: Annotated[int, typer.Option(min=1, help="Ask every N-th question of each tenant.")] = 1,
    wrong_every: Annotated[
        int, typer.Option(min=0, help="Put every N-th question of the other tenants to each; 0 for none.")
    ] = 4,
    limit: Annotated[int, typer.Option(min=1, max=100, help="The limit that each question is asked with.")] = 10,
    split: Annotated[str | None, typer.Option(help="Which of the qrels, where a folder holds several.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the report, every answer included, as JSON.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as one self-contained page.")] = None,
    baseline: Annotated[Path | None, typer.Option(help="Fail where a figure is below its floor in this file.")] = None,
    write_baseline: Annotated[Path | None, typer.Option(help="Write floors a little below what is measured.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure answers: correctness, citations, groundedness, refusal where nothing answers, and each stage's time.

    All tenants are ingested into one temporary installation, and each is asked by a caller of its own. Ends with
    status 1 where a quote differs from its document or another tenant's document is cited.
    """
    from eval.cli import check_places

    check_places(as_json, [output, html, write_baseline], [baseline])
    chosen = list(dict.fromkeys(answerer or (["server"] if local_model else ["extractive"])))
    for name in chosen:
        if name not in _ANSWERERS:
            fail(as_json, "NoSuchAnswerer", f"there is no answerer {name}: choose among {', '.join(_ANSWERERS)}")

    async def measured() -> tuple[dict[str, Any], list[Shortfall]]:
        from eval.answers.report import document
        from eval.answers.scores import MEASURES
        from eval.gates import read_floors

        floors = read_floors(baseline, MEASURES) if baseline else None  # a mistake in it is told before the run
        with ExitStack() as started:
            told = document(await _run(folders, split, _order(chosen, local_model, every, wrong_every, limit, started)))
        return told, _gate(told, floors, baseline, write_baseline)

    told, below = run(as_json, measured)
    _write(told, output, html)
    _conclude(told, below, baseline, as_json)


def _order(
    chosen: Sequence[str], has_local_model: bool, every: int, wrong_every: int, limit: int, started: ExitStack
) -> Order:
    from eval.answers.run import Order, extractive, served_by
    from eval.local_model import local_model
    from rag_service.domain.errors import InvalidSetting
    from rag_service.settings import load_settings

    answerers: dict[str, PartsOf] = {}
    for name in chosen:
        if name == "extractive":
            answerers[name] = extractive
            continue
        url = started.enter_context(local_model()) if has_local_model else None
        settings = load_settings(llm_base_url=url) if url else load_settings()
        if settings.llm_base_url is None:
            raise InvalidSetting("RAG_LLM_BASE_URL", "it must name a server, or give --local-model")
        answerers[name] = served_by(settings)
    return Order(answerers, every, wrong_every, limit)


async def _run(folders: Sequence[Path], split: str | None, order: Order) -> Outcomes:
    from eval.answers.run import run_answers
    from eval.answers.tenants import read_tenant
    from eval.bar import Bar
    from eval.datasets.beir import DatasetMissing

    tenants = [read_tenant(folder, split) for folder in folders]
    names = [one.name for one in tenants]
    if len(set(names)) < len(names):
        raise DatasetMissing(folders[0], "two folders have one name, and a tenant is named after its folder")
    with Bar() as bar:
        return await run_answers(tenants, order, bar)


def _gate(
    told: dict[str, Any], floors: Floors | None, baseline: Path | None, write_baseline: Path | None
) -> list[Shortfall]:
    from eval.answers.report import as_runs
    from eval.answers.scores import MEASURES
    from eval.gates import shortfalls, write_floors

    runs = as_runs(told)
    below = shortfalls(runs, floors, baseline) if floors and baseline else []
    if write_baseline:
        write_floors(write_baseline, runs, MEASURES)
    return below


def _write(told: dict[str, Any], output: Path | None, html: Path | None) -> None:
    if output:
        from rag_service.commands.options import json_text

        output.write_text(json_text(told) + "\n", encoding="utf-8")
    if html:
        from eval.answers.page import page

        html.write_text(page(told), encoding="utf-8")


def _conclude(told: dict[str, Any], below: Sequence[Shortfall], baseline: Path | None, as_json: bool) -> None:
    from dataclasses import asdict

    from eval.answers.report import faults, readable, without_queries

    found = faults(told)
    shown = {**without_queries(told), "faults": found}
    lines = [readable(told), *(f"FAULT: {one}" for one in found)]
    if baseline:
        shown["gate"] = {"passed": not below, "below": [asdict(one) for one in below]}
        lines += [f"BELOW: {one}" for one in below] or ["Every figure is at or above its floor."]
    show(as_json, shown, "\n".join(lines))
    if found or below:
        raise typer.Exit(1)
