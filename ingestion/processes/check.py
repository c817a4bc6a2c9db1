"""What the doctor says of the processes that ingest."""

from __future__ import annotations

from ingestion.processes.stages import layers
from rag_service.doctor.checks import Check
from rag_service.domain.errors import StageFailed


def checks() -> list[Check]:
    """Whether a parser starts, and what keeps it in: each layer was tried, not only asked for."""
    try:
        found = layers()
    except StageFailed as failure:
        return [Check("parser sandbox", False, str(failure))]
    return [Check("parser sandbox", found.confined, str(found))]
