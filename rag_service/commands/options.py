"""Options that commands share, and how every command runs, prints and fails."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from rag_service.settings import Settings

T = TypeVar("T")

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", envvar="RAG_DATA_DIR", help="The folder that holds all data.", show_default="./rag-data"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and logs on stderr.")]
TenantName = Annotated[str, typer.Option("--tenant", help="Name of the tenant.", metavar="NAME")]

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def settings_for(data_dir: Path | None, **overrides: object) -> Settings:
    """The settings of this call. A setting that cannot be used ends the command."""
    from rag_service.settings import load_settings

    return load_settings(data_dir=data_dir, **overrides)


def run(as_json: bool, action: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The action's result. A mistake that the user can mend ends the command with its sentence and status 1."""
    import asyncio

    from rag_service.domain.errors import RagError

    _log_to_stderr()
    try:
        return asyncio.run(action())
    except RagError as error:
        fail(as_json, type(error).__name__, str(error))


def fail(as_json: bool, kind: str, detail: str) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"error": {"type": kind, "detail": detail}}))
    else:
        typer.secho(f"rag: {detail}", err=True, fg="red")
    raise typer.Exit(1)


def show(as_json: bool, document: object, readable: str) -> None:
    """Prints ``document`` as JSON, or else its readable form."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str) if as_json else readable)


def duration(text: str) -> timedelta:
    """A length of time such as ``90d``, ``12h``, ``30m`` or ``2w``.

    >>> duration("90d").days
    90
    """
    number, unit = text[:-1], text[-1:]
    if not number.isdigit() or unit not in _UNITS or not 0 < int(number) < 10_000:
        raise typer.BadParameter("write a number and a unit, such as 90d, 12h, 30m or 2w")
    return timedelta(**{_UNITS[unit]: int(number)})


def table(rows: Sequence[tuple[str, ...]], empty: str) -> str:
    """Rows as aligned columns.

    >>> print(table([("a", "b"), ("long", "c")], "none"))
    a     b
    long  c
    """
    if not rows:
        return empty
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


def _log_to_stderr() -> None:
    import logging

    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
