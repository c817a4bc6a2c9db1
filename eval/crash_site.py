"""An installation under fire: a server that is started again, and files that are uploaded edition after edition."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from eval.crash_watch import answered, edition_text
from eval.served import RAG_COMMAND, Installation
from rag_service.domain.jobs import ENDED

TENANT = "acme"
PATIENCE_S = 600.0


class Site:
    """An installation with a server that is started again whenever it is gone, and the latest edition of each file."""

    def __init__(self, installation: Installation, bodies: Sequence[str], folder: Path) -> None:
        self.installation = installation
        self.bodies = bodies
        self.folder = folder
        self.acknowledged: dict[int, int] = {}
        self.accepted: set[str] = set()
        self.command: subprocess.Popen[str] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    def client(self, key: str) -> httpx.Client:
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}/v1/tenants/{TENANT}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
            trust_env=False,
        )

    def edition(self, number: int) -> str:
        return edition_text(number, self.acknowledged.get(number, 0) + 1, self.bodies[number])

    @contextmanager
    def supervised(self, role: str) -> Iterator[Callable[[], int]]:
        """A server is started again whenever it is gone, while the context lasts; tells its process."""
        log = (self.folder / "server.log").open("a", encoding="utf-8")
        stopped, command = threading.Event(), [*RAG_COMMAND, "serve", "--port", str(self.port), "--role", role]

        def start() -> subprocess.Popen[str]:
            environment = dict(self.installation.environment)
            return subprocess.Popen(command, env=environment, stderr=log, text=True)  # noqa: S603  # our own command

        def supervise() -> None:
            while not stopped.wait(0.1):
                if running[0].poll() is not None:
                    running[0] = start()

        running = [start()]
        supervisor = threading.Thread(target=supervise, daemon=True)
        supervisor.start()
        try:
            yield lambda: running[0].pid
        finally:
            stopped.set()
            supervisor.join()
            running[0].terminate()
            running[0].wait(timeout=60)
            log.close()


def upload_editions(site: Site, numbers: Sequence[int], key: str, enough: threading.Event) -> None:
    """Edition after edition is uploaded over HTTP and is a document, until it is enough; the last one whole."""
    with site.client(key) as client:
        while True:
            waiting = {}
            for number in numbers:
                waiting[number] = _post(site, client, number)
            for job_id in waiting.values():
                _until_ended(client, job_id)
            if enough.is_set():
                return


def _post(site: Site, client: httpx.Client, number: int) -> str:
    content = site.edition(number).encode()
    form = {"source": f"file {number}", "allow": "everyone"}
    while True:
        accepted = answered(
            lambda: client.post("documents", data=form, files={"file": (f"{number}.md", content, "text/markdown")})
        )
        if accepted is not None and "job_id" in accepted:
            site.acknowledged[number] = site.acknowledged.get(number, 0) + 1
            site.accepted.add(accepted["job_id"])
            return str(accepted["job_id"])
        time.sleep(0.2)  # the service is being started again, or has too much waiting


def _until_ended(client: httpx.Client, job_id: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        job = answered(lambda: client.get(f"jobs/{job_id}"))
        if job is not None and job.get("state") in ENDED:
            return
        time.sleep(0.2)


def ingest_editions(site: Site, numbers: Sequence[int], enough: threading.Event) -> None:
    """Edition after edition is ingested by `rag ingest`, given again when it was killed, until it is enough."""
    folder = site.folder / "files"
    folder.mkdir(exist_ok=True)
    command = [*RAG_COMMAND, "ingest", str(folder), "--source", "file ", "--tenant", TENANT, "--allow", "everyone"]
    while True:
        for number in numbers:
            (folder / f"{number}.md").write_text(site.edition(number), encoding="utf-8")
        status = None
        while status != 0:
            with subprocess.Popen(  # noqa: S603  # our own command
                [*command, "--json"], env=dict(site.installation.environment), stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True,
            ) as process:  # fmt: skip
                site.command = process
                output, _ = process.communicate()
                status = process.returncode
            site.command = None
            if status > 0:
                raise RuntimeError(f"`rag ingest` ended with status {status}: {output[-2000:]}")
        for number in numbers:
            site.acknowledged[number] = site.acknowledged.get(number, 0) + 1
        if enough.is_set():
            return
