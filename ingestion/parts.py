"""What the document path needs, taken from the service."""

from __future__ import annotations

from ingestion.pipeline import IngestionParts
from rag_service.wiring import Service


def ingestion_parts(service: Service) -> IngestionParts:
    return IngestionParts(
        tenants=service.store.tenants,
        documents=service.store.documents,
        versions=service.store.versions,
        follower=service.follower,
        embedder=service.embedder,
        detector=service.detector,
        max_bytes=service.settings.max_upload_mb * 2**20,
    )
