"""What the document path needs, taken from the store."""

from __future__ import annotations

from ingestion.containers.limits import UnpackLimits
from ingestion.pipeline import IngestionParts
from ingestion.stages import Stages
from rag_service.settings import Settings
from rag_service.wiring import Store


def ingestion_parts(store: Store, stages: Stages, recognizers: str, settings: Settings) -> IngestionParts:
    return IngestionParts(
        tenants=store.tenants,
        documents=store.documents,
        versions=store.versions,
        quarantine=store.quarantine,
        sketches=store.sketches,
        stages=stages,
        recognizers=recognizers,
        holds=settings.hold_suspects,
        max_bytes=settings.max_upload_mb * 2**20,
        max_passages=settings.document_passages,
        unpack_limits=UnpackLimits(
            depth=settings.archive_depth,
            members=settings.archive_members,
            expanded=settings.archive_mb * 2**20,
            member=settings.max_upload_mb * 2**20,
            ratio=settings.archive_ratio,
        ),
    )
