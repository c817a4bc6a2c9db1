"""The product as its users meet it: the `rag` command and the REST service, each a process of its own."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

RAG_COMMAND = (sys.executable, "-P", "-c", "from rag_service.cli import main; main()")
_MOST_SECONDS_TO_READY = 120.0


@dataclass(frozen=True, slots=True)
class Installation:
    """A data folder with a key that no file holds, and the environment in which `rag` works on it."""

    data_dir: Path
    environment: Mapping[str, str]

    def rag(self, *arguments: str, accept: tuple[int, ...] = (0,)) -> Any:
        """What `rag … --json` printed. Raises RuntimeError for another exit status than those in ``accept``."""
        done = subprocess.run(  # noqa: S603  # this interpreter and our own command
            [*RAG_COMMAND, *arguments, "--json"],
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode not in accept:
            raise RuntimeError(f"`rag {' '.join(arguments[:2])}` ended with status {done.returncode}: {done.stdout}")
        return json.loads(done.stdout)

    def new_tenant(self, name: str, user: str) -> str:
        """The tenant exists; the API key of a user in it."""
        self.rag("tenant", "create", name)
        return str(self.rag("key", "create", "--tenant", name, "--user", user)["key"])


@dataclass(frozen=True, slots=True)
class Served:
    """A service that answers at ``host`` and ``port``, as process ``pid``; ``ready_s`` is how long its start took."""

    host: str
    port: int
    pid: int
    ready_s: float

    def client(self, tenant: str, key: str) -> httpx.Client:
        """Keeps its connection between requests."""
        return httpx.Client(
            base_url=f"http://{self.host}:{self.port}/v1/tenants/{tenant}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
            trust_env=False,
        )


@contextmanager
def temporary_installation() -> Iterator[Installation]:
    """An installation of its own while the context lasts."""
    with tempfile.TemporaryDirectory(prefix="rag-eval-") as folder:
        data_dir = Path(folder, "data")
        own = {"RAG_DATA_DIR": str(data_dir), "RAG_MASTER_KEY": secrets.token_hex(32)}
        yield Installation(data_dir, {**os.environ, **own})


@contextmanager
def serve(installation: Installation) -> Iterator[Served]:
    """`rag serve` is ready while the context lasts. Raises RuntimeError if it does not become so."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603  # this interpreter and our own command
        [*RAG_COMMAND, "serve", "--port", str(port)], env=dict(installation.environment), stdout=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while not _is_ready(url):
            if process.poll() is not None:
                raise RuntimeError(f"`rag serve` ended with status {process.returncode}")
            if time.perf_counter() - began > _MOST_SECONDS_TO_READY:
                raise RuntimeError("`rag serve` did not become ready")
            time.sleep(0.02)
        yield Served("127.0.0.1", port, process.pid, time.perf_counter() - began)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def resident_mib(pid: int) -> float:
    """The resident memory of a process now, in MiB, as Linux tells it."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell a process's resident memory")
