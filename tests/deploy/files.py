"""The files of a deployment as their formats say, and what a command line makes of a container's command."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from typer.main import get_command

from rag_service.cli import build_app

ROOT = Path(__file__).parents[2]


def compose() -> dict[str, Any]:
    """docker-compose.yml, with together what YAML's merge keys bring together."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


@dataclass(frozen=True, slots=True)
class Instruction:
    """One of a Dockerfile's, with the stage that it stands in; 0 is before the first."""

    stage: int
    word: str
    rest: str

    @property
    def words(self) -> list[str]:
        """Its arguments, whether they are written as JSON or as words."""
        words: list[str] = json.loads(self.rest) if self.rest.startswith("[") else shlex.split(self.rest)
        return words


def instructions(text: str) -> list[Instruction]:
    """A Dockerfile's instructions, lines joined, comments gone."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found: list[Instruction] = []
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            stage = (found[-1].stage if found else 0) + (word == "FROM")
            found.append(Instruction(stage, word, rest.strip()))
    return found


def parsed(arguments: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The command that `rag` would run with these arguments, and its options' values; nothing is run.

    Raises the parser's own error where it would end with wrong usage.
    """
    command, name, path, rest, context = get_command(build_app()), "rag", [], list(arguments), None
    while True:
        context = command.make_context(name, rest, parent=context)
        if not hasattr(command, "resolve_command"):
            return " ".join(path), dict(context.params)
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        path.append(name)
