"""Runs the real command line and the real server, in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RAG = Path(sys.executable).with_name("rag")


@dataclass(frozen=True)
class Rag:
    """The command line over one data folder."""

    folder: Path

    def run(self, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "RAG_DATA_DIR": str(self.folder), **variables}
        command = [str(RAG), *map(str, arguments)]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL
        )

    def json(self, *arguments: str | Path, status: int = 0, **variables: str) -> Any:
        """The JSON document that a command printed, once its status was as expected."""
        done = self.run(*arguments, "--json", **variables)
        assert done.returncode == status, (done.stdout, done.stderr)
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def serving(self, **variables: str) -> Iterator[str]:
        """The base URL of `rag serve`, until the context ends."""
        environment = {**os.environ, "RAG_DATA_DIR": str(self.folder), **variables}
        command = [str(RAG), "serve", "--port", "0"]
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None
            try:
                said = []
                for line in server.stderr:
                    said.append(line)
                    if match := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                        yield match.group()
                        return
                raise AssertionError(f"the server did not start: {''.join(said)}")
            finally:
                server.terminate()
                server.wait(timeout=30)
                server.stderr.close()
