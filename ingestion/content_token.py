"""What an upload is recognised by: the same content that went through the same pipeline is not ingested again."""

from __future__ import annotations

import hashlib

from ingestion.screen import DETECTOR_VERSION
from rag_service.crypto.sealing import place
from rag_service.detect import credentials, pii
from rag_service.domain.document import Upload
from rag_service.store.tenants import Tenant

PIPELINE_VERSION = "3"
"""Part of every content token: a pipeline that would make other chunks ingests unchanged files again."""


def content_token(upload: Upload, tenant: Tenant, recognizers: str) -> str:
    """Equal for equal bytes, title, policy, recognizers and detectors; keyed, so that it tells nothing of the content.

    The model is none of it: when the tenant's index moves to another, its vectors are made for what is stored already.
    Nor is the rule by which findings hold a document: what is live is judged by another by a sweep.
    """
    facts = place(
        hashlib.sha256(upload.content).hexdigest(),
        upload.name,
        upload.title or "",
        tenant.scrubbing.digest(),
        pii.VERSION,
        recognizers,
        credentials.VERSION,
        DETECTOR_VERSION,
        PIPELINE_VERSION,
    )
    return tenant.keys.token("content", hashlib.sha256(facts).hexdigest())
