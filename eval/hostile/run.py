"""The run: this process works through the queue, a real `rag ingest` fills it, and a service answers afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval.hostile.bombs import HONEST, write_bombs
from eval.hostile.report import Run
from eval.served import RAG_COMMAND, Installation, serve, temporary_installation
from ingestion.containers.kinds import Kind
from ingestion.containers.limits import UnpackLimits
from ingestion.containers.walk import Unpacked
from ingestion.crew import ingesting
from ingestion.processes.stages import ProcessStages
from ingestion.removal import KeyedPolicy
from ingestion.stages import Cleaned
from rag_service.domain.document import ParsedDocument, Upload
from rag_service.domain.identity import TenantId
from rag_service.settings import load_settings
from rag_service.wiring import open_service

_QUESTION = "When does the observatory of Brindlemoor open its dome?"
_ANSWER = "quarter past nine"


@dataclass
class Times:
    """Seconds by file and stage, with the waiting for a process."""

    spent: dict[tuple[str, str], float] = field(default_factory=dict)

    @contextmanager
    def of(self, name: str, stage: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.spent[name, stage] = self.spent.get((name, stage), 0.0) + time.monotonic() - began

    def slowest(self, most: int = 10) -> list[dict[str, Any]]:
        rows = sorted(self.spent.items(), key=lambda row: -row[1])[:most]
        return [{"file": Path(name).name, "stage": stage, "seconds": round(took, 1)} for (name, stage), took in rows]


class TimedStages(ProcessStages):
    """Tells what each file took of the stages that meet its bytes."""

    times = Times()

    async def parse(self, tenant: TenantId, upload: Upload, max_bytes: int) -> ParsedDocument:
        with self.times.of(upload.name, "parse"):
            return await super().parse(tenant, upload, max_bytes)

    async def unpack(
        self, tenant: TenantId, upload: Upload, limits: UnpackLimits, mail: Kind | None, first: int
    ) -> Unpacked | None:
        with self.times.of(upload.name, "unpack"):
            return await super().unpack(tenant, upload, limits, mail, first)

    async def scrub(self, tenant: TenantId, document: ParsedDocument, source: str, policy: KeyedPolicy) -> Cleaned:
        with self.times.of(source, "scrub"):
            return await super().scrub(tenant, document, source, policy)


async def run(folders: Sequence[Path], *, bombs: bool) -> Run:
    """What came of the files of the folders, and of the bombs."""
    with temporary_installation() as installation:
        paths = [folder.resolve() for folder in folders]
        if bombs:
            made = installation.data_dir.parent / "bombs"
            list(write_bombs(made))
            paths.append(made)
        key = installation.new_tenant("acme", "ada")
        began, load = time.monotonic(), os.getloadavg()
        outcome, stages = await _ingested(installation, paths)
        took = time.monotonic() - began
        return Run(
            files=[str(file) for path in paths for file in sorted(path.rglob("*")) if file.is_file()],
            outcome=outcome,
            seconds=took,
            load=(load[0], os.getloadavg()[0]),
            peaks=stages.peak_rss_mib(),
            own_peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            profile=stages.profile(),
            slowest=stages.times.slowest(),
            answers=_answers(installation, key, made / HONEST if bombs else None),
        )


async def _ingested(installation: Installation, paths: Sequence[Path]) -> tuple[dict[str, Any], TimedStages]:
    settings = load_settings(data_dir=installation.data_dir, master_key=installation.environment["RAG_MASTER_KEY"])
    stages = TimedStages(settings)
    async with open_service(settings) as service, ingesting(service, stages):
        command = [*RAG_COMMAND, "ingest", *map(str, paths), "--tenant", "acme", "--allow", "everyone", "--json"]
        process = await asyncio.create_subprocess_exec(
            *command, env=dict(installation.environment), stdout=asyncio.subprocess.PIPE, stderr=sys.stderr
        )
        told, _ = await process.communicate()
    outcome: dict[str, Any] = json.loads(told)
    return outcome, stages


def _answers(installation: Installation, key: str, honest: Path | None) -> bool:
    """Whether a service on that folder starts, and answers from the honest file where there is one."""
    with serve(installation) as served, served.client("acme", key) as client:
        answer = client.post("query", json={"question": _QUESTION}).raise_for_status().json()
    return honest is None or _ANSWER in answer["answer"]
