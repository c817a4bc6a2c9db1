"""Options that commands share, and how every command runs, prints and fails."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
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

    log_to_stderr()
    try:
        return asyncio.run(action())
    except RagError as error:
        fail(as_json, type(error).__name__, str(error))
    except UnicodeEncodeError as error:
        if not any(map(_is_undecoded, error.object)):
            raise
        fail(as_json, "InvalidRequest", "an argument is not valid UTF-8 text")


def fail(as_json: bool, kind: str, detail: str) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"error": {"type": kind, "detail": detail}}))
    else:
        typer.secho(f"rag: {_harmless(detail)}", err=True, fg="red")
    raise typer.Exit(1)


def show(as_json: bool, document: object, readable: str) -> None:
    """Prints ``document`` as JSON, or else its readable form. No text in either can steer the terminal."""
    typer.echo(json_text(document) if as_json else _harmless(readable))


def json_text(document: object) -> str:
    """The document as JSON that can be written as UTF-8: a byte of a file name that is none becomes U+FFFD.

    What would steer a terminal or hide is escaped, and is read from the JSON as it was.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False, default=_spelled)
    return "".join(_in_json(character) if _steers(character) else character for character in text)


def _in_json(character: str) -> str:
    """As it may stand in a string of JSON; a line break stands between its tokens alone."""
    if _is_surrogate(character):
        return "\ufffd"
    return character if character == "\n" else json.dumps(character)[1:-1]


def printable(text: str) -> str:
    """One line of text from outside, such as a file name: what would steer a terminal or hide stands as its escape.

    The two joiners stay: scripts and emoji need them, and they move nothing.

    >>> printable("a\\x1b[2Jb\\nREFUSED")
    'a\\\\x1b[2Jb\\\\nREFUSED'
    """
    return "".join(_escaped(character) if _steers(character) else character for character in text)


def in_words(value: object) -> str:
    """A value for people: what it lists with commas between, and "none" for what is not there or empty.

    >>> in_words({"PERSON": 2, "URL": 1}), in_words(["everyone", "user:ann"]), in_words(()), in_words(None)
    ('PERSON 2, URL 1', 'everyone, user:ann', 'none', 'none')
    >>> in_words([{"path": "a.txt", "reason": "no_text"}, {"path": "b.txt", "reason": "link"}])
    'path a.txt, reason no_text; path b.txt, reason link'
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {in_words(one)}" for key, one in value.items()) or "none"
    if isinstance(value, list | tuple):
        between = "; " if any(isinstance(one, Mapping) for one in value) else ", "
        return between.join(map(in_words, value)) or "none"
    return "none" if value is None else str(value)


def duration(text: str) -> timedelta:
    """A length of time such as ``90d``, ``12h``, ``30m`` or ``2w``.

    >>> duration("90d").days
    90
    """
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdigit()) or unit not in _UNITS or not 0 < int(number) < 10_000:
        raise typer.BadParameter("write a number and a unit, such as 90d, 12h, 30m or 2w")
    return timedelta(**{_UNITS[unit]: int(number)})


def table(rows: Sequence[tuple[str, ...]], empty: str) -> str:
    """Rows as aligned columns, a row a line whatever the cells hold.

    >>> print(table([("a", "b"), ("long", "c")], "none"))
    a     b
    long  c
    """
    if not rows:
        return empty
    rows = [tuple(map(printable, row)) for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


def log_to_stderr(*, all_events: bool = False) -> None:
    """Logs go to stderr, for stdout belongs to what the command was asked for: warnings, or everything that is told."""
    import logging

    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO if all_events else logging.WARNING),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # of the moment: a test may have another
    )


def _spelled(value: object) -> str:
    """What JSON has no type for: a time as ISO 8601 in UTC, which it is where no zone is said; else its text."""
    if isinstance(value, datetime):
        return f"{(value.astimezone(UTC) if value.tzinfo else value).replace(tzinfo=None).isoformat()}Z"
    return str(value)


def _harmless(text: str) -> str:
    """Lines of text of which none can steer the terminal; format characters stay, as prose may need them."""
    return "".join(
        _escaped(character)
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t"
        else character
        for character in text
    )


def _steers(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and character not in "\u200c\u200d"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def _is_undecoded(character: str) -> bool:
    """Whether it stands for a byte of an argument that is not UTF-8 (PEP 383)."""
    return "\udc80" <= character <= "\udcff"
