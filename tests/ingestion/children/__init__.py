"""Children that misbehave. They are started in place of a parser, in the same sandbox and under the same limits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ingestion.processes.birth import Program
from ingestion.processes.limits import MIB, Limits
from ingestion.processes.programs import PROGRAMS, Programs
from ingestion.processes.stages import ProcessStages
from rag_service.domain.document import Upload
from rag_service.domain.identity import TenantId
from rag_service.settings import load_settings

LIMITS = Limits(wall_s=60, cpu_s=60, memory_bytes=512 * MIB, output_bytes=MIB, requests=200)
ACME, OTHER = TenantId("acme"), TenantId("other")
FOLDER = str(Path(__file__).parent)


HOSTILE = Program("hostile", LIMITS, path=(FOLDER,), per_tenant=True)


def hostile_stages(*, parsers: int = 1, config: bytes = b"", **limits: float) -> ProcessStages:
    """Stages whose parser does what the name of an upload says; see ``hostile.py``. To be closed."""
    program = replace(HOSTILE, config=config, limits=replace(LIMITS, **limits))  # type: ignore[arg-type]  # the fields'
    return ProcessStages(load_settings(), parsers=parsers, programs=Programs(program, PROGRAMS.text, PROGRAMS.model))


def order(what: str, with_: str = "") -> Upload:
    """An upload that has the child do this."""
    return Upload(what, b"content", with_)
