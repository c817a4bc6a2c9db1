from __future__ import annotations

import pytest

from rag_service.detect.pii import PiiDetector


@pytest.fixture(scope="session")
def detector() -> PiiDetector:
    return PiiDetector()
