"""The server adapter keeps the contract over the library's own engine, over the wire, and over a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import AsyncQdrantClient

from rag_service.adapters.qdrant_server import QdrantServerIndex
from rag_service.adapters.server_connection import ServerAddress, ServerConnection
from rag_service.adapters.server_requests import CollectionLayout
from tests.contracts.chunk_index import DIMENSION, ChunkIndexContract
from tests.doubles.one_loop import InOneLoop, OneLoop
from tests.doubles.qdrant_rest import qdrant_double


def opened(url: str, **layout: Any) -> QdrantServerIndex:
    """An index on the server at ``url``."""
    return QdrantServerIndex(ServerConnection(ServerAddress(url).connect), CollectionLayout(DIMENSION, **layout))


@pytest.fixture
def loop() -> Iterator[OneLoop]:
    with OneLoop() as loop:
        yield loop


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect")
class TestOverTheLibrarysOwnEngine(ChunkIndexContract):
    @pytest.fixture
    def index(self, loop: OneLoop) -> Any:
        connection = ServerConnection(lambda: AsyncQdrantClient(":memory:"))
        return InOneLoop(QdrantServerIndex(connection, CollectionLayout(DIMENSION)), loop)


class TestOverTheWire(ChunkIndexContract):
    @pytest.fixture
    def index(self, loop: OneLoop, tmp_path: Path) -> Iterator[Any]:
        with qdrant_double(tmp_path) as url:
            index = InOneLoop(opened(url), loop)
            yield index
            asyncio.run(index.close())
