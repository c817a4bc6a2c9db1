"""``rag eval pii``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rag_service.commands.options import AsJson, DataDir, json_text, run, show


def pii(  # each is an option of the command
    files: Annotated[
        list[Path], typer.Argument(help="JSON or JSON Lines with spans, or CoNLL with BIO tags.", metavar="FILE...")
    ],
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help="LABEL=kind: what a label means, where the mapping that is printed has it wrong."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write the report as JSON.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as one self-contained page.")] = None,
    data_dir: DataDir = None,  # noqa: ARG001  # every command takes it; nothing is stored here
    as_json: AsJson = False,
) -> None:
    """Measure the finding of personal data against labelled texts: all kinds are looked for, whatever any policy.

    Several files give one report each, under "runs".
    """
    from eval.cli import check_places, with_bar
    from eval.pii.kinds import read_choices
    from eval.pii.report import page, readable
    from eval.pii.run import run_pii

    check_places(as_json, [output, html], [])

    async def measured() -> list[dict[str, Any]]:
        chosen = read_choices(mapping or [])

        async def work(bar: Any) -> list[dict[str, Any]]:
            return run_pii(files, chosen, bar)

        return await with_bar(work)

    runs = run(as_json, measured)
    told: dict[str, Any] = runs[0] if len(runs) == 1 else {"runs": runs}
    if output:
        output.write_text(json_text(told) + "\n", encoding="utf-8")
    if html:
        html.write_text(page(runs), encoding="utf-8")
    show(as_json, told, "\n\n".join(readable(one) for one in runs))
