"""Passages made by hand."""

from __future__ import annotations

from rag_service.domain.answer import Passage, Relevance


def passage(text: str, *, chunk: str = "c1", document: str = "d1", start: int = 0, **facts: object) -> Passage:
    defaults: dict[str, object] = {
        "version": 1,
        "title": "Handbook",
        "source": "handbook.md",
        "page": None,
        "section": None,
        "suspicions": (),
        "score": 1.0,
        "cosine": 0.6,
        "relevance": Relevance.HIGH,
    }
    return Passage(
        document_id=document,
        chunk_id=chunk,
        start=start,
        end=start + len(text),
        text=text,
        **(defaults | facts),  # type: ignore[arg-type]  # a table of fields
    )
