"""The server adapter keeps the contract over the library's own engine, over the wire, and over a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from qdrant_client import AsyncQdrantClient

from rag_service.adapters.qdrant_server import QdrantServerIndex
from rag_service.adapters.server_connection import ServerConnection
from rag_service.adapters.server_requests import CollectionLayout
from tests.contracts.chunk_index import DIMENSION, ChunkIndexContract
from tests.doubles.one_loop import InOneLoop, OneLoop


@pytest.fixture
def loop() -> Iterator[OneLoop]:
    loop = OneLoop()
    yield loop
    loop.close()


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect")
class TestOverTheLibrarysOwnEngine(ChunkIndexContract):
    @pytest.fixture
    def index(self, loop: OneLoop) -> Any:
        connection = ServerConnection(lambda: AsyncQdrantClient(":memory:"))
        return InOneLoop(QdrantServerIndex(connection, CollectionLayout(DIMENSION)), loop)
