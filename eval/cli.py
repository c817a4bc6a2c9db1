"""``rag eval``: quality, measured through the production code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from eval.answers.command import answers
from eval.pii.command import pii
from eval.redteam.command import redteam
from rag_service.commands.options import AsJson, fail, run, show
from rag_service.commands.scrubbing import usable
from rag_service.domain.scrubbing import Preset, ScrubPolicy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from eval.bar import Bar
    from eval.report import RunDocument

T = TypeVar("T")

eval_app = typer.Typer(help="Measure quality, in temporary folders, through the production code.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds this package's commands to `rag`."""
    app.add_typer(eval_app, name="eval")


@eval_app.command("retrieval")
def retrieval(  # noqa: PLR0913, PLR0917  # each is an option of the command
    folders: Annotated[
        list[Path], typer.Argument(help="Folders with corpus.jsonl, queries.jsonl and qrels/*.tsv.", metavar="DIR...")
    ],
    split: Annotated[str | None, typer.Option(help="Which of the qrels, where a folder holds several.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the report, values by query included, as JSON.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as one self-contained page.")] = None,
    baseline: Annotated[Path | None, typer.Option(help="Fail where a figure is below its floor in this file.")] = None,
    write_baseline: Annotated[Path | None, typer.Option(help="Write floors a little below what is measured.")] = None,
    compare: Annotated[
        Path | None, typer.Option(help="Test the difference from a run that --output wrote, query by query.")
    ] = None,
    pii: Annotated[Preset, typer.Option(help="What is scrubbed from the documents before.")] = Preset.IDENTIFIERS,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KIND=ACTION", callback=usable, help="As `rag tenant pii --set`; repeat for more."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure retrieval on test collections: ranking quality with 95% intervals, latency, ingestion.

    Each collection is ingested and asked in a temporary folder. Latency is of searches with the default limit, one at
    a time, after warm-up.
    """
    check_places(as_json, [output, html, write_baseline], [baseline, compare])
    runs = run(as_json, lambda: _measure(folders, split, pii, changes or []))
    if output:
        _write_json(output, runs)
    if html:
        from eval.html_report import page

        html.write_text(page(runs), encoding="utf-8")
    _conclude(runs, baseline, write_baseline, compare, as_json)


eval_app.command("answers")(answers)
eval_app.command("pii")(pii)
eval_app.command("redteam")(redteam)


@eval_app.command("access")
def access(  # noqa: PLR0913, PLR0917  # each is an option of the command
    probes: Annotated[int, typer.Option(min=200, help="How many probes, about.")] = 20_000,
    concurrent: Annotated[int, typer.Option(min=0, help="Requests by a hundred clients at once.")] = 10_000,
    times: Annotated[int, typer.Option(min=0, help="Refusals of each kind whose times are compared.")] = 400,
    commands: Annotated[int, typer.Option(min=0, help="Runs of the command line.")] = 40,
    seed: Annotated[int, typer.Option(help="Of everything that is made up.")] = 1,
    documents: Annotated[
        Path | None, typer.Option(help="Instead, give these files random access lists and compare every answer.")
    ] = None,
    users: Annotated[int, typer.Option(min=1, help="How many users ask, with --documents.")] = 50,
    database_url: Annotated[
        str | None, typer.Option(help="A PostgreSQL database that was made ready and holds nothing yet.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write the report as JSON.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as one self-contained page.")] = None,
    fault: Annotated[str | None, typer.Option(hidden=True, help="Plant a fault that must be found.")] = None,
    as_json: AsJson = False,
) -> None:
    """Count leaks: everybody probes every route for what is not theirs, in a made-up installation.

    Ends with status 1 where anything leaked, failed, or was refused in a time that tells.
    """
    import json
    from dataclasses import asdict

    check_places(as_json, [output, html], [])
    if documents:
        from eval.access.corpus import Comparison, compare_corpus

        found: Comparison = run(as_json, lambda: with_bar(lambda bar: compare_corpus(documents, users, seed, bar)))
        told, passed, lines = asdict(found), found.passed, str(found)
    else:
        from eval.access.report import document, page, readable
        from eval.access.run import Order, run_access

        order = Order(probes, seed, concurrent, times, commands, database_url, fault)
        outcome = run(as_json, lambda: with_bar(lambda bar: run_access(order, bar)))
        told, passed = document(outcome), outcome.passed
        lines = readable(told)
        if html:
            html.write_text(page(told), encoding="utf-8")
    if output:
        output.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    show(as_json, told, lines)
    if not passed:
        raise typer.Exit(1)


async def with_bar(work: Callable[[Bar], Awaitable[T]]) -> T:
    """What the work makes, with its progress shown; of the service's log, errors alone."""
    import logging

    import structlog

    from eval.bar import Bar

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with Bar() as bar:
        return await work(bar)


def check_places(as_json: bool, written: Sequence[Path | None], read: Sequence[Path | None]) -> None:
    """Ends the command now where the files that its end needs could not be written or read."""
    for path in filter(None, written):
        if not path.parent.is_dir() or path.is_dir():
            fail(as_json, "NoSuchPath", f"{path} cannot be written: its folder does not exist, or it is one itself")
    for path in filter(None, read):
        if not path.is_file():
            fail(as_json, "NoSuchPath", f"there is no file {path}")


async def _measure(
    folders: Sequence[Path], split: str | None, pii: Preset, changes: Sequence[str]
) -> list[RunDocument]:
    from eval.bar import Bar
    from eval.datasets.beir import load_dataset
    from eval.experiment import run_experiment
    from eval.report import run_document
    from rag_service.detect.actions import with_changes

    scrubbing = with_changes(ScrubPolicy(pii), changes)
    datasets = [load_dataset(folder, split) for folder in folders]  # a mistake in the last is told before the first run
    with Bar() as bar:
        return [run_document(await run_experiment(dataset, bar, scrubbing)) for dataset in datasets]


def _conclude(
    runs: Sequence[RunDocument], baseline: Path | None, write_baseline: Path | None, compare: Path | None, as_json: bool
) -> None:
    """Prints the report with what the comparison and the gate say; a figure below its floor ends with status 1."""
    from dataclasses import asdict

    from eval.gates import Difference, Shortfall, differences, read_floors, shortfalls, write_floors
    from eval.report import as_one_document, readable, summary

    async def judge() -> tuple[list[Difference], list[Shortfall]]:
        moved = differences(runs, compare) if compare else []
        below = shortfalls(runs, read_floors(baseline), baseline) if baseline else []
        if write_baseline:
            write_floors(write_baseline, runs)
        return moved, below

    moved, below = run(as_json, judge)
    document: dict[str, Any] = as_one_document([summary(one) for one in runs])
    lines = [readable(runs)]
    if compare:
        document["differences"] = [asdict(one) for one in moved]
        lines += [f"{one.dataset}: {one.measure} {one.difference:+.4f} (p = {one.p_value:.3f})" for one in moved]
    if baseline:
        document["gate"] = {"passed": not below, "below": [asdict(one) for one in below]}
        lines += [f"BELOW: {one}" for one in below] or ["Every figure is at or above its floor."]
    show(as_json, document, "\n".join(lines))
    if below:
        raise typer.Exit(1)


def _write_json(path: Path, runs: Sequence[RunDocument]) -> None:
    import json

    from eval.report import as_one_document

    path.write_text(json.dumps(as_one_document(runs), indent=2) + "\n", encoding="utf-8")
