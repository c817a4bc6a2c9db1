"""The answerer that needs no model server: it selects lines of the passages, and adds no word of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from rag_service.ports import Embedder, Piece, Prompt
from rag_service.query.extract import extract


class ExtractiveAnswerer:
    """``ports.Answerer``. Each piece is a line that a passage holds word for word."""

    model = "extractive"

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def write(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """The lines that answer, those of the best place first."""
        for line in await asyncio.to_thread(extract, prompt.question, prompt.passages, self._embedder):
            yield Piece(f"{line}\n")

    async def close(self) -> None:
        """Nothing is held open."""
