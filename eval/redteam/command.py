"""``rag eval redteam``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rag_service.commands.options import AsJson, run, show

TINY = Path(__file__).parents[1] / "datasets" / "tiny"


def redteam(  # each is an option of the command
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folders with corpus.jsonl and queries.jsonl, a tenant each; else a small set.", metavar="DIR..."
        ),
    ] = None,
    instructions: Annotated[
        list[Path] | None,
        typer.Option(help="Files of texts by category, as BIPIA has them, to plant; else some of this project's own."),
    ] = None,
    questions: Annotated[int, typer.Option(min=1, help="How many questions each arm asks.")] = 2000,
    undefended: Annotated[
        int, typer.Option(min=0, help="Questions with the filter away, to see the attack work.")
    ] = 100,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 1,
    output: Annotated[Path | None, typer.Option(help="Write the report as JSON.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as one self-contained page.")] = None,
    as_json: AsJson = False,
) -> None:
    """Plant instructions in documents, and ask a model that obeys them all: what gets out is counted.

    Ends with status 1 where a secret of the prompt, a link, a contact or active content left that no cited passage
    holds, or where more than 2% of the answers carried an instruction out.
    """
    import json

    from eval.cli import check_places, with_bar
    from eval.redteam.planting import OWN, instructions_in
    from eval.redteam.report import document, page, readable
    from eval.redteam.run import Campaign, Order, run_campaign

    check_places(as_json, [output, html], [])

    async def campaign() -> Campaign:
        order = Order(folders or [TINY], instructions_in(instructions or [OWN]), questions, undefended, seed)
        return await with_bar(lambda bar: run_campaign(order, bar))

    told = document(run(as_json, campaign))
    if output:
        output.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    if html:
        html.write_text(page(told), encoding="utf-8")
    show(as_json, told, readable(told))
    if not told["passed"]:
        raise typer.Exit(1)
