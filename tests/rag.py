"""Runs the real command line and the real server, in processes of their own."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.warm_rag import Order

RAG = Path(sys.executable).with_name("rag")
LONGEST_S = 240


@functools.cache
def warm() -> socket.socket:
    """Where a process takes orders that has the imports of ``rag`` behind it. It ends with this one."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with there:
        process = subprocess.Popen(
            [sys.executable, "-c", "from tests.warm_rag import main; main()", str(there.fileno())],
            cwd=Path(__file__).parents[1],
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # its threads would not survive a fork
            pass_fds=[there.fileno()],
        )

    def end() -> None:
        here.close()
        process.wait()

    atexit.register(end)
    return here


def run_warm(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The command ran in a process of its own that had its imports behind it."""
    order = json.dumps(asdict(Order(command, environment, str(Path.cwd())))).encode()
    reader, writer = os.pipe()
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr, os.fdopen(reader) as told:
        socket.send_fds(warm(), [order], [stdout.fileno(), stderr.fileno(), writer])
        os.close(writer)
        child = int(told.readline())
        if not select.select([told], [], [], LONGEST_S)[0]:
            os.kill(child, signal.SIGKILL)
            raise subprocess.TimeoutExpired(command, LONGEST_S)
        status = int(told.readline())
        said = [stream.seek(0) or stream.read().decode() for stream in (stdout, stderr)]
    return subprocess.CompletedProcess(command, status, *said)


@dataclass(frozen=True)
class Rag:
    """The command line over one data folder. Where it ``is_cold``, each command starts an interpreter of its own."""

    folder: Path
    is_cold: bool = False

    def run(self, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "RAG_DATA_DIR": str(self.folder), **variables}
        command = [str(RAG), *map(str, arguments)]
        if not self.is_cold:
            return run_warm(command, environment)
        return subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
            stdin=subprocess.DEVNULL,
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
